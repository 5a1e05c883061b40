"""The square that a generator of one fixed size sees of a photo: at the photo's own scale if that will do."""

from __future__ import annotations

import cv2
import numpy as np

from falseflaw.imaging.crop import Box, plan_crop
from falseflaw.types import Image, Mask

MARGIN = 8
"""Least context around the mask, photo pixels; fewer where the photo ends."""


def plan_window(mask: Mask, side: int, rng: np.random.Generator | None = None) -> Box:
    """Returns the smallest square, of at least `side` pixels, that holds the mask and `MARGIN` around it.

    Args:
        mask: bool (H, W), not empty.
        side: Side that the generator paints; a smaller photo gives its largest square.
        rng: Draws the position; without it the square is centered on the mask as far as the photo allows.

    Raises:
        InvalidDataError: The mask is empty, or longer than the photo's short side.
    """
    largest = min(mask.shape)
    sizes = range(min(side, largest), largest + 1)
    return plan_crop(mask, mask.shape, sizes, MARGIN, grid=1, rng=rng)


def fit(pixels: Image, side: int) -> Image:
    """Resizes a square to `side`: area averaging where it shrinks, Lanczos where it grows.

    Args:
        pixels: uint8 (S, S, 3).
        side: Pixels.
    """
    if pixels.shape[:2] == (side, side):
        return pixels.copy()
    method = cv2.INTER_AREA if side < pixels.shape[0] else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(pixels, (side, side), interpolation=method), dtype=np.uint8)
