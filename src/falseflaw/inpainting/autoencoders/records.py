"""What the records beside trained autoencoders say, without their weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def recipes(folder: Path) -> dict[str, dict[str, Any]]:
    """Returns the recipe of every autoencoder trained here, by name.

    Args:
        folder: Of their folders, such as `checkpoints/autoencoders`.
    """
    records = sorted(folder.glob("*/training.json"))
    return {path.parent.name: json.loads(path.read_text(encoding="utf-8"))["recipe"] for path in records}


def reserved(folder: Path) -> list[str]:
    """Returns those that come into fold test alone, sorted."""
    return [name for name, recipe in recipes(folder).items() if recipe["reserved"]]
