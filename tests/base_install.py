"""What the base install brings, told by the metadata of the packages of this environment."""

from __future__ import annotations

import importlib.metadata

from packaging.requirements import Requirement


def base_distributions() -> set[str]:
    """Names of what the base install needs, with all that these need."""
    found: set[str] = set()
    waiting = [text for text in importlib.metadata.requires("falseflaw") or () if "extra ==" not in text]
    while waiting:
        requirement = Requirement(waiting.pop())
        if requirement.name in found or (
            requirement.marker and not requirement.marker.evaluate({"extra": ""})
        ):
            continue
        try:
            waiting += importlib.metadata.requires(requirement.name) or ()
        except importlib.metadata.PackageNotFoundError:  # of another platform
            continue
        found.add(requirement.name)
    return found


def others() -> set[str]:
    """Top-level modules that are installed here, but come with extras alone."""
    base = {_plain(name) for name in base_distributions()} | {"falseflaw"}
    return {
        module
        for module, owners in importlib.metadata.packages_distributions().items()
        if not any(_plain(owner) in base for owner in owners)
    }


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")
