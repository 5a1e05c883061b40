"""Crops: what the detector sees of a photo, cut out of it and turned; the smallest unit of a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Protocol

import numpy as np

from falseflaw.errors import InvalidDataError
from falseflaw.types import POSITIVES, Edit, Image, Mask

EDITS = tuple(Edit)
"""Codes of edits in a batch: positions in this tuple."""

MARGIN = 16
"""Pixels by which a laundered window exceeds the crop, so that the crop's place on the JPEG grid varies."""

Box = tuple[int, int, int, int]
"""Top, left, height and width, pixels."""


class Launder(Protocol):
    """Seeded laundering, such as `falseflaw.imaging.laundering.augmentation.RandomLaundering`."""

    def __call__(self, image: Image, mask: Mask, seed: int) -> tuple[Image, Mask]:
        """Returns the laundered photo and its mask, or several (H, W, K), in the new geometry."""

    def factor(self, seed: int) -> float:
        """Returns the factor by which the sides change under this seed."""

    def degrade(self, image: Image, seed: int) -> Image:
        """Returns the photo laundered without a change of geometry."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One crop.

    Attributes:
        image: uint8 (S, S, 3).
        valid: bool (S, S), False where a photo smaller than the crop was padded.
        mask: bool (S, S), True where AI wrote; empty for negatives.
        ignored: bool (S, S), True where a network wrote outside the mask: neither altered nor untouched.
        label: 1 or 0.
        edit: What the photo went through.
        number: Position in the stream of training pairs, or in the validation set.
        pair: Which pair of its group the crop belongs to; -1 for none.
        clean: Position in its group of the same crop without laundering; -1 for none.
        laundered: Whether it is the laundered copy of a validation photo.
        scale: Factor of the validation photo's sides before it was cropped.
        writer: Network that wrote the photo's altered pixels; "" for none.
        camera_original: Whether the photo has the pixels that a camera saved.
    """

    image: Image
    valid: Mask
    mask: Mask
    ignored: Mask
    label: int
    edit: Edit
    number: int
    pair: int = -1
    clean: int = -1
    laundered: bool = False
    scale: float = 1.0
    writer: str = ""
    camera_original: bool = False


def side_for(crop_size: int, factor: float) -> int:
    """Returns the side of the window that still fills a crop after its sides changed by `factor`, pixels."""
    return ceil((crop_size + MARGIN) / factor)


def place(region: Mask, side: int, around: bool, rng: np.random.Generator) -> Box:
    """Draws a square, cut to the photo: over a pixel of the region if `around`, or anywhere."""
    height, width = min(side, region.shape[0]), min(side, region.shape[1])
    spots = np.flatnonzero(region) if around else np.empty(0, dtype=np.intp)
    index = int(rng.integers(len(spots) or region.size))
    row, column = divmod(int(spots[index]) if len(spots) else index, region.shape[1])
    top = int(np.clip(row - rng.integers(height), 0, region.shape[0] - height))
    left = int(np.clip(column - rng.integers(width), 0, region.shape[1] - width))
    return top, left, height, width


def centered(region: Mask, side: int) -> Box:
    """Returns the square in the middle of a region, or of the photo where that is empty, cut to the photo."""
    rows, columns = np.nonzero(region if region.any() else np.ones_like(region))
    center = ((rows.min() + rows.max()) // 2, (columns.min() + columns.max()) // 2)
    top, left = (
        int(np.clip(middle - side // 2, 0, max(0, length - side)))
        for middle, length in zip(center, region.shape, strict=True)
    )
    return top, left, min(side, region.shape[0]), min(side, region.shape[1])


def window(image: Image, region: Mask, box: Box, name: str) -> tuple[Image, Mask]:
    """Cuts a photo and its region, or several (H, W, K), to a box.

    Raises:
        InvalidDataError: The two differ in size; the message speaks of the photo as `name`.
    """
    if image.shape[:2] != region.shape[:2]:
        raise InvalidDataError(
            f"expected {name} of {region.shape[1]}x{region.shape[0]} pixels like its region, "
            f"got {image.shape[1]}x{image.shape[0]}; build the dataset again"
        )
    top, left, height, width = box
    part = slice(top, top + height), slice(left, left + width)
    return np.ascontiguousarray(image[part]), np.ascontiguousarray(region[part])


def cut(image: Image, masks: Mask, box: Box, size: int) -> tuple[Image, Mask, Mask]:
    """Cuts a crop of `size`; mirrors the photo at its edges where it is smaller.

    Args:
        image: uint8 (H, W, 3).
        masks: bool (H, W, K).
        box: Where, at most `size` high and wide.
        size: Side of the crop.

    Returns:
        The crop, uint8 (S, S, 3); its valid pixels, bool (S, S); its masks, bool (S, S, K), empty outside.
    """
    pixels, inside = window(image, masks, box, "crop")
    below, behind = size - pixels.shape[0], size - pixels.shape[1]
    valid = np.pad(np.ones(inside.shape[:2], dtype=bool), ((0, below), (0, behind)))
    if below or behind:
        inside = np.pad(inside, ((0, below), (0, behind), (0, 0)))
        pixels = np.pad(pixels, ((0, below), (0, behind), (0, 0)), mode="reflect")
    return pixels, valid, inside


def turn(arrays: Sequence[np.ndarray], quarter: int, mirrored: bool) -> list[np.ndarray]:
    """Turns each (H, W, ...) by quarter turns counterclockwise after mirroring left to right."""
    return [
        np.ascontiguousarray(np.rot90(array[:, ::-1] if mirrored else array, quarter)) for array in arrays
    ]


def label_of(edit: Edit, mask: Mask, rewritten: bool) -> int:
    """Returns the label of a crop: a positive is altered where it shows the mask, or if all is rewritten."""
    return int(edit in POSITIVES and (rewritten or bool(mask.any())))
