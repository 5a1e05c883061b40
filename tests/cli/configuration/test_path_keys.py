"""Whatever takes a path is known by its name: held here against the shipped files, constructors and verbs."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hydra.utils import get_object

from falseflaw import cli
from falseflaw.cli.configuration.path_keys import is_path_key, is_path_list_key, leaves
from falseflaw.paths import config_dir

FILES = sorted(config_dir().rglob("*.yaml"))
_SPEAKS_OF_PATHS = re.compile(r"\b(folders?|files?|(?<!of a )checkpoint)\b")
_LINE = re.compile(r"^[ \t]*(?P<key>\w+):[ \t]*(?P<value>[^#\n]*?)[ \t]*#(?P<comment>.*)$", re.MULTILINE)


def takes_paths(key: str) -> bool:
    return is_path_key(key) or is_path_list_key(key)


def place(path: Path) -> str:
    """The dotted prefix that the keys of a shipped file get."""
    return ".".join(path.relative_to(config_dir()).parts[:-1])


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(config_dir())))
def test_keys_that_are_said_to_hold_paths_are_known(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for match in _LINE.finditer(text):
        value = yaml.safe_load(match["value"])
        may_be = value is None or (isinstance(value, str | list) and match["key"] != "_target_")
        if (
            may_be
            and _SPEAKS_OF_PATHS.search(match["comment"].split(";")[0])
            and not is_no_path(match["key"], value)
        ):
            assert takes_paths(match["key"]), match[0].strip()


def is_no_path(key: str, value: object) -> bool:
    """Names and numbers whose comment speaks of files: lists of words, sums and counts."""
    return isinstance(value, list) and bool(value) and key != "weights"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(config_dir())))
def test_values_that_look_like_paths_are_known(path: Path) -> None:
    for key, value in leaves(yaml.safe_load(path.read_text(encoding="utf-8"))):
        first = value[0] if isinstance(value, list) and value else value
        if key == "defaults":  # Hydra's own: groups and options
            continue
        if isinstance(first, str) and "/" in first.split("$")[0] and not first.startswith("http"):
            assert takes_paths(f"{place(path)}.{key}".strip(".")), f"{key}: {value}"


def constructors(values: object, key: str) -> Iterator[tuple[str, str]]:
    """Yields the key and the dotted path of everything that is built of a part of the configuration."""
    if isinstance(values, dict):
        if "_target_" in values:
            yield key, values["_target_"]
        for name, value in values.items():
            yield from constructors(value, f"{key}.{name}")
    elif isinstance(values, list):
        for value in values:
            yield from constructors(value, key)


def test_constructors_that_take_paths_get_them_from_known_keys() -> None:
    found = set()
    for path in FILES:
        for key, target in constructors(yaml.safe_load(path.read_text(encoding="utf-8")), place(path)):
            if target.startswith("falseflaw."):
                for name, parameter in inspect.signature(get_object(target)).parameters.items():
                    if "Path" in str(parameter.annotation):
                        found.add(name)
                        assert takes_paths(f"{key}.{name}"), f"{target}: {name}"
    assert "folder" in found


def test_verbs_that_make_paths_make_them_of_known_keys() -> None:
    found = set()
    for source in Path(cli.__path__[0]).rglob("*.py"):
        for call in ast.walk(ast.parse(source.read_bytes())):
            if not isinstance(call, ast.Call):
                continue
            name = getattr(call.func, "id", "")
            if name not in {"Path", "_path", "find_existing"}:
                continue
            for node in ast.walk(call):
                value = getattr(node, "value", None)
                if isinstance(node, ast.Attribute) and getattr(value, "id", "") == "config":
                    found.add(node.attr)
    found -= {
        "data",
        "inpainter",
        "sign",
        "verify",
        "hydra",
    }  # groups whose own keys are looked at above, and Hydra's own
    assert {"input", "output", "cache", "dataset"} <= found
    assert not {name for name in found if not takes_paths(name)}


@pytest.mark.parametrize(
    "key",
    [
        *("run_dir", "cache", "resume", "photos.folder", "recipe.start", "data.dataset", "inpainter.path"),
        *("hydra.run.dir", "trainer.profiler.dirpath", "any.new_folder", "inpainter.inpainters.a.path"),
    ],
)
def test_keys_of_paths(key: str) -> None:
    assert is_path_key(key)


@pytest.mark.parametrize("key", ["seed", "data.cache", "photos", "name", "trainer.max_steps", "weights"])
def test_keys_of_other_things(key: str) -> None:
    assert not is_path_key(key)
