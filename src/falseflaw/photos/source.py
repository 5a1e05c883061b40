"""What a set of product photos offers to the other parts, wherever the photos come from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from falseflaw.errors import UnreadableImageError
from falseflaw.types import Fold, Image, Mask


@dataclass(frozen=True)
class Photo:
    """One clean photo of a product.

    Attributes:
        photo_id: Unique name such as `clothing/4285fab0`; a file stem once `/` became `__`.
        contributor: Who took it, or what stands for that; a contributor never crosses folds.
        product: Lower-case word for the product, such as `t-shirt`.
        scene: Name that photos of one and the same object share, in one photo set; empty for a photo that
            stands alone.
        fold: The fold that the set itself lays down, which no split changes; None where the split decides.
        original: Whether it is as its camera saved it, once: a file whose pixels, size and JPEG tables a
            dataset keeps.
    """

    photo_id: str
    contributor: str
    product: str
    scene: str = ""
    fold: Fold | None = None
    original: bool = False

    @property
    def group(self) -> str:
        """What intervals are clustered by: the scene within the set, or the photo itself."""
        return f"{self.photo_set}/{self.scene}" if self.scene else self.photo_id

    @property
    def photo_set(self) -> str:
        """Name of the set that it belongs to: `photo_id` up to the first `/`."""
        return self.photo_id.split("/", 1)[0]


class PhotoSource(Protocol):
    """A set of photos that can be listed and loaded one by one."""

    @property
    def name(self) -> str:
        """Name of the set: `studio`, `clothing`, `grocery` or `folder`."""
        ...

    def photos(self) -> list[Photo]:
        """Returns every photo, sorted by `photo_id`, never truncated."""
        ...

    def load(self, photo: Photo) -> Image:
        """Returns the pixels, uint8 RGB (H, W, 3).

        Raises:
            UnreadableImageError: The file is missing, broken or not an image.
        """
        ...

    def product_mask(self, photo: Photo) -> Mask | None:
        """Returns where the product is, bool (H, W), if the set knows it exactly, else None."""
        ...


@runtime_checkable
class FileSource(PhotoSource, Protocol):
    """A set whose photos are files; only such sets are searched for near-duplicates."""

    def path(self, photo: Photo) -> Path:
        """Returns the file of a photo.

        Raises:
            UnreadableImageError: It has none: no such photo, or one that is rendered.
        """
        ...


def file_of(source: PhotoSource, photo: Photo) -> Path | None:
    """Returns the file of a photo, or None where it has none because it is rendered."""
    if not isinstance(source, FileSource):
        return None
    try:
        return source.path(photo)
    except UnreadableImageError:
        return None
