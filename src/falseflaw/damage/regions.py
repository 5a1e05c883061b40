"""The region that somebody who fakes damage would mark for the inpainter, drawn around a painted flaw."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import cv2
import numpy as np

from falseflaw.imaging.crop import Box, bounding_box
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

_LARGEST_KERNEL = 10
"""Distance in pixels up to which masks grow by a kernel; beyond, its time would rise with the square."""


def draw_region(
    flaw: Mask, rng: np.random.Generator, limit: int | None = None, scale: float = 1.0
) -> tuple[RegionShape, Mask]:
    """Draws a shape and returns it with the region that the inpainter may rewrite for a painted flaw.

    Args:
        flaw: bool (H, W), not empty.
        rng: Draws shape, distance and outline.
        limit: Largest side of the region's bounding box, pixels; a shape that would be larger gives way to
            the contour, and this to the exact flaw, whatever the flaw's own size. None: no limit.
        scale: By how much more pixels lie between flaw and outline than in a photo of 400x533.

    Returns:
        The shape that it became, and bool (H, W), which holds the flaw; but for the exact one with some
        pixels around it (up to the photo's edge).

    Raises:
        InvalidDataError: The flaw is empty.
    """
    window = _window(flaw, scale)
    near = window.cut(flaw)
    drawn = list(SHARES)[int(rng.choice(len(SHARES), p=list(SHARES.values())))]
    for shape in dict.fromkeys((drawn, RegionShape.CONTOUR, RegionShape.EXACT)):
        region = near.copy() if shape is RegionShape.EXACT else _OUTLINES[shape](near, rng, scale) | near
        box = bounding_box(region)
        if shape is RegionShape.EXACT or limit is None or max(box.height, box.width) <= limit:
            break
    whole = np.zeros(flaw.shape, bool)
    whole[window.slices] = region
    return shape, whole


def _window(flaw: Mask, scale: float) -> Box:
    """The part of the photo that no outline leaves: all else need not be looked at."""
    box = bounding_box(flaw)
    around = max(box.height, box.width) + math.ceil(16 * scale)
    top, left = max(0, box.top - around), max(0, box.left - around)
    bottom = min(flaw.shape[0], box.top + box.height + around)
    right = min(flaw.shape[1], box.left + box.width + around)
    return Box(top, left, bottom - top, right - left)


def _distance(rng: np.random.Generator, scale: float) -> int:
    """Pixels between a flaw and what a hand draws around it."""
    return round(int(rng.integers(3, 8, endpoint=True)) * scale)


def _contour(flaw: Mask, rng: np.random.Generator, scale: float) -> Mask:
    return _grow(flaw.astype(np.uint8), _distance(rng, scale))


def _hull(flaw: Mask, rng: np.random.Generator, scale: float) -> Mask:
    canvas = np.zeros(flaw.shape, np.uint8)
    cv2.fillConvexPoly(canvas, _hull_points(flaw), 1)
    return _grow(canvas, _distance(rng, scale))


def _polygon(flaw: Mask, rng: np.random.Generator, scale: float) -> Mask:
    """A lasso of few corners: the hull's reach in some directions, with an unsteady hand."""
    points = _hull_points(flaw)[:, 0].astype(float)  # (n, 2) as x, y
    center = points.mean(axis=0)
    turns = np.linspace(0, 2 * math.pi, int(rng.integers(5, 11)), endpoint=False)
    turns += rng.uniform(-0.25, 0.25, len(turns)) + rng.uniform(0, 2 * math.pi)
    ways = np.stack([np.cos(turns), np.sin(turns)], axis=1)  # (k, round(2 * scale))
    reach = ((points - center) @ ways.T).max(axis=0) * rng.uniform(1.05, 1.45, len(turns)) + 4 * scale
    canvas = np.zeros(flaw.shape, np.uint8)
    cv2.fillPoly(canvas, [np.round(center + ways * reach[:, None]).astype(np.int32)], 1)
    return _grow(canvas | flaw.astype(np.uint8), round(2 * scale))


def _ellipse(flaw: Mask, rng: np.random.Generator, scale: float) -> Mask:
    box = bounding_box(flaw)
    stretch = rng.uniform(1.05, 1.35, size=2)
    center = (box.left + box.width // 2, box.top + box.height // 2)
    axes = (int(box.width / 2 * stretch[0]) + 1, int(box.height / 2 * stretch[1]) + 1)
    canvas = np.zeros(flaw.shape, np.uint8)
    cv2.ellipse(canvas, center, axes, 0.0, 0.0, 360.0, 1, -1)
    return _grow(canvas | flaw.astype(np.uint8), _distance(rng, scale))


def _stroke(flaw: Mask, rng: np.random.Generator, scale: float) -> Mask:
    """A round brush led along the flaw's longer axis and back, once or more."""
    points = np.argwhere(flaw)[:, ::-1].astype(float)  # (n, 2) as x, y
    center = points.mean(axis=0)
    spread = np.cov(points.T) if len(points) > 1 else np.eye(2)
    along = np.linalg.eigh(spread)[1][:, 1]
    across = np.array([-along[1], along[0]])
    length, width = (np.abs((points - center) @ axis).max() for axis in (along, across))
    passes = int(rng.integers(1, 4))
    brush = max(int(2 * width / passes * rng.uniform(1.0, 1.3)), round(6 * scale))
    sides = np.linspace(-1, 1, passes + 2)[1:-1] * width
    path = [
        center + along * end * length * rng.uniform(0.9, 1.05) + across * (side + rng.normal(0, 0.08) * width)
        for number, side in enumerate(sides)
        for end in ((-1, 0, 1) if number % 2 == 0 else (1, 0, -1))
    ]
    canvas = np.zeros(flaw.shape, np.uint8)
    cv2.polylines(canvas, [np.round(path).astype(np.int32)], False, 1, brush)
    return _grow(canvas | flaw.astype(np.uint8), round(2 * scale))


def _box(flaw: Mask, rng: np.random.Generator, scale: float) -> Mask:
    canvas = np.zeros(flaw.shape, np.uint8)
    canvas[bounding_box(flaw).slices] = 1
    return _grow(canvas, _distance(rng, scale))


def _hull_points(flaw: Mask) -> np.ndarray:
    return np.asarray(cv2.convexHull(np.argwhere(flaw)[:, ::-1].astype(np.int32)))


def _grow(canvas: np.ndarray, distance: int) -> Mask:
    if distance > _LARGEST_KERNEL:
        away = cv2.distanceTransform(1 - canvas, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        return np.asarray(away <= distance)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * distance + 1, 2 * distance + 1))
    return np.asarray(cv2.dilate(canvas, kernel) > 0)


_OUTLINES: Mapping[RegionShape, Callable[[Mask, np.random.Generator, float], Mask]] = {
    RegionShape.CONTOUR: _contour,
    RegionShape.HULL: _hull,
    RegionShape.POLYGON: _polygon,
    RegionShape.ELLIPSE: _ellipse,
    RegionShape.STROKE: _stroke,
    RegionShape.BOX: _box,
}
