"""What sets have in common whose photos are files and whose products nobody outlined."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

from falseflaw.imaging import codec
from falseflaw.photos.source import Photo
from falseflaw.types import Image, Mask


class PhotoFiles(ABC):
    """A `FileSource` but for the list of its photos and where each of them lies."""

    @abstractmethod
    def path(self, photo: Photo) -> Path:
        """Returns the file of a photo.

        Raises:
            UnreadableImageError: The photo is not of this set.
        """

    def load(self, photo: Photo) -> Image:
        """Returns the pixels, uint8 RGB (H, W, 3).

        Raises:
            UnreadableImageError: The file is missing, broken or not an image.
        """
        return codec.decode(self.path(photo), photo.photo_id)

    def product_mask(self, photo: Photo) -> Mask | None:
        """Returns None: nobody outlined these products."""
        return None
