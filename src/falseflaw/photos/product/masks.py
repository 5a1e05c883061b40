"""Where the product lies in every photo of a source: exact where it is known, else found once and kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from falseflaw.errors import InvalidDataError, UnreadableImageError
from falseflaw.imaging.codec import encode_png, read_mask, write_atomic
from falseflaw.photos.product.segmentation import ProductMasker
from falseflaw.photos.source import Photo, PhotoSource
from falseflaw.types import Image, Mask


@dataclass(frozen=True)
class ProductMasks:
    """Product masks of a source. Can be sent to a worker process if source and masker can.

    Attributes:
        source: The photos.
        masker: Finds the product where the source does not know it.
        folder: Cache of this masker's results, named after the photos' pixels, or None.
    """

    source: PhotoSource
    masker: ProductMasker
    folder: Path | None

    def get(self, photo: Photo, image: Image) -> Mask:
        """Returns where the product is in a photo of the source, bool (H, W).

        Args:
            photo: The photo.
            image: Its pixels, uint8 (H, W, 3).
        """
        exact = self.source.product_mask(photo)
        if exact is not None:
            return exact
        if self.folder is None:
            return self.masker(image)
        path = self.path(self.folder, image)
        try:
            cached = read_mask(path)
            if cached.shape == image.shape[:2]:
                return cached
        except UnreadableImageError:
            pass  # not cached yet, or torn: made anew below
        mask = self.masker(image)
        with suppress(OSError):  # on a read-only mount it is made anew each time
            write_atomic(path, encode_png(mask))
        return mask

    @staticmethod
    def path(folder: Path, image: Image) -> Path:
        """Returns where the mask of a photo is kept: by its pixels, for names are used twice."""
        digest = hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest()
        return folder / digest[:2] / f"{digest[2:32]}.png"

    def usable(self, photos: Sequence[Photo], progress: bool = True) -> list[Photo]:
        """Returns the photos that can be read and show a product, and says why the others cannot be used."""
        kept = []
        for photo in tqdm(photos, desc="product masks", disable=not progress, unit="photo"):
            try:
                if self.get(photo, self.source.load(photo)).any():
                    kept.append(photo)
                else:
                    tqdm.write(f"skipped {photo.photo_id}: no product was found in it")
            except (UnreadableImageError, InvalidDataError) as error:
                tqdm.write(f"skipped {photo.photo_id}: {error}")
        return kept


def mask_folder(cache: Path, masker: Mapping[str, Any]) -> Path:
    """Returns where the masks of a masker are kept, which no masker with other values uses.

    Args:
        cache: The verbs' cache folder.
        masker: Configuration of the masker, of plain types, with its class as `_target_`.
    """
    name = str(masker["_target_"]).rpartition(".")[2]
    values = {**masker, "_target_": name}  # wherever the class lies
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    return cache / "product_masks" / f"{name}-{digest[:8]}"
