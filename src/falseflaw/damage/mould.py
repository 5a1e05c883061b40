"""Painter of mould: speckled colonies in a faint discoloration."""

from __future__ import annotations

import math

import numpy as np

from falseflaw.damage import shapes
from falseflaw.damage.canvas import Canvas, Painted, brightness, mix, vary
from falseflaw.damage.shapes import Field
from falseflaw.damage.stains import residue

_TONES = ((58, 62, 50), (44, 46, 42), (74, 82, 66), (34, 35, 33), (88, 90, 76), (70, 66, 60), (52, 48, 44))
_PALE_TONES = ((128, 138, 120), (112, 126, 104), (142, 142, 134))


def _colonies(canvas: Canvas, rng: np.random.Generator, envelope: Field, fine: bool) -> Field:
    """Density of colonies: round spots with fuzzy edges, most where `envelope` is high; `fine`: mere dots."""
    height, width = canvas.shape
    total = np.zeros(canvas.shape, np.float32)
    weights = (np.maximum(envelope, 0) ** 1.5).ravel()
    if weights.sum() <= 0:
        return total
    cumulative = np.cumsum(weights) / weights.sum()
    count = int(np.clip(canvas.area / canvas.scale**2 * rng.uniform(0.03, 0.1), 12, 360))
    places = np.searchsorted(cumulative, rng.random(count))
    share = rng.uniform(0.05, 0.09) if fine else rng.uniform(0.1, 0.26)
    largest = max(min(canvas.radius * share, (2.2 if fine else 6.5) * canvas.scale), 1.2)
    middle = (0.8 if fine else rng.uniform(0.9, 1.4)) * canvas.scale
    sizes = np.clip(rng.lognormal(math.log(middle), 0.55, count), 0.7 * canvas.scale, largest)
    strengths = rng.uniform(0.4, 1.1, count)
    ragged = 1 + 0.2 * shapes.fractal(rng, canvas.shape, 4.0 * canvas.scale, octaves=2)
    for place, size, strength in zip(places, sizes, strengths, strict=True):
        y, x = divmod(int(place), width)
        reach = int(2.2 * size) + 2
        top, bottom, left, right = (
            max(y - reach, 0),
            min(y + reach + 1, height),
            max(x - reach, 0),
            min(x + reach + 1, width),
        )
        dy = np.arange(top, bottom, dtype=np.float32)[:, None] - y - np.float32(rng.uniform(-0.5, 0.5))
        dx = np.arange(left, right, dtype=np.float32)[None] - x - np.float32(rng.uniform(-0.5, 0.5))
        distance = np.sqrt(dy**2 + (dx * np.float32(rng.uniform(0.75, 1.3))) ** 2)
        distance = distance * ragged[top:bottom, left:right]
        profile = np.clip((size - distance) / max(0.9 * size, 1.0) + 0.5, 0, 1)
        spot = np.float32(strength) * profile * profile * (3 - 2 * profile)  # woolly edge
        patch = total[top:bottom, left:right]
        np.maximum(patch, spot, out=patch)
    return total


def mould(canvas: Canvas, rng: np.random.Generator) -> Painted:
    """Greenish-gray to black speckles, dense in the middle and scattered around, on a musty haze."""
    shape, scale = canvas.shape, canvas.scale
    level = shapes.blob(
        rng,
        shape,
        canvas.center,
        canvas.radius,
        rng.uniform(0.25, 0.5),
        lobes=int(rng.integers(1, 5)),
        stretch=rng.uniform(1.0, 1.8),
        angle=rng.uniform(0, math.pi),
    )
    level -= 0.4 * np.clip(canvas.folds - 1, -0.3, 0.3)
    fine = rng.random() < 0.4  # mildew: a cloud of dots
    edge = shapes.outline(level, canvas.area * 0.85, canvas.allowed)
    envelope = shapes.smoothstep(-0.25 * canvas.radius, 0.5 * canvas.radius, edge.depth) * canvas.allowed
    clumps = np.clip(0.6 + 0.6 * shapes.fractal(rng, shape, max(canvas.radius * 0.4, 4.0)), 0.02, 2.0)
    spots = _colonies(canvas, rng, np.asarray(envelope * clumps, np.float32), fine)
    fuzz = np.clip(1.05 + 0.16 * shapes.noise(rng, shape, 2.2 * scale), 0.6, 1.4)
    spots = np.clip(spots * fuzz, 0, 1.1) * canvas.allowed

    dark = float(np.clip((0.1 - brightness(canvas.material(edge.coverage))) / 0.08, 0, 1))
    tones = _PALE_TONES if rng.random() < dark else _TONES
    first, second = (vary(rng, tones[int(rng.integers(len(tones)))]) for _ in range(2))
    drift = np.clip(0.5 + 0.4 * shapes.fractal(rng, shape, 7 * scale), 0, 1)[..., None].astype(np.float32)
    color = residue(canvas, np.asarray(first + (second - first) * drift, np.float32))
    color = np.clip(color + (canvas.grain * 0.4 * rng.normal(0, 1, shape))[..., None], 0, 1).astype(
        np.float32
    )

    musty = shapes.smoothstep(-1.5 * scale, 0.6 * canvas.radius, edge.depth) * canvas.allowed
    musty = musty * np.clip(0.8 + 0.35 * shapes.fractal(rng, shape, max(canvas.radius * 0.6, 4.0)), 0.2, 1.5)
    density = musty * np.float32(rng.uniform(0.08, 0.45) * (0.4 + 0.8 * canvas.strength))
    tint = np.asarray((0.95, 0.85, 1.25), np.float32)
    painted = canvas.linear * np.exp(-density[..., None] * tint)
    veil = np.clip(musty, 0, 1) * np.float32(dark * rng.uniform(0.05, 0.14))
    painted = mix(painted, color, veil)
    opacity = np.clip(spots * (0.3 + 0.65 * canvas.strength), 0, 0.95).astype(np.float32)
    painted = mix(painted, color, opacity)
    alpha = np.clip(np.maximum.reduce([opacity, 1 - np.exp(-density), veil]), 0, 1)
    return Painted(painted, np.asarray(alpha, np.float32))
