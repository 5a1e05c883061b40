"""The command that trains without one part at a time: what it asks for, and that nothing is done twice."""

from pathlib import Path

import pytest
from tests.helpers import load_script, make_dataset
from tests.studies.test_ablations import write

NAMES = ("full", "without_layers", "without_sharp_writers")


@pytest.fixture
def ablations(monkeypatch, tmp_path):
    """The script, its verbs replaced by ones that write what they would."""
    module = load_script("studies/ablations.py")
    module.calls = []

    def call(*words):
        module.calls.append(words)
        if words[0] == "evaluate":
            folder = Path(dict(word.split("=", 1) for word in words[1:])["output"])
            write(folder, gap=0.0 if "without_layers" in str(folder) else 2.0)
            (folder / "summary.json").touch()

    monkeypatch.setattr("falseflaw.studies.trainings.falseflaw", call)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    return module


def words_of(calls, verb, run):
    """Words of the one call of a verb for a run."""
    (found,) = [words for words in calls if words[0] == verb and any(f"{run}" in word for word in words)]
    return found


def test_every_ablation_gets_the_same_minutes_and_is_done_once(ablations, tmp_path, capsys):
    make_dataset(tmp_path / "data", sources=4)
    asked = ["--minutes=2", "--seeds=2", "--jobs=2", f"--only={','.join(NAMES)}", "dataset=data", "x=1"]
    assert ablations.main([*asked, "--clock=processor", "--laundering=smoke", "--limit=7"]) == 0
    told = capsys.readouterr().out
    assert "without_sharp_writers: data has no writer" in told  # nothing of it was finished against a critic
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in told.splitlines() if "|" in line]
    named = [["full", "2"], ["without layers", "2"], ["full, seed 1 against 0", "1"]]
    assert [line[:2] for line in lines[2:]] == named
    assert lines[2][-1] == ""
    assert lines[3][-1].startswith("-")  # worse than the full one
    assert lines[4][-1].startswith("+0.000 [+0.000")  # the stand-in gives both seeds the same
    assert "2 minutes of the processor" in told
    trained = words_of(ablations.calls, "train", "without_layers/seed1")
    assert {"experiment=ablation/without_layers", "seed=1", "dataset=data", "x=1"} <= set(trained)
    assert [word for word in trained if "ProcessorTimer,minutes:2.0" in word]
    evaluated = words_of(ablations.calls, "evaluate", "full/seed0")
    assert {"fold=val", "laundering=smoke", "limit_sources=7"} <= set(evaluated)
    assert len(ablations.calls) == 8
    ablations.calls.clear()
    assert ablations.main([*asked, "--clock=processor"]) == 0
    assert ablations.calls == []
    assert ablations.main([*asked, "--minutes=3", "--clock=processor"]) == 2
    assert "called as before" in capsys.readouterr().err


def test_sharp_writers_are_those_of_the_dataset_inpainters_and_perturbed_copies_too(ablations, tmp_path):
    import pandas as pd

    from falseflaw.dataset.manifest import MANIFEST_NAME

    dataset = make_dataset(tmp_path / "data", sources=4)
    manifest = pd.read_parquet(dataset / MANIFEST_NAME)
    names = ["latent_finished", "kl4_sharp_perturbed", "kl4", "latent"]
    manifest["generator"] = [names[index % 4] for index in range(len(manifest))]
    manifest.to_parquet(dataset / MANIFEST_NAME)
    assert ablations.sharp_writers(dataset) == ["kl4_sharp_perturbed", "latent_finished"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--only=without_light"], "expected --only of full, without_layers"),
        (["--seeds=0", "dataset=data"], "--seeds of at least 1, got 0"),
        (["--jobs=0", "dataset=data"], "at least 1, got 0"),
        (["--minutes=0", "dataset=data"], "above 0, got 0"),
    ],
)
def test_one_line_for_what_cannot_be(ablations, tmp_path, capsys, words, told):
    make_dataset(tmp_path / "data", sources=4)
    assert ablations.main(words) == 2
    assert told in capsys.readouterr().err
    assert ablations.calls == []
