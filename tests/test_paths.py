"""The shipped weights are found in a clone and in an installed package, and every default path is in one."""

import os
import tomllib
from pathlib import Path, PurePosixPath

import pytest
import yaml

from falseflaw import paths
from falseflaw.errors import MissingDataError
from falseflaw.paths import config_dir, find_existing, readable, short_name

ROOT = Path(__file__).resolve().parents[1]


def packaged() -> dict[str, Path]:
    """Path that an installed package offers → path in the repository."""
    offered = {}
    for file in sorted((ROOT / "packages").glob("*/pyproject.toml")):
        target = tomllib.loads(file.read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
        for source, place in target["force-include"].items():
            package, _, below = place.partition("/")
            assert package in paths._WEIGHT_PACKAGES
            assert (file.parent / package / "__init__.py").is_file()
            offered[below] = (file.parent / source).resolve()
    return offered


def configured() -> dict[str, str]:
    """Config file → the folder of weights that it names."""
    values = {
        path.relative_to(config_dir()).as_posix(): yaml.safe_load(path.read_text())
        for path in config_dir().rglob("*.yaml")
    }
    return {
        f"{name}:{key}": value[key]
        for name, value in values.items()
        if isinstance(value, dict)
        for key in ("bundle", "path", "folder")
        if str(value.get(key)).startswith("checkpoints/")
    }


def test_every_folder_of_weights_that_a_config_names_is_in_a_package_under_the_same_path() -> None:
    offered = packaged()
    assert len(configured()) >= 4
    for where, folder in configured().items():
        above = [str(path) for path in (PurePosixPath(folder), *PurePosixPath(folder).parents)]
        assert any(name in offered for name in above), where
        assert (ROOT / folder).is_dir()
    for name, path in offered.items():
        assert path == ROOT / name
        assert path.is_dir()


def test_an_installed_package_stands_in_for_the_clone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "_REPOSITORY", tmp_path / "nowhere")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingDataError, match="found nothing there; do this"):
        find_existing("checkpoints/thing", "a thing", "do this")
    installed = tmp_path / "site/falseflaw_reference/checkpoints/thing"
    installed.mkdir(parents=True)
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert find_existing("checkpoints/thing", "a thing", "do this") == installed
    (tmp_path / "checkpoints/thing").mkdir(parents=True)  # what lies here comes first
    assert find_existing("checkpoints/thing", "a thing", "do this") == Path("checkpoints/thing")


def test_names_become_text() -> None:
    assert readable("plain ümläut.jpg") == "plain ümläut.jpg"
    assert readable(os.fsdecode(b"caf\xe9.jpg")) == "caf\\xe9.jpg"
    assert readable("half\ud800.jpg") == "half\\ud800.jpg"


def test_short_names_are_short_safe_and_apart() -> None:
    names = [
        "x" * 255,
        "x" * 254,
        "CON",
        "a:b?*.jpg",
        "ü.jpg",
        "sub/ü.jpg",
        os.fsdecode(b"\xff"),
        "..",
        "名.jpg",
    ]
    short = [short_name(Path(name)) for name in names]
    assert len({name.casefold() for name in short}) == len(names)
    for name in short:
        assert name.isascii()
        assert len(name) < 60
        assert not set(name) & set('/\\:*?"<>|. ')
