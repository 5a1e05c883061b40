"""Where the shipped configuration and the bundled weights lie, in a clone and in a wheel."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from falseflaw.errors import MissingDataError

_PACKAGE = Path(__file__).resolve().parent
_REPOSITORY = _PACKAGE.parents[1]
_WEIGHT_PACKAGES = ("falseflaw_reference", "falseflaw_generators")
"""Built from `packages/`; each holds folders of the repository under their paths there."""

BUNDLE_HINT = (
    "make one with `falseflaw export`; the reference bundle comes with a clone of the repository or with the "
    "package falseflaw-reference (in a clone: pip install ./packages/reference)"
)
"""What to do where a bundle is missing."""

WEIGHTS_HINT = (
    "train one with `falseflaw train-inpainter`; the bundled ones come with a clone of the repository or "
    "with the package falseflaw-generators (in a clone: pip install ./packages/generators)"
)
"""What to do where the weights of an inpainter or autoencoder are missing."""


def config_dir() -> Path:
    """Returns the Hydra tree: `conf/` of the clone, or its copy inside an installed wheel."""
    packaged = _PACKAGE / "conf"
    return packaged if packaged.is_dir() else _REPOSITORY / "conf"


def find_existing(path: str | Path, what: str, hint: str) -> Path:
    """Returns `path` as it is or, if relative and absent, below the clone's root or in a package of weights.

    Raises:
        MissingDataError: Neither exists; the message names `what` and ends with `hint`.
    """
    given = Path(path).expanduser()
    for candidate in (given, *(root / given for root in (_REPOSITORY, *_weight_roots()))):
        if candidate.exists():
            return candidate
    raise MissingDataError(f"expected {what} at {given}, found nothing there; {hint}")


def _weight_roots() -> Iterator[Path]:
    for name in _WEIGHT_PACKAGES:
        spec = importlib.util.find_spec(name)
        for place in (spec and spec.submodule_search_locations) or ():
            yield Path(place)


def readable(name: str) -> str:
    r"""Writes a file's name in characters alone: bytes that are not UTF-8 become escapes such as `\xe9`."""
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # half a character, as Windows allows
        return name.encode("utf-8", "backslashreplace").decode("utf-8")


def short_name(file: Path) -> str:
    """Returns a name for a relative path that every file system takes and no other path gets; no ending."""
    ascii_stem = unicodedata.normalize("NFKD", file.stem).encode("ascii", "ignore").decode()
    begin = re.sub("[^A-Za-z0-9]+", "-", ascii_stem).strip("-")[:40]
    return f"{begin}~{hashlib.sha256(os.fsencode(file.as_posix())).hexdigest()[:16]}"
