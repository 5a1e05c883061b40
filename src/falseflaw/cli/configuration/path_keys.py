"""Which keys of the configuration hold paths: told by their name, and by the values shipped for them.

A key that takes a path is called by one of `NAMES` or ends in one of `SUFFIXES`; a test holds every key,
every constructor and every verb to that. Keys of the same name that ship with a number or a switch hold none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache

import yaml

from falseflaw.paths import config_dir

NAMES = frozenset(
    {
        *("input", "output", "bundle", "run", "checkpoint", "evaluation", "dataset", "operating_point"),
        *("cache", "resume", "start", "folder", "path", "dir", "dirpath", "key", "sweep", "shards"),
    }
)
"""Last parts of keys that hold one path."""

LIST_NAMES = frozenset({"weights", "evaluations", "other_evaluations", "further_layers"})
"""Last parts of keys that hold several paths."""

SUFFIXES = ("_dir", "_folder", "_path", "_file")
LIST_SUFFIXES = ("_dirs", "_folders", "_paths", "_files")


def is_path_key(key: str) -> bool:
    """Returns whether `key`, such as `photos.folder`, holds a path."""
    name = key.rpartition(".")[2]
    return (name in NAMES or name.endswith(SUFFIXES)) and not _holds_numbers(key)


def is_path_list_key(key: str) -> bool:
    """Returns whether `key` holds a list of paths."""
    name = key.rpartition(".")[2]
    return name in LIST_NAMES or name.endswith(LIST_SUFFIXES)


def leaves(values: object, prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yields the dotted key and the value of every scalar and list of a configuration."""
    if not isinstance(values, Mapping):
        yield prefix, values
        return
    for key, value in values.items():
        yield from leaves(value, f"{prefix}.{key}" if prefix else str(key))


@cache
def _holds_numbers(key: str) -> bool:
    """Returns whether a shipped file of the key's group gives it a number or a switch."""
    group, _, _ = key.rpartition(".")[0].partition(".")
    folder = config_dir() / group if group else config_dir()
    name = key.rpartition(".")[2]
    return any(
        leaf.rpartition(".")[2] == name and isinstance(value, bool | int | float)
        for path in folder.glob("*.yaml")
        for leaf, value in leaves(yaml.safe_load(path.read_text(encoding="utf-8")))
    )
