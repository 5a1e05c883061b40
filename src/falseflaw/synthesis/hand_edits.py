"""Flaws composited without a network, as with a photo editor: cloned without a seam, or pasted."""

from __future__ import annotations

import cv2
import numpy as np

from falseflaw.imaging.codec import decode, encode_jpeg
from falseflaw.imaging.crop import bounding_box, feather
from falseflaw.types import Image, Mask

_QUALITY = (60, 95)
"""JPEG quality that the picture of the flaw was found with."""

_SCALES = (0.8, 1.25)
"""Factors by which the flaw is resized to fit."""

_SEAM = (1.0, 4.0)
"""Widths of the soft edge of what is pasted, pixels."""

_BORDER = 4
"""Pixels around the photo that gradients are taken from where a region touches its edge."""

_ERODED = 3
"""Pixels inside a region's edge where OpenCV begins to take over the borrowed gradients."""


def borrow(damaged: Image, region: Mask, rng: np.random.Generator) -> Image:
    """Returns the picture that the flaw is taken from: the damaged photo, saved before, flaw resized.

    Args:
        damaged: uint8 (H, W, 3), with the simulated flaw.
        region: bool (H, W), where it lies; its center stays where it is.
        rng: Draws quality and factor.
    """
    quality = int(rng.integers(*_QUALITY, endpoint=True))
    factor = float(np.exp(rng.uniform(*np.log(_SCALES))))
    found = decode(encode_jpeg(damaged, quality, "4:2:0"))
    box = bounding_box(region)
    x, y = box.left + (box.width - 1) / 2, box.top + (box.height - 1) / 2
    about_center = np.array([[factor, 0, (1 - factor) * x], [0, factor, (1 - factor) * y]])
    height, width = region.shape
    moved = cv2.warpAffine(
        found, about_center, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(moved, dtype=np.uint8)


def clone(photo: Image, borrowed: Image, region: Mask) -> Image:
    """Returns the photo with the borrowed gradients inside the region (Perez et al. 2003, Poisson editing).

    Args:
        photo: uint8 (H, W, 3).
        borrowed: uint8 (H, W, 3).
        region: bool (H, W), not empty; outside, every bit is the photo's own.
    """
    around = ((_BORDER, _BORDER), (_BORDER, _BORDER))
    target, source = (np.pad(pixels, (*around, (0, 0)), mode="reflect") for pixels in (photo, borrowed))
    mask = np.pad(region.astype(np.uint8) * 255, around)
    square = np.ones((3, 3), np.uint8)
    if not cv2.erode(mask, square, iterations=_ERODED).any():  # OpenCV would clone nothing, or fail
        mask = cv2.dilate(mask, square, iterations=_ERODED)
    box = bounding_box(mask > 0)
    center = (box.left + box.width // 2, box.top + box.height // 2)
    cloned = cv2.seamlessClone(source, target, mask, center, cv2.NORMAL_CLONE)
    cloned = cloned[_BORDER:-_BORDER, _BORDER:-_BORDER]
    return np.where(region[..., None], np.asarray(cloned, dtype=np.uint8), photo)


def paste(photo: Image, borrowed: Image, region: Mask, rng: np.random.Generator) -> Image:
    """Returns the photo with the borrowed pixels inside the region and a soft edge (alpha compositing).

    Args:
        photo: uint8 (H, W, 3).
        borrowed: uint8 (H, W, 3).
        region: bool (H, W), not empty; outside, every bit is the photo's own.
        rng: Draws the width of the edge.
    """
    return feather(photo, borrowed, region, float(rng.uniform(*_SEAM)))
