"""Earlier trainings whose weights a new one begins with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from falseflaw.errors import InvalidDataError
from falseflaw.provenance import file_sha256

_SAME = ("photo_set", "fold", "split", "seed", "contributors", "validation_contributors")
"""Facts in which two trainings must agree: else one would have seen what the other is validated on."""


def read_record(folder: Path) -> dict[str, Any]:
    """Returns the `training.json` of an earlier training.

    Raises:
        InvalidDataError: There is none, or it cannot be read.
    """
    try:
        record: dict[str, Any] = json.loads((folder / "training.json").read_text(encoding="utf-8"))
        _ = record["recipe"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidDataError(
            f"expected the record of a training (training.json) in {folder}, cannot read it; "
            "set recipe.start to a folder that train-inpainter saved"
        ) from error
    return record


def check_same_photos(folder: Path, earlier: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Checks that two trainings learn from the same photos.

    Args:
        folder: Of the earlier one, for the message.
        earlier: Its record.
        facts: What the new training records about its photos.

    Raises:
        InvalidDataError: They do not.
    """
    if other := [name for name in _SAME if earlier.get(name) != facts.get(name)]:
        raise InvalidDataError(
            f"expected {folder} to have learnt from the same photos, but its {other[0]} differs; "
            "use the same photos, split and seed"
        )


def weight_digests(folder: Path) -> dict[str, str]:
    """Returns the SHA-256 of a folder's weight files by their path in it."""
    return {
        path.relative_to(folder).as_posix(): file_sha256(path)
        for path in sorted(folder.rglob("*.safetensors"))
    }
