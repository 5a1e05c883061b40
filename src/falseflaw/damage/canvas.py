"""What a painter sees and returns: the window around a flaw in linear light, and the painted window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from falseflaw.damage.shapes import Field, blur
from falseflaw.imaging.color import Light, srgb, to_linear
from falseflaw.types import Image

LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
"""Rec. 709 luminance of linear RGB."""


def vary(rng: np.random.Generator, color: tuple[int, int, int], tone: float = 8.0, hue: float = 2.5) -> Light:
    """Returns an 8-bit sRGB color as linear light (3,), jittered in tone and a little in hue."""
    return srgb(*(np.asarray(color) * (1 + rng.normal(0, tone / 100)) + rng.normal(0, hue, 3)))


@dataclass(frozen=True, eq=False)
class Canvas:
    """The photo around one flaw, and what the flaw should be like.

    Attributes:
        linear: Window of the photo in linear light, (h, w, 3).
        luminance: Rec. 709 luminance of it, (h, w).
        folds: Luminance of folds and pattern relative to the wider surroundings, about 1, (h, w).
        weave: Luminance of fine texture relative to the folds, about 1, (h, w).
        allowed: 1 on the product, falling to 0 within a pixel of its edge, (h, w).
        edge_distance: Pixels to the product's edge, (h, w).
        center: (y, x) of the flaw in the window.
        area: Wanted visible area in pixels.
        scale: Pixels per design pixel: 1 for a photo of 400x533 and whenever the extent is capped.
        strength: 0 faint to 1 strong.
        grain: Standard deviation of the photo's fine noise, linear light, for parts painted anew.
    """

    linear: Light
    luminance: Field
    folds: Field
    weave: Field
    allowed: Field
    edge_distance: Field
    center: tuple[float, float]
    area: float
    scale: float
    strength: float
    grain: float

    @property
    def shape(self) -> tuple[int, int]:
        """Window (h, w)."""
        return self.luminance.shape[0], self.luminance.shape[1]

    @property
    def radius(self) -> float:
        """Radius in pixels of a disk of the wanted area."""
        return float(np.sqrt(self.area / np.pi))

    def material(self, coverage: Field) -> Light:
        """Returns the mean linear color (3,) of the material under `coverage`."""
        weight = np.maximum(coverage, 0) * self.allowed + 1e-6
        return np.asarray((self.linear * weight[..., None]).sum((0, 1)) / weight.sum(), np.float32)


def brightness(color: Light) -> float:
    """Mean of luminance and strongest channel of a linear color (3,): saturated cloth is not dark."""
    return float(0.5 * (color @ LUMA) + 0.5 * color.max())


@dataclass(frozen=True, eq=False)
class Painted:
    """A painted window: `linear` (h, w, 3) in linear light and the flaw's opacity `alpha` (h, w), 0 to 1."""

    linear: Light
    alpha: Field


def make_canvas(
    window: Image,
    edge_distance: Field,
    center: tuple[float, float],
    area: float,
    scale: float,
    strength: float,
) -> Canvas:
    """Measures shading, texture and grain of a window of the photo."""
    linear = to_linear(window)
    luminance = np.asarray(linear @ LUMA, np.float32)
    floor = np.float32(0.004)
    near = blur(luminance, 1.6 * scale)
    wide = blur(luminance, 14 * scale)
    folds = np.clip((near + floor) / (wide + floor), 0.25, 3.0)
    weave = np.clip((luminance + floor) / (near + floor), 0.4, 2.0)
    residual = luminance - blur(luminance, 0.8)
    # The calmest quarter of the window: elsewhere the residual is weave, not noise.
    grain = float(np.quantile(np.abs(residual), 0.25)) / 0.3186
    allowed = np.clip(edge_distance - 0.5, 0, 1).astype(np.float32)
    return Canvas(
        linear,
        luminance,
        folds,
        weave,
        allowed,
        edge_distance,
        center,
        area,
        scale,
        strength,
        min(grain, 0.012),
    )


def mix(first: Light, second: Light, weight: Field | float) -> Light:
    """Blends two linear pictures: `second` where `weight` is 1."""
    amount = weight[..., None] if isinstance(weight, np.ndarray) else weight
    return np.asarray(first * (1 - amount) + second * amount, np.float32)
