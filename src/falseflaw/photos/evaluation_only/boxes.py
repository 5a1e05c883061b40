"""Boxes in the format of YOLO: a line each, `class x y width height`, as shares of the photo."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from falseflaw.errors import InvalidDataError
from falseflaw.types import Mask


def read_boxes(path: Path, height: int, width: int) -> Mask:
    """Returns the union of the boxes of a file, bool (height, width).

    Shares of the photo do not mind that it was stretched. A box counts as far as it lies in the photo.

    Raises:
        InvalidDataError: The file cannot be read, or a line is not a box.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidDataError(f"cannot read the boxes {path.name}: {error}") from error
    mask = np.zeros((height, width), dtype=bool)
    for line in filter(str.strip, lines):
        x, y, across, down = _numbers(line, path)
        left, right = (round((x + side * across / 2) * width) for side in (-1, 1))
        top, bottom = (round((y + side * down / 2) * height) for side in (-1, 1))
        mask[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = True
    return mask


def _numbers(line: str, path: Path) -> list[float]:
    try:
        values = [float(word) for word in line.split()[1:]]
    except ValueError:
        values = []
    if len(values) != 4 or not all(math.isfinite(value) and 0 <= value <= 1 for value in values):
        raise InvalidDataError(
            f"expected lines of `class x y width height`, shares of the photo, in {path.name}, got {line!r}"
        )
    return values
