"""The groups, options and keys of a verb, read from its config files without Hydra."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from falseflaw.cli.configuration.path_keys import is_path_key, is_path_list_key, leaves
from falseflaw.paths import config_dir


class VerbSchema:
    """What `conf/<verb>.yaml` offers, or that file in the folder of a user's own verbs."""

    def __init__(self, verb: str, words: Sequence[str] = ()) -> None:
        self.text = _primary_file(verb, words).read_text(encoding="utf-8")
        self._values: dict[str, Any] = yaml.safe_load(self.text) or {}

    @cached_property
    def bases(self) -> list[VerbSchema]:
        """The verbs whose configurations this one's holds, all their groups and keys."""
        named = [entry for entry in self._values.get("defaults", []) if isinstance(entry, str)]
        return [VerbSchema(name) for name in named if (config_dir() / f"{name}.yaml").is_file()]

    @cached_property
    def groups(self) -> list[tuple[str, str | None, list[str]]]:
        """Name, default and options of each group, in the order of the defaults list.

        A second choice of one group is named as it is chosen, `GROUP@KEY`.
        """
        found = [group for base in self.bases for group in base.groups]
        for entry in self._values.get("defaults", []):
            if not isinstance(entry, dict):
                continue
            for key, default in entry.items():
                name = str(key).removeprefix("optional ").removeprefix("override ").strip("/")
                group = name.split("@")[0]
                if any(group == other for other, _, _ in found):
                    found.append((name, default if isinstance(default, str) else None, options(group)))
                elif not group.startswith("hydra"):
                    found.append((group, default if isinstance(default, str) else None, options(group)))
        return found

    @cached_property
    def keys(self) -> dict[str, Any]:
        """The verb's own keys, dotted, with their defaults."""
        own = {key: value for key, value in self._values.items() if key not in {"defaults", "hydra"}}
        return {key: value for base in self.bases for key, value in base.keys.items()} | dict(leaves(own))

    @cached_property
    def paths(self) -> list[str]:
        """Keys that hold one path, those first that have no default."""
        found = [key for key in self.keys if is_path_key(key) or is_path_list_key(key)]
        return sorted(found, key=lambda key: self.keys[key] != "???")


def own_module(verb: str, words: Sequence[str]) -> str | None:
    """Returns the module of a verb of the user's own, None if there is no such verb.

    It is one if `--config-dir=FOLDER` holds `<verb>.yaml` with the key `module: PACKAGE.MODULE`. The module
    offers what those of `falseflaw.cli` do: `EXTRAS`, `run(config)` and `how_to_go_on(config)`.
    """
    path = _primary_file(verb, words)
    if path.parent == config_dir() or not path.is_file():
        return None
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    return str(values["module"]) if isinstance(values, dict) and "module" in values else None


def _primary_file(verb: str, words: Sequence[str]) -> Path:
    name = f"{verb.replace('-', '_')}.yaml"
    for position, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if flag in {"-cd", "--config-dir"} and not (config_dir() / name).is_file():
            return Path(value if equals else "".join(words[position + 1 : position + 2])) / name
    return config_dir() / name


def options(group: str) -> list[str]:
    """Returns the options of a group, in subfolders with their path; none if there is no such group."""
    folder = config_dir() / group
    return sorted(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml"))
