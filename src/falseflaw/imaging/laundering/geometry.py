"""Mild crops and turns, as made by hand before a photo is sent."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pil

from falseflaw.errors import ConfigurationError
from falseflaw.imaging.laundering.base import from_coverage
from falseflaw.imaging.laundering.resize import KERNELS
from falseflaw.types import Image, Mask

_TURNING_KERNELS = ("nearest", "bilinear", "bicubic")
"""What Pillow turns with; the others of `KERNELS` only resize."""


@dataclass(frozen=True)
class Crop:
    """Keeps a window of the photo at a place that is drawn and rarely lies on the JPEG grid of the last save.

    Attributes:
        keep: Share of each side that stays, in (0, 1].
        unseen: True if training augmentation never contains it.
    """

    keep: float
    unseen: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.keep <= 1:
            raise ConfigurationError(f"crop: expected 0 < keep <= 1, got {self.keep}")

    @property
    def name(self) -> str:
        """For example `crop_0.9`."""
        return f"crop_{self.keep:g}"

    @property
    def severity(self) -> float | str:
        """The share that stays of each side."""
        return float(self.keep)

    def __call__(self, image: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
        """Returns copies of the window; it is moved where it would miss the whole mask."""
        box = []
        for side, draw in zip(mask.shape, rng.random(2), strict=True):
            length = max(1, round(side * self.keep))
            box.append((int(draw * (side - length + 1)), length))
        (top, height), (left, width) = box
        if mask.any() and not mask[top : top + height, left : left + width].any():
            rows, columns = np.nonzero(mask)
            top = _reach(top, height, int(rows[len(rows) // 2]))
            left = _reach(left, width, int(columns[len(rows) // 2]))
        window = slice(top, top + height), slice(left, left + width)
        return image[window].copy(), mask[window].copy()


def _reach(start: int, length: int, place: int) -> int:
    """Moves `start` as little as needed for [start, start + length) to hold `place`."""
    return min(max(start, place - length + 1), place)


@dataclass(frozen=True)
class Rotate:
    """Turns the photo about its center and cuts the slanted borders off, as straightening in a gallery does.

    Attributes:
        degrees: Above 0, at most 45; clockwise or counterclockwise is drawn.
        kernel: `nearest`, `bilinear` or `bicubic`.
        unseen: True if training augmentation never contains it.
    """

    degrees: float
    kernel: str = "bicubic"
    unseen: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.degrees <= 45:
            raise ConfigurationError(f"rotate: expected 0 < degrees <= 45, got {self.degrees}")
        if self.kernel not in _TURNING_KERNELS:
            raise ConfigurationError(
                f"rotate: expected kernel among {', '.join(_TURNING_KERNELS)}, got {self.kernel}"
            )

    @property
    def name(self) -> str:
        """For example `rotate_1`, or `rotate_1_bilinear`."""
        return f"rotate_{self.degrees:g}" + ("" if self.kernel == "bicubic" else f"_{self.kernel}")

    @property
    def severity(self) -> float | str:
        """The angle in degrees."""
        return float(self.degrees)

    def __call__(self, image: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
        """Returns the largest upright centered rectangle of the photo's proportions, and its mask.

        Where that would take the whole mask away, the turned photo is kept whole, on black.
        """
        degrees = self.degrees if rng.random() < 0.5 else -self.degrees
        cos, sin = math.cos(math.radians(degrees)), abs(math.sin(math.radians(degrees)))
        height, width = mask.shape
        # A centered rectangle of the sides s * (width, height) fits where its turned bounding box does.
        shrink = min(width / (width * cos + height * sin), height / (width * sin + height * cos))
        inner = max(1, math.floor(height * shrink)), max(1, math.floor(width * shrink))
        followed = self._turned_mask(mask, degrees, *inner)
        if mask.any() and not followed.any():
            inner = math.ceil(width * sin + height * cos), math.ceil(width * cos + height * sin)
            followed = self._turned_mask(mask, degrees, *inner)
        return _turn(image, degrees, *inner, KERNELS[self.kernel]), followed

    def _turned_mask(self, mask: Mask, degrees: float, height: int, width: int) -> Mask:
        gray = mask.astype(np.uint8) * 255
        return from_coverage(_turn(gray, degrees, height, width, Pil.Resampling.BILINEAR))


def _turn(pixels: np.ndarray, degrees: float, height: int, width: int, kernel: Pil.Resampling) -> np.ndarray:
    """Turns counterclockwise about the center into a canvas of (height, width) with the same center.

    Pillow maps pixel centers, at +0.5, of the canvas to places in the photo, whatever the kernel.
    """
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    across = pixels.shape[1] / 2 - cos * width / 2 + sin * height / 2
    down = pixels.shape[0] / 2 - sin * width / 2 - cos * height / 2
    inverse = (cos, -sin, across, sin, cos, down)
    turned = Pil.fromarray(pixels).transform((width, height), Pil.Transform.AFFINE, inverse, kernel)
    return np.array(turned)
