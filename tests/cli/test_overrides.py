from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from falseflaw.cli.configuration.overrides import quote, quote_paths
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
@pytest.mark.parametrize("key", ["input", "+input", "++checkpoint"])
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
