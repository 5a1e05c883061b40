"""Where the shipped configuration and the bundled weights lie, in a clone and in a wheel."""

from __future__ import annotations

from pathlib import Path

from falseflaw.errors import MissingDataError

_PACKAGE = Path(__file__).resolve().parent
_REPOSITORY = _PACKAGE.parents[1]


def config_dir() -> Path:
    """Returns the Hydra tree: `conf/` of the clone, or its copy inside an installed wheel."""
    packaged = _PACKAGE / "conf"
    return packaged if packaged.is_dir() else _REPOSITORY / "conf"


def find_existing(path: str | Path, what: str, hint: str) -> Path:
    """Returns `path` as it is or, if relative and absent, below the clone's root.

    Raises:
        MissingDataError: Neither exists; the message names `what` and ends with `hint`.
    """
    given = Path(path).expanduser()
    for candidate in (given, _REPOSITORY / given):
        if candidate.exists():
            return candidate
    raise MissingDataError(f"expected {what} at {given}, found nothing there; {hint}")
