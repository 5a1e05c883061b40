"""Several sets of photos as one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from falseflaw.errors import ConfigurationError, UnreadableImageError
from falseflaw.photos.source import FileSource, Photo, PhotoSource
from falseflaw.types import Image, Mask


class JoinedPhotos:
    """The photos of all sets; each keeps its name, its folds and its license."""

    def __init__(self, sets: Sequence[PhotoSource]) -> None:
        """Joins sets of files and rendered ones.

        Args:
            sets: One or more sets with names of their own.

        Raises:
            ConfigurationError: None, or two of one name.
        """
        names = [part.name for part in sets]
        if not names or len(set(names)) < len(names):
            raise ConfigurationError(
                f"expected photos.sets of different names, got {', '.join(names) or 'none'}"
            )
        self._sets = {part.name: part for part in sets}

    @property
    def name(self) -> str:
        """The names of the sets, joined by `+`."""
        return "+".join(self._sets)

    def photos(self) -> list[Photo]:
        """Returns every photo of every set, sorted by `photo_id`.

        Raises:
            MissingDataError: A set has none.
        """
        found = [photo for part in self._sets.values() for photo in part.photos()]
        return sorted(found, key=lambda photo: photo.photo_id)

    def load(self, photo: Photo) -> Image:
        """Returns the pixels, uint8 RGB (H, W, 3).

        Raises:
            UnreadableImageError: The file is missing, broken or not an image, or of no set here.
        """
        return self._of(photo).load(photo)

    def product_mask(self, photo: Photo) -> Mask | None:
        """Returns where the product is, bool (H, W), if its set knows."""
        return self._of(photo).product_mask(photo)

    def path(self, photo: Photo) -> Path:
        """Returns the file of a photo.

        Raises:
            UnreadableImageError: It has none, since its set renders it, or is of no set here.
        """
        part = self._of(photo)
        if not isinstance(part, FileSource):
            raise UnreadableImageError(f"expected a photo that is a file, got {photo.photo_id!r}")
        return part.path(photo)

    def _of(self, photo: Photo) -> PhotoSource:
        try:
            return self._sets[photo.photo_set]
        except KeyError:
            raise UnreadableImageError(
                f"expected a photo of {' or '.join(self._sets)}, got {photo.photo_id!r}"
            ) from None
