from pathlib import Path

import pytest

from falseflaw.cli.configuration.schema import VerbSchema
from falseflaw.cli.main import VERBS, main


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FALSEFLAW_DEBUG", raising=False)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line of a wrong call."""
    assert main(list(words)) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    assert captured.err.startswith(f"falseflaw {words[0]}: ")
    assert "-m" in words or not list(Path().iterdir())
    return captured.err.strip()


@pytest.mark.parametrize(
    ("given", "right"),
    [
        ("predict photo.jpg out", "predict input=photo.jpg output=out"),
        ("predict --input photo.jpg --output=out", "predict input=photo.jpg output=out"),
        ("predict -input photo.jpg output=out", "predict input=photo.jpg output=out"),
        ("predict --inptu photo.jpg", "predict input=photo.jpg"),
        ("predict --batch-size 4 input=a output=b", "predict batch_size=4 input=a output=b"),
        ("predict a=b.jpg out", "predict a=b.jpg input=out"),
        ("audit data/x", "audit dataset=data/x"),
        ("audit data/x --no-progress", "audit dataset=data/x progress=false"),
        ("evaluate runs/a data/x", "evaluate run=runs/a dataset=data/x"),
        ("evaluate a.ckpt data/x", "evaluate checkpoint=a.ckpt dataset=data/x"),
        ("evaluate bundle=b data/x", "evaluate bundle=b dataset=data/x"),
        ("export runs/a", "export run=runs/a"),
        ("compare a b", "compare 'evaluations=[a,b]'"),
        ("download clothing", "download photos=clothing"),
        ("synthesize clothing --overwrite", "synthesize photos=clothing overwrite=true"),
        ("train --max-steps 5", "train trainer.max_steps=5"),
        ("train -m --seed 1,2", "train -m seed=1,2"),
        ("train data/x runs/y", "train dataset=data/x run_dir=runs/y"),
        ("train-inpainter --cache", "train-inpainter cache=VALUE"),
    ],
)
def test_words_that_are_no_overrides_show_the_right_call(
    given: str, right: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(capsys, *given.split()).endswith(f"; write: falseflaw {right}")


def test_odd_names_are_quoted_for_the_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "predict", "my photo.jpg", "out").endswith("predict 'input=my photo.jpg' output=out")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_a_bare_path_for_what_it_asks_first(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first = VerbSchema(verb).paths[0]
    assert f"; write: falseflaw {verb} {first}=" in told(capsys, verb, "some/where").replace("'", "")
    assert f"; write: falseflaw {verb} {first}=x" in told(capsys, verb, f"--{first}", "x")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("predict inptu=x output=y", "got inptu; did you mean input=x?"),
        ("train max_steps=3", "got max_steps; did you mean trainer.max_steps=3?"),
        ("train optimizer.lr=0.1", "got optimizer.lr; optimizer has learning_rate, weight_decay"),
        ("train trainer.max_stps=3", "did you mean trainer.max_steps=3?"),
        ("train trianer=gpu", "did you mean trainer=gpu?"),
        ("train nothing.like.it=1", "`falseflaw train --help` lists them"),
        ("predict photos=clothing", "got photos; `falseflaw predict --help`"),
        (
            "train trainer=gpuu",
            "expected trainer= one of base, cpu, ddp, gpu, slurm, got trainer=gpuu; "
            "did you mean trainer=gpu?",
        ),
        ("synthesize photos=xyz", "camera_originals, clothing, clothing_and_grocery"),
        ("train -m trainer=cpu,gpuu", "got trainer=gpuu"),
        ("predict batch_size=[ input=x output=y", "Hydra's grammar, got 'batch_size=['"),
        ("train seed=1,2", "for a sweep add -m, for a list write seed=[1,2]"),
        ("train trainer=cpu,gpu", "for a sweep add -m"),
        ("synthesize photos=folder output=q", "expected photos.folder=VALUE, got none"),
        ("predict input=x", "expected output=PATH"),
        ("predict --cfg all-of-it", "expected --cfg job, hydra or all"),
        ("evaluate", "expected one of run=FOLDER"),
    ],
)
def test_keys_and_options_that_do_not_exist(
    given: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in told(capsys, *given.split())


def test_flags_of_hydra_stay_what_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["--cfg", "job"], ["-c", "job", "--resolve"], ["--cfg=job", "input=a"]):
        assert main(["predict", *words, "output=b"]) == 0
    assert "batch_size: 1" in capsys.readouterr().out


def test_failed_work_is_no_wrong_call() -> None:
    assert main(["predict", "input=nothing", "output=out"]) == 1
    assert main(["audit", "dataset=nothing"]) == 1
    assert main(["compare", "evaluations=[a,b]"]) == 1
    Path("photos").mkdir()
    assert main(["train", "dataset=photos", "run_dir=r"]) == 1
