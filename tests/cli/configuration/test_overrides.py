from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from falseflaw.cli.configuration.overrides import escape, hydra_arguments, quote, quote_paths
from falseflaw.seeding import derive_rng


def understood(override: str) -> object:
    """What a verb finds in its configuration."""
    parsed = OverridesParser.create().parse_override(override)
    return OmegaConf.create({"key": parsed.value()}).key


def test_quoted_texts_come_back_unchanged() -> None:
    rng = derive_rng("quote")
    letters = list("ab1 '\"\\${},=\n\té😀()[]~#:;%&!*?<>|`^@+-\udce9")
    for _ in range(400):
        text = "".join(rng.choice(letters, int(rng.integers(1, 12))))
        assert understood(f"key={quote(text)}") == text


@pytest.mark.parametrize("text", ["null", "true", "1", "1e3", "1:30", " x ", "'x'", "\\", "${x}", "\\${x}"])
def test_texts_that_hydra_would_read_otherwise(text: str) -> None:
    assert understood(f"key={quote(text)}") == text


def test_a_path_called_missing_stays_a_path() -> None:
    assert understood(f"key={quote('???')}") == "./???"


@pytest.mark.parametrize(
    "name", ["a b", "x=1", "a,b", "(1)", "[1]", "{a}", "it's", 'say "x"', "ü", "12", "a#b"]
)
@pytest.mark.parametrize(
    "key", ["input", "+input", "++checkpoint", "run_dir", "cache", "resume", "photos.folder", "data.dataset"]
)
def test_path_keys_take_any_name_whether_it_exists_or_not(name: str, key: str) -> None:
    (quoted,) = quote_paths([f"{key}={name}"])
    assert quoted.startswith(f"{key}=")
    assert understood(quoted.lstrip("+")) == name


def test_existing_paths_are_quoted_under_every_key(tmp_path: Path) -> None:
    path = tmp_path / "my photos, (2026)"
    path.mkdir()
    (quoted,) = quote_paths([f"photos.folder={path}"])
    assert understood(quoted) == str(path)


@pytest.mark.parametrize(
    "override",
    [
        "seed=1",
        "photos=clothing",
        "seed=1,2",
        "model.channels=[1,2]",
        "~photos",
        "-m",
        "--multirun",
        "input=plain/path-1.jpg",
        "input=",
        "checkpoint=null",
        "input='already quoted'",
        "output=${oc.env:HOME}/x",
        "hydra/launcher=basic",
        "experiment@here=reference",
    ],
)
def test_everything_else_is_left_to_hydra(override: str) -> None:
    assert quote_paths([override]) == [override]


def test_a_sweep_over_paths_stays_a_sweep() -> None:
    overrides = ["-m", "checkpoint=a.ckpt,b.ckpt"]
    assert quote_paths(overrides) == overrides


def test_bare_values_are_no_paths_although_a_file_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("1", "true"):
        (tmp_path / name).touch()
    assert quote_paths(["seed=1", "progress=true"]) == ["seed=1", "progress=true"]


@pytest.mark.parametrize(
    ("given", "understood_as"),
    [
        ("name=a=b", "a=b"),
        ("name=wörter", "wörter"),
        ("inpainter.negative_prompt=it's (1)", "it's (1)"),
        ("run_dir=r/lr=${learning_rate},x", "r/lr=0.5,x"),
        ("weights=my runs/lr=0.1, (2)", ["my runs/lr=0.1", "(2)"]),
        ("weights=plain", ["plain"]),
        (
            "evaluations=[r/lr=0.1/evaluation,'r/a, b/evaluation']",
            ["r/lr=0.1/evaluation", "r/a, b/evaluation"],
        ),
        ("evaluations={a:r/lr=0.1,b:r/(2)}", {"a": "r/lr=0.1", "b": "r/(2)"}),
        ("evaluations=[a,b]", ["a", "b"]),
    ],
)
def test_what_the_grammar_has_no_reading_for_is_text(given: str, understood_as: object) -> None:
    (quoted,) = quote_paths([given])
    parsed = OverridesParser.create().parse_override(quoted)
    assert OmegaConf.create({"key": parsed.value(), "learning_rate": 0.5}).key == understood_as


def test_the_home_folder_is_known_in_every_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/of me")
    (quoted,) = quote_paths(["run_dir=~/r=1"])
    assert understood(quoted.replace("run_dir", "key")) == "/home/of me/r=1"


def test_a_switch_called_as_a_folder_stays_a_switch() -> None:
    assert quote_paths(["data.cache=true"]) == ["data.cache=true"]
    assert understood(quote_paths(["cache=true"])[0].replace("cache", "key")) == "true"


def test_a_sweep_over_paths_that_hydra_cannot_read() -> None:
    (_, swept) = quote_paths(["-m", "run_dir=r/lr=0.1,r/lr=0.2"])
    assert swept == "run_dir='r/lr=0.1','r/lr=0.2'"


def test_flags_come_first_for_argparse_takes_no_overrides_on_both_sides() -> None:
    assert hydra_arguments(["seed=1,2", "-m", "name=x"]) == ["-m", "seed=1,2", "name=x"]


@pytest.mark.parametrize(
    ("run_dir", "placed"),
    [
        ("r/one", ["run_dir=r/one", "hydra.sweep.dir=r/one"]),
        ("r/a=1", ["run_dir='r/a=1'", "hydra.sweep.dir='r/a=1'"]),
        ("a,b", ["run_dir='{here}/a','{here}/b'", "hydra.sweep.subdir=${{run_dir}}"]),
        ("/a=1,b", ["run_dir='/a=1','{here}/b'", "hydra.sweep.subdir=${{run_dir}}"]),
        ("r/lr=${seed}", ["run_dir='{here}/r/lr=${{seed}}'", "hydra.sweep.subdir=${{run_dir}}"]),
    ],
)
def test_jobs_of_a_sweep_go_where_the_run_folder_says(
    run_dir: str, placed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [word.format(here=tmp_path) for word in placed]
    assert hydra_arguments(["-m", f"run_dir={run_dir}"]) == ["-m", *words]
    by_hand = "hydra.sweep.dir=elsewhere"
    assert by_hand in hydra_arguments(["-m", f"run_dir={run_dir}", by_hand])
    assert len(hydra_arguments(["-m", f"run_dir={run_dir}", by_hand])) == 3


@pytest.mark.parametrize("path", ["/r/lr=0.1", 'a "b"', "a\\", "${x}", "\\${x}", "it's"])
def test_a_folder_that_lightning_tells_a_further_process_comes_through(path: str) -> None:
    settings = OmegaConf.create({"dir": escape(quote(path, mark='"')[1:-1])})
    (word,) = quote_paths([f'hydra.run.dir="{settings.dir}"'])
    assert understood(word.replace("hydra.run.dir", "key")) == path


def test_an_experiments_file_stands_for_its_folder_and_name(tmp_path: Path) -> None:
    file = tmp_path / "a b" / "experiment" / "mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("")
    words = hydra_arguments(["seed=1", f"experiment={file}"])
    assert words == [f"--config-dir={tmp_path / 'a b'}", "seed=1", "experiment=mine"]
    assert hydra_arguments([f"--config-dir={tmp_path}", "experiment=mine"])[-1] == "experiment=mine"
