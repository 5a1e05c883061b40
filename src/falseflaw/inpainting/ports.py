"""What the training of the inpainter and the building of datasets need of camera, painter and masker."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from falseflaw.imaging.camera import Camera
from falseflaw.types import DamageKind, Image, Mask


class ProductMasker(Protocol):
    """Finds the product in a photo."""

    def __call__(self, image: Image) -> Mask:
        """Returns bool (H, W)."""
        ...


class PaintedFlaw(Protocol):
    """What the damage engine returns."""

    @property
    def image(self) -> Image:
        """The photo with the flaw."""
        ...

    @property
    def mask(self) -> Mask:
        """Where the flaw is visible."""
        ...


class Painter(Protocol):
    """Paints a flaw of a kind on the product."""

    def paint(self, image: Image, product: Mask, kind: DamageKind, rng: np.random.Generator) -> PaintedFlaw:
        """Returns the painted photo; raises a `FalseFlawError` where no place fits."""
        ...


class CameraDrawer(Protocol):
    """Draws a camera."""

    def draw(self, rng: np.random.Generator) -> Camera:
        """Returns one camera."""
        ...
