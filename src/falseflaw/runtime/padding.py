"""Brings photos to the grid of sizes that the network takes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STRIDE = 32
"""Height and width of the network's input are multiples of it, pixels."""


def pad_to_stride(
    images: NDArray[np.uint8], stride: int = STRIDE
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Pads photos of one size at the bottom and right by repeating their edge.

    Args:
        images: uint8 (B, H, W, 3).
        stride: What height and width become multiples of, pixels.

    Returns:
        The padded photos, uint8 (B, H', W', 3), and where they are photo, bool (B, H', W').
    """
    count, height, width, _ = images.shape
    below, right = -height % stride, -width % stride
    padded = np.pad(images, ((0, 0), (0, below), (0, right), (0, 0)), mode="edge")
    valid = np.zeros((count, height + below, width + right), dtype=bool)
    valid[:, :height, :width] = True
    return padded, valid
