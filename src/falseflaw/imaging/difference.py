"""Where an altered photo differs from its original."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from falseflaw.errors import InvalidDataError
from falseflaw.types import Image, Mask

_SHIFT = 3
"""Side of the neighborhood in the original, pixels, whose darkest to brightest values count as equal: tools
that resize a photo and back move its edges by less."""

_THRESHOLD = 8.0
"""Local mean of what is left of the greatest channel difference, 8-bit steps; recompression stays below."""

_WINDOW = 5
"""Side of the window of that mean, pixels."""

_CLOSING = 0.012
"""Radius of the closing, share of the shorter side: parts that new content happens to match belong to it."""

_HOLE = 0.03
"""Holes up to this share of the photo are filled; larger ones were spared on purpose."""

_PART = 0.05
"""Parts below this share of the largest one are noise."""


def changed_region(original: Image, altered: Image) -> Mask:
    """Returns where two photos of one size differ by more than recompression, bool (H, W).

    A mask made so misses what was rewritten to look the same, and its edge is good to a few pixels.

    Raises:
        InvalidDataError: The sizes differ.
    """
    if original.shape != altered.shape:
        raise InvalidDataError(
            f"expected two photos of one size, got {original.shape[:2]} and {altered.shape[:2]}"
        )
    around = (_SHIFT, _SHIFT, 1)
    above = altered.astype(np.int16) - ndimage.maximum_filter(original, around, mode="nearest")
    below = ndimage.minimum_filter(original, around, mode="nearest") - altered.astype(np.int16)
    difference = np.maximum(above, below).clip(0).max(axis=2)
    mean = ndimage.uniform_filter(difference.astype(np.float32), _WINDOW, mode="nearest")
    region = _close(mean >= _THRESHOLD, max(1, round(_CLOSING * min(mean.shape))))
    return _fill(_largest(region))


def _close(mask: Mask, radius: int) -> Mask:
    """Closing with a disk by distances, which are exact and as fast for any radius."""
    padded = np.pad(mask, radius + 1)
    if not padded.any():
        return mask
    grown = ndimage.distance_transform_edt(~padded) <= radius
    closed = ndimage.distance_transform_edt(np.pad(grown, 1, mode="edge")) > radius
    inside = slice(radius + 2, -radius - 2)
    return np.asarray(closed[inside, inside] | mask)


def _largest(mask: Mask) -> Mask:
    labels, count = ndimage.label(mask)
    if not count:
        return mask
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= _PART * sizes.max())[labels] & (labels > 0))


def _fill(mask: Mask) -> Mask:
    labels, _ = ndimage.label(~mask)
    sizes = np.bincount(labels.ravel())
    border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    small = sizes <= _HOLE * mask.size
    small[border] = False
    return np.asarray(mask | small[labels])
