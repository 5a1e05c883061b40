"""Where a crop lies in a photo, and how its pixels come back into the photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.types import Image, Mask

_Pixels = TypeVar("_Pixels", Image, Mask)


@dataclass(frozen=True)
class Box:
    """A rectangle of whole pixels inside a photo."""

    top: int
    left: int
    height: int
    width: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Row and column slices, to index an array (H, W, ...)."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    def cut(self, pixels: _Pixels) -> _Pixels:
        """Returns the part of a photo or mask inside the box, as a contiguous copy."""
        return np.ascontiguousarray(pixels[self.slices])

    def grown(self, margin: int, height: int, width: int) -> Box:
        """Returns the box with so many pixels more on each side, fewer where a photo of that size ends."""
        top, left = max(0, self.top - margin), max(0, self.left - margin)
        bottom = min(height, self.top + self.height + margin)
        right = min(width, self.left + self.width + margin)
        return Box(top, left, bottom - top, right - left)


def bounding_box(mask: Mask) -> Box:
    """Returns the smallest box around a mask.

    Raises:
        InvalidDataError: The mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        raise InvalidDataError("expected a mask with at least one pixel inside, got an empty one")
    top, left = int(rows[0]), int(columns[0])
    return Box(top, left, int(rows[-1]) + 1 - top, int(columns[-1]) + 1 - left)


def plan_crop(
    mask: Mask,
    image_shape: Sequence[int],
    sizes: Sequence[int],
    margin: int,
    grid: int = 8,
    rng: np.random.Generator | None = None,
) -> Box:
    """Returns the smallest square crop that holds the mask and a margin of context around it.

    Where no size is enough the margin gives way, and then the crop grows to the least multiple of the
    grid that holds the mask: a mask is never cut by the edge of its crop.

    Args:
        mask: bool (H, W), not empty.
        image_shape: (H, W, ...) of the photo.
        sizes: Sides to choose from, multiples of `grid`.
        margin: Pixels of context on each side of the mask; fewer where the photo ends.
        grid: Sides are multiples of this.
        rng: Draws the position among those that hold mask and margin; without it the crop is centered.

    Raises:
        ConfigurationError: A size is not a positive multiple of the grid.
        InvalidDataError: The mask is empty, of another size, or too large for any crop in the photo.
    """
    height, width = int(image_shape[0]), int(image_shape[1])
    if mask.shape != (height, width):
        raise InvalidDataError(f"expected a mask of {height}x{width}, got {mask.shape}")
    if not sizes or any(size <= 0 or size % grid for size in sizes):
        raise ConfigurationError(f"expected crop sizes in multiples of {grid}, got {list(sizes)}")
    inner = bounding_box(mask)
    outer = inner.grown(margin, height, width)
    largest = min(height, width) // grid * grid
    need = max(inner.height, inner.width)
    if -(-need // grid) * grid > largest:
        raise InvalidDataError(
            f"expected a mask that fits a square crop of {largest} pixels, "
            f"got one of {inner.height}x{inner.width}"
        )
    fitting = [size for size in sorted(sizes) if size <= largest]
    side = next((size for size in fitting if size >= max(outer.height, outer.width)), None)
    if side is None:  # no size holds the margin: the largest that is allowed and holds the mask
        side = max([size for size in fitting if size >= need], default=-(-need // grid) * grid)
    top = _place(inner.top, inner.height, outer.top, outer.height, side, height, rng)
    left = _place(inner.left, inner.width, outer.left, outer.width, side, width, rng)
    return Box(top, left, side, side)


def _place(
    inner: int,
    inner_length: int,
    outer: int,
    outer_length: int,
    side: int,
    limit: int,
    rng: np.random.Generator | None,
) -> int:
    """First pixel of the crop along one axis: holds the outer interval if it can, the inner one always."""
    start, length = (outer, outer_length) if outer_length <= side else (inner, inner_length)
    low, high = max(0, start + length - side), min(start, limit - side)
    if rng is not None:
        return int(rng.integers(low, high, endpoint=True))
    return int(np.clip(start + length // 2 - side // 2, low, high))


def splice(photo: Image, crop: Image, mask: Mask, box: Box) -> Image:
    """Returns the photo with the crop's pixels inside the mask; outside, every bit is the photo's own.

    Args:
        photo: uint8 (H, W, 3).
        crop: uint8 (box.height, box.width, 3).
        mask: bool (H, W); its part outside the box is not pasted.
        box: Where the crop was cut.

    Raises:
        InvalidDataError: The sizes do not agree.
    """
    if crop.shape[:2] != (box.height, box.width) or mask.shape != photo.shape[:2]:
        raise InvalidDataError(
            f"expected a crop of {box.height}x{box.width} and a mask of the photo's size, "
            f"got {crop.shape} and {mask.shape} for {photo.shape}"
        )
    result = photo.copy()
    inside = mask[box.slices]
    result[box.slices][inside] = crop[inside]
    return result


def feather(photo: Image, edited: Image, mask: Mask, width: float) -> Image:
    """Returns the edited photo inside the mask, blending into the photo towards the mask's edge.

    Args:
        photo: uint8 (H, W, 3).
        edited: uint8 (H, W, 3), of the photo's size.
        mask: bool (H, W); outside, every bit is the photo's own.
        width: Distance from the edge, in pixels, at which nothing of the photo is left; a mask with no
            pixel that far inside gets half of its greatest depth.
    """
    framed = np.pad(mask.astype(np.uint8), 1)  # the photo's border counts as an edge
    depth = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    reach = min(width, max(float(depth.max()) / 2, 1.0))
    share = np.clip(depth / reach, 0, 1)[..., None]  # (H, W, 1)
    mixed = np.round(photo + share * (edited.astype(np.float32) - photo))
    return np.where(mask[..., None], np.clip(mixed, 0, 255).astype(np.uint8), photo)


def resize_crop(crop: Image, height: int, width: int) -> Image:
    """Resizes a crop: area averaging where it shrinks, bicubic where it grows, a copy where it stays."""
    if crop.shape[:2] == (height, width):
        return crop.copy()
    shrinks = height * width < crop.shape[0] * crop.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(crop, (width, height), interpolation=method), dtype=np.uint8)


def resize_mask_by_touch(mask: Mask, height: int, width: int) -> Mask:
    """Resizes a mask; a pixel is inside when any of what it stands for was, so that nothing is lost."""
    if mask.shape == (height, width):
        return mask.copy()
    cover = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cover > 0)
