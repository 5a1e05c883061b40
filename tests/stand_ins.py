"""A photo source, a damage painter and a camera that cost nothing, in the shape of the real ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from tests.helpers import textured_photo

from falseflaw.errors import InvalidDataError, UnreadableImageError
from falseflaw.imaging.camera import Camera
from falseflaw.photos.source import Photo
from falseflaw.types import DamageKind, Image, Mask


@dataclass(frozen=True)
class StandInPhotos:
    """Contributors with two photos each; the photo called `broken` cannot be read."""

    contributors: int = 6
    height: int = 96
    width: int = 112
    broken: str = ""
    knows_product: bool = True
    name: str = "standin"

    def photos(self) -> list[Photo]:
        return [
            Photo(f"standin/{person:02d}-{number}", f"person-{person:02d}", "shirt")
            for person in range(self.contributors)
            for number in range(2)
        ]

    def load(self, photo: Photo) -> Image:
        if photo.photo_id == self.broken:
            raise UnreadableImageError(f"cannot read {photo.photo_id}: truncated")
        seed = [int(part) for part in photo.photo_id.split("/")[1].split("-")]
        return textured_photo(np.random.default_rng(seed), self.height, self.width)

    def product_mask(self, photo: Photo) -> Mask | None:
        if not self.knows_product:
            return None
        mask = np.zeros((self.height, self.width), bool)
        mask[16:80, 16:96] = True
        return mask


@dataclass(frozen=True)
class PaintedSquare:
    image: Image
    mask: Mask


@dataclass(frozen=True)
class SquarePainter:
    """Darkens a square inside the product, or finds no place for the kinds in `refused`."""

    refused: tuple[DamageKind, ...] = ()

    def paint(self, image: Image, product: Mask, kind: DamageKind, rng: np.random.Generator) -> PaintedSquare:
        if kind in self.refused:
            raise InvalidDataError(f"expected room for {kind}, found none")
        rows, columns = np.flatnonzero(product.any(axis=1)), np.flatnonzero(product.any(axis=0))
        side = int(rng.integers(8, 20))
        top = int(rng.integers(rows[0], rows[-1] - side + 2))
        left = int(rng.integers(columns[0], columns[-1] - side + 2))
        mask = np.zeros(product.shape, bool)
        mask[top : top + side, left : left + side] = True
        painted = image.copy()
        painted[mask] //= 4
        return PaintedSquare(painted, mask)


PHONE = Camera(scale=0.9, blur=0.4, shot=1e-4, read=1e-3, quality=90)


@dataclass(frozen=True)
class OneCamera:
    """Always the same camera."""

    camera: Camera = PHONE

    def draw(self, rng: np.random.Generator) -> Camera:
        return self.camera


def whole_photo(image: Image) -> Mask:
    """A masker that calls everything product."""
    return np.ones(image.shape[:2], bool)
