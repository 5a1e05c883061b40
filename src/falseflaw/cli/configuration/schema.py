"""The groups, options and keys of a verb, read from its config files without Hydra."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import yaml

from falseflaw.cli.configuration.path_keys import is_path_key, is_path_list_key, leaves
from falseflaw.paths import config_dir


class VerbSchema:
    """What `conf/<verb>.yaml` offers."""

    def __init__(self, verb: str) -> None:
        self.text = (config_dir() / f"{verb.replace('-', '_')}.yaml").read_text(encoding="utf-8")
        self._values: dict[str, Any] = yaml.safe_load(self.text) or {}

    @cached_property
    def groups(self) -> list[tuple[str, str | None, list[str]]]:
        """Name, default and options of each group, in the order of the defaults list."""
        found = []
        for entry in self._values.get("defaults", []):
            if not isinstance(entry, dict):
                continue
            for key, default in entry.items():
                name = str(key).removeprefix("optional ").removeprefix("override ").split("@")[0].strip("/")
                if not name.startswith("hydra"):
                    found.append((name, default if isinstance(default, str) else None, options(name)))
        return found

    @cached_property
    def keys(self) -> dict[str, Any]:
        """The verb's own keys, dotted, with their defaults."""
        own = {key: value for key, value in self._values.items() if key not in {"defaults", "hydra"}}
        return dict(leaves(own))

    @cached_property
    def paths(self) -> list[str]:
        """Keys that hold one path, those first that have no default."""
        found = [key for key in self.keys if is_path_key(key) or is_path_list_key(key)]
        return sorted(found, key=lambda key: self.keys[key] != "???")


def options(group: str) -> list[str]:
    """Returns the options of a group, none if there is no such group."""
    return sorted(path.stem for path in (config_dir() / group).glob("*.yaml"))
