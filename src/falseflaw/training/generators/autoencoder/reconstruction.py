"""How well an autoencoder gives photos back: detail as PSNR, color as a distance in CIELAB.

PSNR alone hides a lost hue: photos are mostly gray, and gray is given back well by an autoencoder that turns
green into blue.
"""

from __future__ import annotations

import itertools
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from falseflaw.inpainting.tensors import reconstruct
from falseflaw.training.generators.windows import Windows
from falseflaw.types import Image

_LEVELS = (32, 128, 224)
_AREA = 8


def quality(vae: Any, validation: Windows) -> dict[str, float]:
    """Returns psnr (dB), color_error and flat_color_error (distances in a*b*)."""
    return {
        "psnr": psnr(vae, validation),
        "color_error": color_error(vae, validation),
        "flat_color_error": flat_color_error(vae),
    }


def psnr(vae: Any, windows: Windows, most: int = 64) -> float:
    """Returns the mean PSNR in dB over intact and damaged windows, after rounding to 8 bits."""
    values: list[float] = []
    for images in _batches(windows, most):
        error = np.square(images.astype(np.float64) - reconstruct(vae, images)).mean(axis=(1, 2, 3))
        values += (10 * np.log10(255.0**2 / np.maximum(error, 1e-3))).tolist()
    return float(np.mean(values))


def color_error(vae: Any, windows: Windows, most: int = 64) -> float:
    """Returns the mean distance of color in the a*b* plane of CIELAB, over areas of 8 x 8 pixels.

    About 2 can just be seen side by side.
    """
    parts = [_distance(images, reconstruct(vae, images)) for images in _batches(windows, most)]
    return float(np.concatenate([part.ravel() for part in parts]).mean())


def flat_color_error(vae: Any, side: int = 32) -> float:
    """Returns the largest such distance over 27 flat colors: dark, middle and bright in each RGB channel."""
    colors = np.array(list(itertools.product(_LEVELS, repeat=3)), np.uint8)  # (27, 3)
    images = np.broadcast_to(colors[:, None, None], (len(colors), side, side, 3)).copy()
    return float(_distance(images, reconstruct(vae, images)).mean(axis=(1, 2)).max())


def _batches(windows: Windows, most: int) -> list[Image]:
    count = min(most, len(windows))
    return [
        np.concatenate([windows.clean[start : start + 8], windows.damaged[start : start + 8]])
        for start in range(0, count, 8)
    ]


def _distance(first: Image, second: Image) -> NDArray[np.float32]:
    """Distance in a*b* of the areas' mean colors, (B, H / 8, W / 8)."""
    difference = _areas(first) - _areas(second)
    return np.asarray(np.linalg.norm(difference[..., 1:], axis=-1), np.float32)


def _areas(images: Image) -> NDArray[np.float32]:
    means = [
        cv2.resize(
            image.astype(np.float32) / 255,
            (image.shape[1] // _AREA, image.shape[0] // _AREA),
            interpolation=cv2.INTER_AREA,
        )
        for image in images
    ]
    return np.stack([cv2.cvtColor(mean, cv2.COLOR_RGB2LAB) for mean in means])
