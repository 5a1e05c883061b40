"""The region that somebody who fakes damage would mark for the inpainter, drawn around a painted flaw."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import cv2
import numpy as np

from falseflaw.imaging.crop import bounding_box
from falseflaw.types import Mask, RegionShape

SHARES: Mapping[RegionShape, float] = {
    RegionShape.CONTOUR: 0.3,
    RegionShape.EXACT: 0.15,
    RegionShape.HULL: 0.1,
    RegionShape.POLYGON: 0.15,
    RegionShape.ELLIPSE: 0.12,
    RegionShape.STROKE: 0.13,
    RegionShape.BOX: 0.05,
}
"""How often each shape is drawn; training and synthesis share this."""


def draw_region(flaw: Mask, rng: np.random.Generator, limit: int | None = None) -> tuple[RegionShape, Mask]:
    """Draws a shape and returns it with the region that the inpainter may rewrite for a painted flaw.

    Args:
        flaw: bool (H, W), not empty.
        rng: Draws shape, distance and outline.
        limit: Largest side of the region's bounding box, pixels; a shape that would be larger gives way to
            the contour, and this to the exact flaw, whatever the flaw's own size. None: no limit.

    Returns:
        The shape that it became, and bool (H, W), which holds the flaw; but for the exact one with some
        pixels around it (up to the photo's edge).

    Raises:
        InvalidDataError: The flaw is empty.
    """
    bounding_box(flaw)
    drawn = list(SHARES)[int(rng.choice(len(SHARES), p=list(SHARES.values())))]
    for shape in dict.fromkeys((drawn, RegionShape.CONTOUR, RegionShape.EXACT)):
        region = flaw.copy() if shape is RegionShape.EXACT else _OUTLINES[shape](flaw, rng) | flaw
        box = bounding_box(region)
        if shape is RegionShape.EXACT or limit is None or max(box.height, box.width) <= limit:
            break
    return shape, region


def _contour(flaw: Mask, rng: np.random.Generator) -> Mask:
    return _grow(flaw.astype(np.uint8), int(rng.integers(3, 8, endpoint=True)))


def _hull(flaw: Mask, rng: np.random.Generator) -> Mask:
    canvas = np.zeros(flaw.shape, np.uint8)
    cv2.fillConvexPoly(canvas, _hull_points(flaw), 1)
    return _grow(canvas, int(rng.integers(3, 8, endpoint=True)))


def _polygon(flaw: Mask, rng: np.random.Generator) -> Mask:
    """A lasso of few corners: the hull's reach in some directions, with an unsteady hand."""
    points = _hull_points(flaw)[:, 0].astype(float)  # (n, 2) as x, y
    center = points.mean(axis=0)
    turns = np.linspace(0, 2 * math.pi, int(rng.integers(5, 11)), endpoint=False)
    turns += rng.uniform(-0.25, 0.25, len(turns)) + rng.uniform(0, 2 * math.pi)
    ways = np.stack([np.cos(turns), np.sin(turns)], axis=1)  # (k, 2)
    reach = ((points - center) @ ways.T).max(axis=0) * rng.uniform(1.05, 1.45, len(turns)) + 4
    canvas = np.zeros(flaw.shape, np.uint8)
    cv2.fillPoly(canvas, [np.round(center + ways * reach[:, None]).astype(np.int32)], 1)
    return _grow(canvas | flaw.astype(np.uint8), 2)


def _ellipse(flaw: Mask, rng: np.random.Generator) -> Mask:
    box = bounding_box(flaw)
    stretch = rng.uniform(1.05, 1.35, size=2)
    center = (box.left + box.width // 2, box.top + box.height // 2)
    axes = (int(box.width / 2 * stretch[0]) + 1, int(box.height / 2 * stretch[1]) + 1)
    canvas = np.zeros(flaw.shape, np.uint8)
    cv2.ellipse(canvas, center, axes, 0.0, 0.0, 360.0, 1, -1)
    return _grow(canvas | flaw.astype(np.uint8), int(rng.integers(3, 8, endpoint=True)))


def _stroke(flaw: Mask, rng: np.random.Generator) -> Mask:
    """A round brush led along the flaw's longer axis and back, once or more."""
    points = np.argwhere(flaw)[:, ::-1].astype(float)  # (n, 2) as x, y
    center = points.mean(axis=0)
    spread = np.cov(points.T) if len(points) > 1 else np.eye(2)
    along = np.linalg.eigh(spread)[1][:, 1]
    across = np.array([-along[1], along[0]])
    length, width = (np.abs((points - center) @ axis).max() for axis in (along, across))
    passes = int(rng.integers(1, 4))
    brush = max(int(2 * width / passes * rng.uniform(1.0, 1.3)), 6)
    sides = np.linspace(-1, 1, passes + 2)[1:-1] * width
    path = [
        center + along * end * length * rng.uniform(0.9, 1.05) + across * (side + rng.normal(0, 0.08) * width)
        for number, side in enumerate(sides)
        for end in ((-1, 0, 1) if number % 2 == 0 else (1, 0, -1))
    ]
    canvas = np.zeros(flaw.shape, np.uint8)
    cv2.polylines(canvas, [np.round(path).astype(np.int32)], False, 1, brush)
    return _grow(canvas | flaw.astype(np.uint8), 2)


def _box(flaw: Mask, rng: np.random.Generator) -> Mask:
    canvas = np.zeros(flaw.shape, np.uint8)
    canvas[bounding_box(flaw).slices] = 1
    return _grow(canvas, int(rng.integers(3, 8, endpoint=True)))


def _hull_points(flaw: Mask) -> np.ndarray:
    return np.asarray(cv2.convexHull(np.argwhere(flaw)[:, ::-1].astype(np.int32)))


def _grow(canvas: np.ndarray, distance: int) -> Mask:
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * distance + 1, 2 * distance + 1))
    return np.asarray(cv2.dilate(canvas, kernel) > 0)


_OUTLINES: Mapping[RegionShape, Callable[[Mask, np.random.Generator], Mask]] = {
    RegionShape.CONTOUR: _contour,
    RegionShape.HULL: _hull,
    RegionShape.POLYGON: _polygon,
    RegionShape.ELLIPSE: _ellipse,
    RegionShape.STROKE: _stroke,
    RegionShape.BOX: _box,
}
