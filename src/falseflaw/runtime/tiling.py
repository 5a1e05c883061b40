"""Judges a large photo piece by piece: where the tiles lie and how their heat maps become one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from falseflaw.types import HeatMap, Image


@dataclass(frozen=True)
class Tile:
    """A rectangle of the photo, pixels. `top` and `left` are multiples of the tiling's multiple."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Tiling:
    """Rows and columns of overlapping tiles that cover a photo.

    Attributes:
        height: Of the photo, pixels.
        width: Of the photo, pixels.
        tile_height: Of every tile but those at the bottom, which may be lower.
        tile_width: Of every tile but those at the right edge, which may be narrower.
        overlap: Pixels that neighbors share; at most half a tile, so that a pixel lies in at most four tiles.
    """

    height: int
    width: int
    tile_height: int
    tile_width: int
    overlap: int

    @property
    def tops(self) -> range:
        """First rows of the tile rows."""
        return _starts(self.height, self.tile_height, self.overlap)

    @property
    def lefts(self) -> range:
        """First columns of the tile columns."""
        return _starts(self.width, self.tile_width, self.overlap)

    @property
    def count(self) -> int:
        """Number of tiles."""
        return len(self.tops) * len(self.lefts)

    def tiles(self) -> Iterator[Tile]:
        """Yields the tiles row by row, each from left to right."""
        for top in self.tops:
            for left in self.lefts:
                yield Tile(
                    top,
                    left,
                    min(self.tile_height, self.height - top),
                    min(self.tile_width, self.width - left),
                )


def plan(height: int, width: int, tile_pixels: int, overlap: int, multiple: int) -> Tiling:
    """Returns a tiling with few tiles of at most `tile_pixels`, about as tall as they are wide.

    A photo within the budget is one tile. Otherwise the tiles start at multiples of `multiple` (so of 8:
    the JPEG grid of the photo stays that of the tile) and are evenly sized.

    Args:
        height: Of the photo, pixels.
        width: Of the photo, pixels.
        tile_pixels: Most pixels of a tile; at least `(2 * overlap + multiple) ** 2`.
        overlap: Of neighbors, pixels; a multiple of `multiple`.
        multiple: Grid of the tiles' starts and sizes, pixels.
    """
    if height * width <= tile_pixels:
        return Tiling(height, width, height, width, overlap)
    rows = columns = 1
    while True:
        tile_height = _side(height, rows, overlap, multiple)
        tile_width = _side(width, columns, overlap, multiple)
        if tile_height * tile_width <= tile_pixels:
            return Tiling(height, width, tile_height, tile_width, overlap)
        if tile_height >= tile_width:
            rows += 1
        else:
            columns += 1


def judge_tiles(
    image: Image, tiling: Tiling, judge: Callable[[Image], tuple[float, float, NDArray[np.float32]]]
) -> tuple[float, float, HeatMap]:
    """Judges a photo tile by tile.

    Args:
        image: uint8 (H, W, 3).
        tiling: Of the photo.
        judge: Gives a tile's logit, its distance (NaN: not told) and its heat map (h, w) in 0..1.

    Returns:
        The highest logit of a tile, the distance *of that tile*, and the photo's heat map. The tile that
        decides is the one whose score has to be worth something; a photo's other tiles, however ordinary,
        would hide that it is a strange one.
    """
    found: list[tuple[float, float]] = []

    def parts() -> Iterator[NDArray[np.float32]]:
        for tile in tiling.tiles():
            below, right = tile.top + tile.height, tile.left + tile.width
            logit, distance, heat = judge(image[tile.top : below, tile.left : right])
            found.append((logit, distance))
            yield heat

    heat_map = stitch(tiling, parts())
    logit, distance = max(found, key=lambda pair: pair[0])
    return logit, distance, heat_map


def stitch(tiling: Tiling, parts: Iterable[NDArray[np.float32]]) -> HeatMap:
    """Returns the photo's 8-bit heat map from the tiles' float ones, in the order of `tiles()`.

    Tiles are (h, w) with values in 0..1. Where they overlap, their values are averaged with weights that
    fall linearly towards a tile's inner edges and sum to one, so that no seam shows. Only one row of tiles
    is held as floats at a time.
    """
    heat = np.empty((tiling.height, tiling.width), np.uint8)
    incoming = iter(parts)
    carried: NDArray[np.float32] | None = None  # weighted lower part of the row above, (overlap, width)
    for top in tiling.tops:
        row_height = min(tiling.tile_height, tiling.height - top)
        band = np.zeros((row_height, tiling.width), np.float32)
        for left in tiling.lefts:
            width = min(tiling.tile_width, tiling.width - left)
            weights = _ramp(width, tiling.overlap, left > 0, left + width < tiling.width)
            band[:, left : left + width] += next(incoming) * weights
        last = top + row_height == tiling.height
        band *= _ramp(row_height, tiling.overlap, top > 0, not last)[:, None]
        if carried is not None:
            band[: tiling.overlap] += carried
        done = row_height if last else row_height - tiling.overlap
        heat[top : top + done] = to_8_bits(band[:done])
        carried = band[done:]
    return heat


def to_8_bits(heat: NDArray[np.float32]) -> HeatMap:
    """Returns round(255 * heat) as uint8; halves go to the even number, as in torch."""
    levels: HeatMap = np.rint(np.clip(heat, 0, 1) * np.float32(255)).astype(np.uint8)
    return levels


def _side(length: int, count: int, overlap: int, multiple: int) -> int:
    """Side of `count` tiles that cover `length`: a multiple, at least two overlaps and one multiple."""
    if count == 1:
        return math.ceil(length / multiple) * multiple
    even = math.ceil((length + (count - 1) * overlap) / count / multiple) * multiple
    return max(even, 2 * overlap + multiple)


def _starts(length: int, side: int, overlap: int) -> range:
    """Starts of tiles of one side: the last tile is the first that reaches the end."""
    if length <= side:
        return range(0, 1)
    step = side - overlap
    return range(0, math.ceil((length - overlap) / step) * step, step)


def _ramp(length: int, overlap: int, before: bool, after: bool) -> NDArray[np.float32]:
    """Weights along one side of a tile, (length,); with a neighbor's mirrored ones they sum to one."""
    weights = np.ones(length, np.float32)
    rising = (np.arange(overlap, dtype=np.float32) + 0.5) / max(overlap, 1)
    if before:
        weights[:overlap] *= rising
    if after:
        weights[length - overlap :] *= rising[::-1]
    return weights
