"""Reads a photo and what somebody inpainted into it."""

from __future__ import annotations

from falseflaw.errors import InvalidDataError
from falseflaw.imaging import codec
from falseflaw.imaging.difference import changed_region
from falseflaw.photos.evaluation_only.items import EvaluationItem, ItemPixels
from falseflaw.types import Edit


def read_pair(item: EvaluationItem) -> ItemPixels:
    """Returns both photos and the authors' mask, or where the photos differ if they gave none.

    Args:
        item: With files of the edits authentic and by others; its annotation is the mask.

    Raises:
        UnreadableImageError: A file is missing, broken or not an image.
        InvalidDataError: Photos or mask are of different sizes, or nothing was altered.
    """
    name = item.photo.photo_id
    images = {edit: codec.decode(path, f"{name} ({edit})") for edit, path in item.files.items()}
    original, altered = images[Edit.AUTHENTIC], images[Edit.BY_OTHERS]
    size = f"{original.shape[1]}x{original.shape[0]}"
    if original.shape != altered.shape:
        raise InvalidDataError(
            f"expected both photos of {name} in one size, "
            f"got {size} and {altered.shape[1]}x{altered.shape[0]}"
        )
    if item.annotation is None:
        region = changed_region(original, altered)
        if not region.any():
            raise InvalidDataError(f"expected two photos that differ for {name}, got the same twice")
        return ItemPixels(images, region, "difference")
    region = codec.decode(item.annotation, f"{name} (mask)").max(axis=2) > 127
    if region.shape != original.shape[:2] or not region.any():
        raise InvalidDataError(
            f"expected a mask of {size} pixels with white in it for {name}, "
            f"got {region.shape[1]}x{region.shape[0]} with {int(region.sum())} white pixels"
        )
    return ItemPixels(images, region, "annotated mask")
