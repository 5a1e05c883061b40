"""Regions drawn without a flaw, as somebody marks any place of a photo, in many shapes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from falseflaw.errors import InvalidDataError
from falseflaw.types import Mask, RegionShape

SHARES: Mapping[RegionShape, float] = {
    RegionShape.CONTOUR: 0.35,
    RegionShape.ELLIPSE: 0.15,
    RegionShape.POLYGON: 0.2,
    RegionShape.STROKE: 0.2,
    RegionShape.BOX: 0.1,
}
"""How often each shape is drawn; a contour is that of an irregular stain."""

_BLOB = 48
"""Side of the small picture that a blob is drawn in."""

_LEAST = 12
"""Pixels that a region has at least."""


def draw_free_region(
    height: int, width: int, area: float, center: tuple[int, int] | None, rng: np.random.Generator
) -> Mask:
    """Draws a region of about an area.

    Args:
        height: Of the photo, pixels.
        width: Of the photo, pixels.
        area: Share of the photo, above 0 and up to .5; what lies beyond the photo's edge is lost.
        center: Its middle as (row, column); None for any place.
        rng: Draws shape, outline and place.

    Returns:
        bool (height, width), not empty.

    Raises:
        InvalidDataError: The area is out of range.
    """
    if not 0 < area <= 0.5:
        raise InvalidDataError(f"expected an area above 0 and up to .5, got {area}")
    pixels = max(area * height * width, _LEAST)
    place = center or (int(rng.integers(height)), int(rng.integers(width)))
    shape = list(SHARES)[int(rng.choice(len(SHARES), p=list(SHARES.values())))]
    canvas = np.zeros((height, width), np.uint8)
    _SHAPES[shape](canvas, place, pixels, rng)
    if np.count_nonzero(canvas) < _LEAST:
        cv2.circle(canvas, place[::-1], 4, 1, -1)
    return canvas > 0


def _blob(canvas: np.ndarray, place: tuple[int, int], pixels: float, rng: np.random.Generator) -> None:
    """Smooth noise that falls off from the middle, cut at the level that leaves a third of a square."""
    noise = cv2.GaussianBlur(
        rng.standard_normal((_BLOB, _BLOB)).astype(np.float32), (0, 0), rng.uniform(2, 6)
    )
    rows, columns = np.mgrid[-1 : 1 : _BLOB * 1j, -1 : 1 : _BLOB * 1j]
    hill = noise / noise.std() * rng.uniform(0.1, 0.5) - 2 * (rows**2 + columns**2)
    share = 0.33
    small = (hill >= np.quantile(hill, 1 - share)).astype(np.float32)
    stretch = math.exp(rng.uniform(-0.6, 0.6))
    side = math.sqrt(pixels / share)
    size = max(2, round(side * stretch)), max(2, round(side / stretch))
    grown = cv2.resize(small, size, interpolation=cv2.INTER_LINEAR) >= 0.5
    top, left = place[0] - size[1] // 2, place[1] - size[0] // 2
    rows_in = slice(max(0, top), min(canvas.shape[0], top + size[1]))
    columns_in = slice(max(0, left), min(canvas.shape[1], left + size[0]))
    canvas[rows_in, columns_in] = grown[
        rows_in.start - top : rows_in.stop - top, columns_in.start - left : columns_in.stop - left
    ]


def _ellipse(canvas: np.ndarray, place: tuple[int, int], pixels: float, rng: np.random.Generator) -> None:
    stretch = math.exp(rng.uniform(-0.7, 0.7))
    radius = math.sqrt(pixels / math.pi)
    axes = (max(1, round(radius * stretch)), max(1, round(radius / stretch)))
    cv2.ellipse(canvas, place[::-1], axes, rng.uniform(0, 180), 0.0, 360.0, 1, -1)


def _polygon(canvas: np.ndarray, place: tuple[int, int], pixels: float, rng: np.random.Generator) -> None:
    turns = np.sort(rng.uniform(0, 2 * math.pi, int(rng.integers(4, 12))))
    reach = rng.uniform(0.6, 1.4, len(turns))
    points = np.stack([np.cos(turns), np.sin(turns)], axis=1) * reach[:, None]  # (n, 2) as x, y
    _fill(canvas, points, place, pixels)


def _fill(canvas: np.ndarray, points: NDArray[np.float64], place: tuple[int, int], pixels: float) -> None:
    area = abs(float(cv2.contourArea(points.astype(np.float32))))
    scale = math.sqrt(pixels / max(area, 0.2))
    cv2.fillPoly(canvas, [np.round(points * scale + np.array(place[::-1])).astype(np.int32)], 1)


def _stroke(canvas: np.ndarray, place: tuple[int, int], pixels: float, rng: np.random.Generator) -> None:
    """A round brush led along a curve, 2 to 8 times as long as it is wide."""
    ratio = rng.uniform(2, 8)
    brush = math.sqrt(pixels / ratio)
    steps = 8
    turns = rng.uniform(0, 2 * math.pi) + np.cumsum(rng.normal(0, 0.35, steps))
    path = np.cumsum(np.stack([np.cos(turns), np.sin(turns)], axis=1) * brush * ratio / steps, axis=0)
    path += np.array(place[::-1]) - path.mean(axis=0)
    cv2.polylines(canvas, [np.round(path).astype(np.int32)], False, 1, max(2, round(brush)))


def _box(canvas: np.ndarray, place: tuple[int, int], pixels: float, rng: np.random.Generator) -> None:
    stretch = math.exp(rng.uniform(-0.7, 0.7))
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * np.array([stretch, 1 / stretch])
    _fill(canvas, corners.astype(np.float64), place, pixels)


_SHAPES: Mapping[RegionShape, Callable[[np.ndarray, tuple[int, int], float, np.random.Generator], None]] = {
    RegionShape.CONTOUR: _blob,
    RegionShape.ELLIPSE: _ellipse,
    RegionShape.POLYGON: _polygon,
    RegionShape.STROKE: _stroke,
    RegionShape.BOX: _box,
}
