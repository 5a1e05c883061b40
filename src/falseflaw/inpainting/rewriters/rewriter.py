"""What every writer from elsewhere offers, and how it takes photos that are larger than it can hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np

from falseflaw.errors import InvalidDataError
from falseflaw.seeding import derive_seed
from falseflaw.types import Image

_OVERLAP = 32
"""Pixels that neighboring tiles share; one fades into the other there."""


class Rewriter(Protocol):
    """Rewrites photos; joins the family of autoencoders under a name of its own.

    Attributes:
        reserved: Whether it must never be used in a training set.
        whole: Whether whole photos cost no more than with an autoencoder; else ask for crops where you can.
    """

    reserved: bool
    whole: bool

    @property
    def digest(self) -> str | None:
        """The sha256 of its weights, for datasheets; None where they lie in a folder that the user names."""
        ...

    def round_trip(self, photo: Image, seed: int) -> Image:
        """Returns the photo rewritten, uint8 (H, W, 3).

        Args:
            photo: uint8 (H, W, 3), any size.
            seed: Decides where the writer draws.

        Raises:
            InvalidDataError: The photo has another shape or type.
        """
        ...


def check_photo(photo: Image) -> None:
    """Checks that a photo is uint8 (H, W, 3).

    Raises:
        InvalidDataError: It is not.
    """
    if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8 or not photo.size:
        raise InvalidDataError(f"expected a photo as uint8 (H, W, 3), got {photo.dtype} {list(photo.shape)}")


def in_tiles(photo: Image, seed: int, side: int, grid: int, rewrite: Callable[[Image, int], Image]) -> Image:
    """Returns a photo rewritten tile by tile, uint8 (H, W, 3); tiles fade into each other.

    Args:
        photo: uint8 (H, W, 3), any size; edges are replicated up to the grid and cut off afterwards.
        seed: Each tile gets a seed of its own, by its place.
        side: Largest side of a tile, pixels; a multiple of `grid` that is at least twice the overlap.
        grid: Sides and corners of tiles are multiples of this.
        rewrite: Takes a tile and its seed, returns it rewritten, of the same size.

    Raises:
        InvalidDataError: The photo has another shape or type.
    """
    check_photo(photo)
    height, width = photo.shape[:2]
    padded = np.pad(photo, ((0, -height % grid), (0, -width % grid), (0, 0)), mode="edge")
    spans = [list(_spans(length, side, grid)) for length in padded.shape[:2]]
    if len(spans[0]) == len(spans[1]) == 1:
        return rewrite(padded, seed)[:height, :width]
    total = np.zeros(padded.shape, np.float32)
    weight = np.zeros((*padded.shape[:2], 1), np.float32)
    for rows in spans[0]:
        for columns in spans[1]:
            tile = np.ascontiguousarray(padded[rows, columns])
            share = np.outer(_ramp(len(tile)), _ramp(tile.shape[1]))[..., None]  # (h, w, 1)
            own = derive_seed("tile", seed, rows.start, columns.start)
            total[rows, columns] += share * rewrite(tile, own)
            weight[rows, columns] += share
    result: Image = np.rint(total / weight).astype(np.uint8)[:height, :width]
    return result


def _spans(length: int, side: int, grid: int) -> Iterator[slice]:
    """Covers a length with overlapping spans; the last one ends with it."""
    step = (side - _OVERLAP) // grid * grid
    for start in range(0, max(length - _OVERLAP, 1), step):
        if start + side >= length:
            yield slice(max(0, length - side), length)
            return
        yield slice(start, start + side)


def _ramp(length: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """Weights of a tile's pixels, rising from its ends; what only one tile covers keeps all of it."""
    place = np.arange(length, dtype=np.float32) + 1
    return np.minimum(np.minimum(place, place[::-1]), np.float32(_OVERLAP))
