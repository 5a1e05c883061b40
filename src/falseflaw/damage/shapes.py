"""Outlines of flaws: seeded noise, blobs, slits and threads, as signed distances on a small window."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]
"""One number per pixel of the window, float32, (h, w)."""

SUPERSAMPLING = 3
"""Outlines are thresholded at this multiple of the window's resolution, so that edges are anti-aliased."""


@dataclass(frozen=True, eq=False)
class Outline:
    """Where a flaw is.

    Attributes:
        coverage: Share of each pixel that lies inside, float32 in [0, 1], (h, w).
        depth: Signed distance to the edge in pixels, positive inside, float32, (h, w).
    """

    coverage: Field
    depth: Field


def blur(field: Field, sigma: float) -> Field:
    """Gaussian blur with mirrored borders; `sigma` in pixels, none at or below 0.2."""
    if sigma <= 0.2:
        return field
    return np.asarray(cv2.GaussianBlur(field, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)


def gradient(field: Field) -> tuple[Field, Field]:
    """Central differences per pixel along (y, x)."""
    return (
        np.asarray(np.gradient(field, axis=0), np.float32),
        np.asarray(np.gradient(field, axis=1), np.float32),
    )


def noise(rng: np.random.Generator, shape: tuple[int, int], cell: float | tuple[float, float]) -> Field:
    """Smooth value noise, about zero mean and unit variance; `cell` is the grain in pixels, or (y, x)."""
    cell_y, cell_x = cell if isinstance(cell, tuple) else (cell, cell)
    rows, columns = math.ceil(shape[0] / cell_y) + 3, math.ceil(shape[1] / cell_x) + 3
    grid = rng.standard_normal((rows, columns), dtype=np.float32)
    fine = cv2.resize(
        grid, (math.ceil(columns * cell_x), math.ceil(rows * cell_y)), interpolation=cv2.INTER_CUBIC
    )
    top, left = int(cell_y), int(cell_x)
    return np.asarray(fine[top : top + shape[0], left : left + shape[1]] * 1.3, np.float32)


def fractal(
    rng: np.random.Generator, shape: tuple[int, int], cell: float, octaves: int = 4, gain: float = 0.55
) -> Field:
    """Sum of octaves of `noise`, each of half the grain and `gain` times the amplitude; unit variance."""
    total, power = np.zeros(shape, np.float32), 0.0
    for octave in range(octaves):
        size = max(cell / 2**octave, 1.0)
        total += gain**octave * noise(rng, shape, size)
        power += gain ** (2 * octave)
    return np.asarray(total / math.sqrt(power), np.float32)


def fibers(rng: np.random.Generator, shape: tuple[int, int], angle: float, fine: float, long: float) -> Field:
    """Streaky noise along `angle` (radians): grain `fine` across it and `long` along it, in pixels."""
    side = math.ceil(math.hypot(*shape)) + 2
    streaks = noise(rng, (side, side), (fine, long))
    turn = cv2.getRotationMatrix2D((side / 2, side / 2), -math.degrees(angle), 1.0)
    turn[:, 2] += (np.array([shape[1], shape[0]]) - side) / 2
    turned = cv2.warpAffine(
        streaks, turn, (shape[1], shape[0]), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(turned, np.float32)


def smoothstep(low: float, high: float, value: Field) -> Field:
    """Cubic ramp from 0 at `low` to 1 at `high`."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def blob(
    rng: np.random.Generator,
    shape: tuple[int, int],
    center: tuple[float, float],
    radius: float,
    roughness: float,
    lobes: int = 1,
    stretch: float = 1.0,
    angle: float = 0.0,
    squareness: float = 2.0,
    spacing: tuple[float, float] = (0.5, 1.1),
    lobe_size: tuple[float, float] = (0.35, 0.8),
) -> Field:
    """Level field of a patch: 1 at its middle, 0 near `radius`, falling outward.

    Args:
        rng: Source of the outline's noise.
        shape: Window (h, w).
        center: (y, x) in the window.
        radius: Nominal radius in pixels.
        roughness: Amplitude of the outline's noise as a share of the radius; 0 is an exact ellipse.
        lobes: Number of overlapping patches.
        stretch: Aspect ratio of the ellipse, at least 1.
        angle: Direction of the long axis in radians.
        squareness: Exponent of the norm; 2 is round, 4 nearly square.
        spacing: Least and greatest distance of the further patches' middles from the first, in radii.
        lobe_size: Least and greatest radius of the further patches, in radii.
    """
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    warp = radius * roughness
    y = y + warp * fractal(rng, shape, max(radius * 0.9, 3.0), octaves=4, gain=0.42)
    x = x + warp * fractal(rng, shape, max(radius * 0.9, 3.0), octaves=4, gain=0.42)
    cos, sin = math.cos(angle), math.sin(angle)
    level = np.full(shape, -1e3, np.float32)
    for lobe in range(lobes):
        reach, turn = (
            (0.0, 0.0) if lobe == 0 else (radius * rng.uniform(*spacing), rng.uniform(0, 2 * math.pi))
        )
        size = radius if lobe == 0 else radius * rng.uniform(*lobe_size)
        dy, dx = y - center[0] - reach * math.sin(turn), x - center[1] - reach * math.cos(turn)
        along, across = (
            np.abs(dx * cos + dy * sin) / math.sqrt(stretch),
            np.abs(dy * cos - dx * sin) * math.sqrt(stretch),
        )
        distance = (along**squareness + across**squareness) ** (1 / squareness)
        level = np.maximum(level, (size - distance) / radius)
    return np.asarray(level, np.float32)


def slit(
    rng: np.random.Generator,
    shape: tuple[int, int],
    path: NDArray[np.float32],
    roughness: float,
) -> Field:
    """Level field of a tear along `path`, (n, 2) points as (y, x): widest inside, closed at both ends."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    wobble = noise(rng, shape, 4.0) * roughness + noise(rng, shape, 1.6) * roughness * 0.5
    steps = np.linspace(0, 1, len(path))
    peak = rng.uniform(0.3, 0.7)
    shift = np.log(0.5) / np.log(peak)
    opening = np.sin(math.pi * steps**shift) ** rng.uniform(0.6, 1.1)
    opening = opening * (1 + 0.18 * np.interp(steps, np.linspace(0, 1, 9), rng.standard_normal(9)))
    # A pixel belongs to the slit of width w when distance < w * opening(t) somewhere: solve for w.
    needed = np.full(shape, np.inf, np.float32)
    for (point_y, point_x), width in zip(path, np.maximum(opening, 0.04), strict=True):
        distance = np.sqrt((y - point_y) ** 2 + (x - point_x) ** 2)
        np.minimum(needed, (distance + wobble) / np.float32(width), out=needed)
    return -needed


def outline(level: Field, area: float, allowed: Field, stamps: Field | None = None) -> Outline:
    """Cuts a level field where it encloses `area` pixels of the allowed region.

    Args:
        level: Larger is more inside, any unit.
        area: Wanted size in pixels.
        allowed: 1 where the flaw may lie, 0 elsewhere.
        stamps: Further pieces (droplets) as a supersampled 0/1 field, united with the patch.
    """
    height, width = level.shape
    size = (width * SUPERSAMPLING, height * SUPERSAMPLING)
    fine = cv2.resize(level, size, interpolation=cv2.INTER_LINEAR)
    open_ = cv2.resize(allowed, size, interpolation=cv2.INTER_LINEAR) >= 0.5
    free = fine[open_]
    wanted = int(min(area * SUPERSAMPLING**2, free.size))
    if wanted < 1:
        inside = np.zeros(fine.shape, np.uint8)
    else:
        cut = np.partition(free, free.size - wanted)[free.size - wanted]
        inside = (open_ & (fine >= cut)).astype(np.uint8)
    if stamps is not None:
        inside |= (open_ & (stamps > 0.5)).astype(np.uint8)
    return from_binary(inside)


def from_binary(inside: NDArray[np.uint8]) -> Outline:
    """Turns a supersampled 0/1 picture into an anti-aliased outline at the window's resolution."""
    size = (inside.shape[1] // SUPERSAMPLING, inside.shape[0] // SUPERSAMPLING)
    within = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    # Without any inside pixel the distance to it is undefined; OpenCV then returns huge values.
    without = cv2.distanceTransform(1 - inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    depth = np.clip((within - without) / SUPERSAMPLING, -1e3, 1e3).astype(np.float32)
    coverage = cv2.resize(inside.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return Outline(coverage, np.asarray(cv2.resize(depth, size, interpolation=cv2.INTER_AREA), np.float32))


def droplets(
    rng: np.random.Generator,
    shape: tuple[int, int],
    center: tuple[float, float],
    radius: float,
    count: int,
    size: float,
    direction: float | None = None,
) -> Field:
    """Satellite drops flung from a patch, smaller and rarer with distance, as a supersampled 0/1 field.

    Args:
        rng: Source of places and sizes.
        shape: Window (h, w).
        center: (y, x) of the patch.
        radius: Radius of the patch in pixels; drops lie between 1.05 and about 2 radii.
        count: Number of drops.
        size: Largest drop's radius in pixels.
        direction: Angle in radians that the drops prefer; None for all around.
    """
    stamps = np.zeros((shape[0] * SUPERSAMPLING, shape[1] * SUPERSAMPLING), np.uint8)
    for _ in range(count):
        turn = rng.uniform(0, 2 * math.pi) if direction is None else direction + rng.normal(0, 0.5)
        reach = radius * (1.05 + rng.exponential(0.35))
        drop = max(size * rng.beta(1.2, 3.0), 0.9)
        y = (center[0] + reach * math.sin(turn)) * SUPERSAMPLING
        x = (center[1] + reach * math.cos(turn)) * SUPERSAMPLING
        axes = (drop * SUPERSAMPLING * rng.uniform(1.0, 1.7), drop * SUPERSAMPLING)
        edge = max(axes) + SUPERSAMPLING
        if not (edge < y < stamps.shape[0] - edge and edge < x < stamps.shape[1] - edge):
            continue
        cv2.ellipse(stamps, ((x, y), (axes[0] * 2, axes[1] * 2), math.degrees(turn)), 1, -1)
    return stamps.astype(np.float32)


def strokes(shape: tuple[int, int], lines: Sequence[NDArray[np.float32]], widths: Sequence[float]) -> Field:
    """Coverage of thin curved threads, anti-aliased; each line (n, 2) as (y, x), widths in pixels."""
    zoom = 2 * SUPERSAMPLING
    picture = np.zeros((shape[0] * zoom, shape[1] * zoom), np.uint8)
    for line, width in zip(lines, widths, strict=True):
        points = np.round((line[:, ::-1] + 0.5) * zoom).astype(np.int32).reshape(-1, 1, 2)
        # OpenCV draws thick lines about a pixel wider than asked.
        cv2.polylines(picture, [points], False, 255, max(round(width * zoom) - 1, 1), cv2.LINE_8)
    coverage = cv2.resize(picture, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(coverage.astype(np.float32) / 255.0, np.float32)
