"""The verdict of a photo with what it rests on: why it was given, and where the marked region lies."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from falseflaw.runtime.verdict import SMALLEST_SIDE, decide, limits, unfamiliar
from falseflaw.types import HeatMap, Mask, OperatingPoint, Prediction, Verdict

_CELLS = 64  # regions are told apart on a grid of so many cells along the longer side
_DECIMALS = 4  # what is left of floats does not depend on threads or on a batchmate
_MOST_REGIONS = 5


class Cause(StrEnum):
    """Why a verdict was given: a word without a language for each rule of `runtime.verdict`."""

    MARKED = "marked_region"
    CLEAR = "below_clear"
    BETWEEN = "between_limits"
    NO_REGION = "no_region"
    TOO_SMALL = "too_small"
    UNLIKE = "unlike_measured"


@dataclass(frozen=True)
class Region:
    """A connected part of what is marked, as shares of the photo's width and height, 0..1.

    Attributes:
        left, top, width, height: Of the box around it.
        area: Marked share of the photo that lies in it.
        place: Third of the photo in which its middle lies, such as `upper_left` or `middle`.
    """

    left: float
    top: float
    width: float
    height: float
    area: float
    place: str


@dataclass(frozen=True)
class Finding:
    """What the detector says of one photo.

    Attributes:
        verdict: One of the three.
        cause: Which rule gave it.
        reason: The same sentence as in `predictions.csv`.
        probability: Calibrated, 0..1.
        clear: Probability below which this photo would show no sign.
        limit: Probability from which on it would be called altered; more tiles may raise it.
        marked: Share of pixels at or above the mask threshold, 0..1.
        regions: Largest ones, by area.
        tiles: In how many pieces the photo was judged.
        distance: From the photos that were measured; None where none is told.
    """

    verdict: Verdict
    cause: Cause
    reason: str
    probability: float
    clear: float
    limit: float
    marked: float
    regions: tuple[Region, ...]
    tiles: int
    distance: float | None


def find(prediction: Prediction, point: OperatingPoint, tiles: int = 1) -> Finding:
    """Returns what a prediction means at an operating point.

    Args:
        prediction: Of one photo.
        point: Of the model that made it.
        tiles: In how many tiles the photo was judged.
    """
    verdict, reason, area = decide(prediction, point, tiles)
    distance = prediction.distance
    limit = float(limits(np.array([tiles]), point)[0])
    return Finding(
        verdict=verdict,
        cause=_cause(verdict, prediction, point, limit),
        reason=reason,
        probability=round(prediction.probability, _DECIMALS),
        clear=point.clear_threshold,
        limit=limit,
        marked=round(area, _DECIMALS),
        regions=regions_of(marked_pixels(prediction.heat_map, point)),
        tiles=tiles,
        distance=None if distance is None else round(distance, _DECIMALS),
    )


def marked_pixels(heat_map: HeatMap, point: OperatingPoint) -> Mask:
    """Returns which pixels are at or above the mask threshold, (H, W)."""
    marked: Mask = heat_map >= point.mask_threshold
    return marked


def regions_of(marked: Mask) -> tuple[Region, ...]:
    """Returns the largest connected regions of a mask (H, W), at most five, largest first.

    Marked pixels in the same or in touching cells of a grid of 64 along the longer side are one region.
    """
    height, width = marked.shape
    side = -(-max(height, width) // _CELLS)
    cells = _cell_sums(marked, side)
    found = []
    for rows, columns in _components(cells > 0):
        count = int(cells[rows, columns].sum())
        top, bottom = int(rows.min()) * side, min(height, (int(rows.max()) + 1) * side)
        left, right = int(columns.min()) * side, min(width, (int(columns.max()) + 1) * side)
        box = marked[top:bottom, left:right]
        ys, xs = np.flatnonzero(box.any(axis=1)), np.flatnonzero(box.any(axis=0))
        top, bottom = top + int(ys[0]), top + int(ys[-1]) + 1
        left, right = left + int(xs[0]), left + int(xs[-1]) + 1
        found.append(
            Region(
                left=round(left / width, _DECIMALS),
                top=round(top / height, _DECIMALS),
                width=round((right - left) / width, _DECIMALS),
                height=round((bottom - top) / height, _DECIMALS),
                area=round(count / marked.size, _DECIMALS),
                place=_place((left + right) / 2 / width, (top + bottom) / 2 / height),
            )
        )
    found.sort(key=lambda region: (-region.area, region.top, region.left))
    return tuple(found[:_MOST_REGIONS])


def _cause(verdict: Verdict, prediction: Prediction, point: OperatingPoint, limit: float) -> Cause:
    distance = np.array([np.nan if prediction.distance is None else prediction.distance])
    if min(prediction.heat_map.shape) < SMALLEST_SIDE:
        return Cause.TOO_SMALL
    if unfamiliar(distance, point)[0]:
        return Cause.UNLIKE
    if verdict is Verdict.ALTERED:
        return Cause.MARKED
    if verdict is Verdict.NO_SIGN:
        return Cause.CLEAR
    return Cause.NO_REGION if prediction.probability >= limit else Cause.BETWEEN


def _cell_sums(marked: Mask, side: int) -> NDArray[np.int64]:
    """Returns how many pixels are marked in each square cell, (rows, columns)."""
    rows, columns = (-(-length // side) for length in marked.shape)
    sums = np.add.reduceat(marked, np.arange(rows) * side, axis=0, dtype=np.int64)
    cells: NDArray[np.int64] = np.add.reduceat(sums, np.arange(columns) * side, axis=1)
    return cells


def _components(cells: Mask) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Returns rows and columns of each group of cells that touch, corners included."""
    waiting = {(int(row), int(column)) for row, column in np.argwhere(cells)}
    found = []
    while waiting:
        group, edge = [], [min(waiting)]
        waiting.discard(edge[0])
        while edge:
            row, column = edge.pop()
            group.append((row, column))
            around = {(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)} & waiting
            waiting -= around
            edge.extend(around)
        rows, columns = np.array(group, dtype=np.intp).T
        found.append((rows, columns))
    return found


def _place(x: float, y: float) -> str:
    down = ("upper", "", "lower")[min(2, int(3 * y))]
    across = ("left", "", "right")[min(2, int(3 * x))]
    return "_".join(filter(None, (down, across))) or "middle"
