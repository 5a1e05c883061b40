"""Large photos through a network piece by piece, so that its activations fit the memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from falseflaw.imaging.crop import Box
from falseflaw.types import Image

WHOLE = 2_500_000
"""Pixels up to which a photo goes through a network in one piece."""

TILE = 1280
"""Side of the pieces of a larger one, pixels."""

HALO = 96
"""Pixels around a piece that the network sees too; more than our decoders' convolutions reach."""


def in_tiles(photo: Image, write: Callable[[Image], Image], factor: int) -> Image:
    """Returns what a network writes for a photo, uint8 (H, W, 3).

    A network whose output depends on no more than `HALO` pixels around gives the same bytes as in one piece;
    one that normalizes over the picture may leave faint seams, as the tools do that work in tiles.

    Args:
        photo: uint8 (H, W, 3).
        write: The network: takes and returns uint8 (h, w, 3).
        factor: Corners of the pieces are multiples of this.
    """
    height, width = photo.shape[:2]
    if height * width <= WHOLE:
        return write(photo)
    result = np.empty_like(photo)
    side = TILE // factor * factor
    for top in range(0, height, side):
        for left in range(0, width, side):
            core = Box(top, left, min(side, height - top), min(side, width - left))
            around = grown(core, HALO, factor, photo)
            result[core.slices] = within(core, around).cut(write(around.cut(photo)))
    return result


def grown(box: Box, distance: int, factor: int, photo: Image) -> Box:
    """Returns the box with at least `distance` pixels around it inside the photo, its corner on the grid."""
    height, width = photo.shape[:2]
    top = max(0, box.top - distance) // factor * factor
    left = max(0, box.left - distance) // factor * factor
    bottom = min(height, box.top + box.height + distance)
    right = min(width, box.left + box.width + distance)
    return Box(top, left, bottom - top, right - left)


def within(box: Box, around: Box) -> Box:
    """Returns where a box lies in one that holds it."""
    return Box(box.top - around.top, box.left - around.left, box.height, box.width)
