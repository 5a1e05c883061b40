"""Draws pairs that training composes of a dataset's layers: negative, positive, difference and masks.

usage: scripts/run composition-sheet DATASET SHEET.png [FIRST]      FIRST: number of the first pair
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from falseflaw.imaging.contact_sheet import contact_sheet
from falseflaw.training.detector.composition import Composed, Composer
from falseflaw.training.detector.composition_settings import CompositionSettings
from falseflaw.training.detector.layer_windows import layer_windows

SIDE = 224
PAIRS = 12
GAIN = 6  # differences are shown this many times larger


def main(dataset: str, sheet: str, first: int = 0) -> None:
    """Draws one sheet of pairs, two in a line."""
    composer = Composer(layer_windows(Path(dataset)), CompositionSettings(), 0)
    pairs = [composer.compose(first + number, SIDE, True) for number in range(PAIRS)]
    lines = [[tile for pair in pairs[at : at + 2] for tile in _tiles(pair)] for at in range(0, PAIRS, 2)]
    captions = ["     |     ".join(map(_caption, pairs[at : at + 2])) for at in range(0, PAIRS, 2)]
    Image.fromarray(contact_sheet(lines, captions=captions)).save(sheet)


def _tiles(pair: Composed) -> list[np.ndarray]:
    change = np.clip(128 + GAIN * (pair.positive.astype(int) - pair.negative), 0, 255).astype(np.uint8)
    marked = pair.positive // 2
    marked[pair.mask] += np.array([127, 0, 0], np.uint8)
    marked[pair.ignored] += np.array([0, 0, 127], np.uint8)
    outline = cv2.dilate(pair.region.astype(np.uint8), np.ones((3, 3), np.uint8)) > pair.region
    marked[outline] = (255, 255, 0)
    return [pair.negative, pair.positive, change, marked]


def _caption(pair: Composed) -> str:
    return f"{pair.negative_edit} / {pair.positive_edit} by {pair.writer}"


if __name__ == "__main__":
    main(*sys.argv[1:3], *map(int, sys.argv[3:]))
