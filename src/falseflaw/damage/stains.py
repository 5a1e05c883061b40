"""Painters of liquid stains and mud: absorbance over the cloth's own shading and weave."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from falseflaw.damage import shapes
from falseflaw.damage.canvas import Canvas, Painted, brightness, mix, vary
from falseflaw.damage.shapes import Field, Outline
from falseflaw.imaging.color import Light, srgb


@dataclass(frozen=True)
class Liquid:
    """How a liquid spreads and dries; pairs are the ends of a uniform draw.

    Attributes:
        absorbance: Linear RGB absorbance per unit density of two mixtures; the stain lies between them.
        density: Optical density of the middle.
        rim: Extra density at the dried edge, as a share of the middle's.
        rim_width: Width of the dried edge in pixels.
        softness: Width of the outer edge in pixels.
        roughness: Outline noise as a share of the radius.
        wicking: How far fibers draw the liquid out, as a share of the radius.
        blotches: Relative variation of the density inside.
        drops: Largest number of satellite drops.
        residue: 8-bit sRGB of the dried matter that shows on dark cloth.
        haze: Opacity of that residue on black cloth.
        tide: Probability of an inner tide line.
        halo: Probability that fibers carried a thin, paler front beyond the edge.
        fading: How much thinner the density is near the edge than in the middle, as a share.
    """

    absorbance: tuple[tuple[float, float, float], tuple[float, float, float]]
    density: tuple[float, float]
    rim: tuple[float, float]
    rim_width: tuple[float, float]
    softness: tuple[float, float]
    roughness: tuple[float, float]
    wicking: tuple[float, float]
    blotches: tuple[float, float]
    drops: int
    residue: tuple[int, int, int]
    haze: tuple[float, float]
    tide: float
    halo: float
    fading: tuple[float, float]


COFFEE = Liquid(
    absorbance=((0.28, 0.75, 1.75), (0.8, 1.3, 2.0)),
    density=(0.1, 1.0),
    rim=(0.5, 1.9),
    rim_width=(1.2, 3.2),
    softness=(0.8, 2.0),
    roughness=(0.06, 0.26),
    wicking=(0.0, 0.03),
    blotches=(0.1, 0.3),
    drops=9,
    residue=(158, 122, 84),
    haze=(0.16, 0.34),
    tide=0.5,
    halo=0.25,
    fading=(0.0, 0.3),
)
WINE = Liquid(
    absorbance=((0.4, 1.95, 1.05), (0.75, 2.0, 1.6)),
    density=(0.16, 1.35),
    rim=(0.05, 0.6),
    rim_width=(1.0, 2.5),
    softness=(1.2, 3.5),
    roughness=(0.1, 0.32),
    wicking=(0.0, 0.06),
    blotches=(0.15, 0.35),
    drops=12,
    residue=(138, 62, 88),
    haze=(0.2, 0.38),
    tide=0.2,
    halo=0.35,
    fading=(0.0, 0.45),
)
INK = Liquid(
    absorbance=((3.0, 1.9, 0.7), (2.4, 2.25, 2.0)),
    density=(0.35, 2.0),
    rim=(0.0, 0.25),
    rim_width=(0.8, 1.6),
    softness=(0.7, 2.2),
    roughness=(0.05, 0.22),
    wicking=(0.0, 0.05),
    blotches=(0.1, 0.3),
    drops=14,
    residue=(64, 70, 112),
    haze=(0.25, 0.42),
    tide=0.0,
    halo=0.6,
    fading=(0.1, 0.6),
)
GREASE = Liquid(
    absorbance=((0.85, 0.9, 1.0), (0.8, 0.95, 1.3)),
    density=(0.16, 0.75),
    rim=(0.0, 0.12),
    rim_width=(1.0, 1.0),
    softness=(1.5, 5.0),
    roughness=(0.06, 0.22),
    wicking=(0.0, 0.04),
    blotches=(0.05, 0.2),
    drops=6,
    residue=(122, 112, 96),
    haze=(0.07, 0.17),
    tide=0.15,
    halo=0.3,
    fading=(0.0, 0.4),
)


def spread(canvas: Canvas, rng: np.random.Generator, roughness: float, wicking: float, drops: int) -> Outline:
    """Outline of a spill, or of separate drops: folds lead it, fibers draw it out, droplets lie around it."""
    radius = canvas.radius
    shape = canvas.shape
    splashed = rng.random() < 0.2 and radius > 5 * canvas.scale
    level = shapes.blob(
        rng,
        shape,
        canvas.center,
        radius * (0.62 if splashed else 1.0),
        roughness * (0.7 if splashed else 1.0),
        lobes=int(rng.integers(4, 11) if splashed else rng.choice([1, 1, 2, 3, 4])),
        stretch=float(rng.choice([1.0, rng.uniform(1.0, 1.5), rng.uniform(1.3, 1.6 if splashed else 2.8)])),
        angle=rng.uniform(0, math.pi),
        spacing=(0.9, 2.3) if splashed else (0.5, 1.1),
        lobe_size=(0.12, 0.75) if splashed else (0.35, 0.8),
    )
    # Valleys of folds are dark and hold liquid; ridges shed it.
    level -= rng.uniform(0.15, 0.6) * np.clip(shapes.blur(canvas.folds, 1.0) - 1, -0.35, 0.35)
    level -= 0.25 * np.clip(canvas.weave - 1, -0.3, 0.3)
    if wicking > 0:
        fine, long = rng.uniform(1.3, 2.2) * canvas.scale, rng.uniform(5, 9) * canvas.scale
        warp = rng.normal(0, 0.3)
        level += wicking * shapes.fibers(rng, shape, warp, fine, long)
        level += wicking * shapes.fibers(rng, shape, warp + math.pi / 2, fine, long)
    if rng.random() < 0.2:
        level += _run(canvas, rng)
    count = int(rng.integers(0, drops + 1)) if rng.random() < 0.7 else 0
    direction = rng.uniform(0, 2 * math.pi) if rng.random() < 0.6 else None
    stamps = shapes.droplets(rng, shape, canvas.center, radius, count, radius * 0.22, direction)
    return shapes.outline(level, canvas.area, canvas.allowed, stamps)


def _run(canvas: Canvas, rng: np.random.Generator) -> Field:
    """Adds a trickle that ran down from the spill before it dried."""
    radius = canvas.radius
    y, x = np.mgrid[0 : canvas.shape[0], 0 : canvas.shape[1]].astype(np.float32)
    offset = rng.uniform(-0.5, 0.5) * radius
    sway = 0.12 * radius * np.sin((y - canvas.center[0]) / rng.uniform(0.6, 1.4) / radius)
    across = np.abs(x - canvas.center[1] - offset - sway) / (radius * rng.uniform(0.14, 0.3))
    along = np.clip((y - canvas.center[0]) / (radius * rng.uniform(1.2, 2.2)), 0, 1)
    trickle = np.clip(1 - across, 0, 1) * (along > 0) * (along < 1)
    return np.asarray(0.9 * trickle, np.float32)


def _soak(canvas: Canvas, rng: np.random.Generator, edge: Outline, liquid: Liquid) -> Field:
    """Relative density of a dried liquid, about 1 in the middle, 0 outside."""
    scale = canvas.scale
    softness = rng.uniform(*liquid.softness) * scale
    body = shapes.smoothstep(-softness, softness * 0.8, edge.depth)
    width = rng.uniform(*liquid.rim_width) * scale
    # Dried rims are uneven along the edge: strong where the drop was pinned, absent elsewhere.
    uneven = np.clip(0.75 + 0.45 * shapes.noise(rng, canvas.shape, max(canvas.radius * 0.8, 4)), 0.1, 1.7)
    rim = np.exp(-(((edge.depth - 0.7 * width) / width) ** 2)) * rng.uniform(*liquid.rim) * uneven
    blotches = 1 + rng.uniform(*liquid.blotches) * shapes.fractal(
        rng, canvas.shape, max(canvas.radius * rng.uniform(0.5, 1.0), 6.0), octaves=3, gain=0.5
    )
    inward = np.clip(edge.depth / max(0.55 * canvas.radius, 1.0), 0, 1)
    body = body * (1 - rng.uniform(*liquid.fading) * (1 - inward))
    density = body * np.clip(blotches, 0.25, 2.0) + rim * np.minimum(body * 2, 1)
    if rng.random() < liquid.halo:
        density = np.maximum(density, _halo(canvas, rng, edge))
    if rng.random() < liquid.tide:
        inner = canvas.radius * rng.uniform(0.25, 0.6)
        line = np.exp(
            -(((edge.depth - inner + shapes.noise(rng, canvas.shape, 9.0 * scale) * 1.5) / width) ** 2)
        )
        washed = np.where(edge.depth > inner, rng.uniform(0.55, 1.15), 1.0)
        density = density * shapes.blur(np.asarray(washed, np.float32), width) + 0.35 * line * body
    # More pigment settles between the threads than on them.
    weave = 1 - rng.uniform(0.2, 1.0) * np.clip(canvas.weave - 1, -0.35, 0.35)
    return np.asarray(np.clip(density * weave, 0, 4) * canvas.allowed, np.float32)


def _halo(canvas: Canvas, rng: np.random.Generator, edge: Outline) -> Field:
    """Thin front that the fibers carried beyond the edge: streaky, paler outward, with a faint last line."""
    reach = float(np.clip(canvas.radius * rng.uniform(0.12, 0.4), 2 * canvas.scale, 9 * canvas.scale))
    warp = rng.normal(0, 0.3)
    fine, long = 1.6 * canvas.scale, 8 * canvas.scale
    streaks = shapes.fibers(rng, canvas.shape, warp, fine, long)
    streaks = streaks + shapes.fibers(rng, canvas.shape, warp + math.pi / 2, fine, long)
    front = edge.depth + reach + 0.3 * reach * (0.5 * streaks + shapes.fractal(rng, canvas.shape, 10.0))
    carried = shapes.smoothstep(0, 0.5 * reach, np.asarray(front, np.float32))
    line = np.exp(-((front / (0.9 * canvas.scale)) ** 2)) * rng.uniform(0, 0.5)
    share = rng.uniform(0.12, 0.4)
    return np.asarray(share * (carried + line) * (edge.depth > -1.5 * reach), np.float32)


def _darkness(canvas: Canvas, body: Field) -> float:
    """0 on mid-tone and light cloth, 1 on black: how much a stain must show by its residue."""
    tone = brightness(canvas.material(body))
    return float(np.clip((0.11 - tone) / 0.09, 0, 1))


def residue(canvas: Canvas, color: Light) -> Light:
    """Matter lying on the cloth, lit like it: its color with the folds' shading and part of the weave."""
    shading = np.clip(canvas.folds, 0.5, 1.6) * np.clip(canvas.weave, 0.6, 1.5) ** 0.6
    return np.asarray(color * shading[..., None], np.float32)


def _wiped(canvas: Canvas, rng: np.random.Generator) -> Field:
    """Share of the liquid that a cloth left behind: streaks in the direction of the wiping."""
    streaks = shapes.fibers(rng, canvas.shape, rng.uniform(0, math.pi), 2.2 * canvas.scale, 22 * canvas.scale)
    return np.asarray(np.clip(0.55 + 0.35 * streaks, 0.08, 1.0), np.float32)


def _liquid(canvas: Canvas, rng: np.random.Generator, liquid: Liquid) -> Painted:
    edge = spread(
        canvas, rng, rng.uniform(*liquid.roughness), max(rng.uniform(*liquid.wicking), 0.0), liquid.drops
    )
    relative = _soak(canvas, rng, edge, liquid)
    if rng.random() < 0.15:
        relative = relative * _wiped(canvas, rng)
    low, high = liquid.density
    density = relative * np.float32(low + (high - low) * canvas.strength)
    first, second = (np.asarray(mixture, np.float32) for mixture in liquid.absorbance)
    absorbance = first + (second - first) * np.float32(rng.random())
    absorbance = absorbance * rng.uniform(0.93, 1.07, 3).astype(np.float32)
    # Colored liquids dry unevenly: the mixture drifts over the stain.
    drift = 1 + 0.08 * shapes.noise(rng, canvas.shape, max(canvas.radius, 5.0))
    exponent = density[..., None] * absorbance
    exponent[..., 0] *= drift
    stained = canvas.linear * np.exp(-exponent)
    dark = _darkness(canvas, edge.coverage)
    hue = vary(rng, liquid.residue)
    haze = np.clip(relative, 0, 1.6) * np.float32(
        dark * rng.uniform(*liquid.haze) * (0.5 + 0.5 * canvas.strength)
    )
    alpha = np.clip(1 - np.exp(-density * float(absorbance.mean())) + haze, 0, 1)
    return Painted(mix(stained, residue(canvas, hue), np.clip(haze, 0, 0.8)), np.asarray(alpha, np.float32))


def coffee(canvas: Canvas, rng: np.random.Generator) -> Painted:
    """Brown translucent spill with a darker dried rim; sometimes the ring of a cup."""
    if rng.random() < 0.12 and canvas.radius > 12 * canvas.scale:
        return _cup_ring(canvas, rng)
    return _liquid(canvas, rng, COFFEE)


def _cup_ring(canvas: Canvas, rng: np.random.Generator) -> Painted:
    """Ring left by a wet cup: a band whose density varies around the circle."""
    y, x = np.mgrid[0 : canvas.shape[0], 0 : canvas.shape[1]].astype(np.float32)
    y, x = y - canvas.center[0], x - canvas.center[1]
    wobble = shapes.fractal(rng, canvas.shape, 12.0 * canvas.scale)
    radius = canvas.radius * 1.05
    width = max(rng.uniform(0.06, 0.16) * radius, 1.5)
    distance = np.abs(np.hypot(y, x * rng.uniform(0.9, 1.1)) + 0.6 * wobble - radius)
    around = np.clip(0.8 + 0.7 * shapes.noise(rng, canvas.shape, radius), 0.0, 1.6)
    band = shapes.smoothstep(-1.2, 0.6, np.asarray(width - distance, np.float32)) * around
    wash = 0.22 * shapes.smoothstep(-1.0, 1.0, np.asarray(radius - np.hypot(y, x), np.float32))
    relative = (band + wash * (rng.random() < 0.5)) * canvas.allowed
    density = relative * np.float32(0.5 + 0.7 * canvas.strength)
    absorbance = np.asarray(COFFEE.absorbance[int(rng.integers(2))], np.float32)
    stained = canvas.linear * np.exp(-density[..., None] * absorbance)
    haze = np.clip(relative, 0, 1) * np.float32(_darkness(canvas, band) * rng.uniform(*COFFEE.haze))
    alpha = np.clip(1 - np.exp(-density) + haze, 0, 1)
    return Painted(mix(stained, residue(canvas, srgb(*COFFEE.residue)), haze), np.asarray(alpha, np.float32))


def ink(canvas: Canvas, rng: np.random.Generator) -> Painted:
    """Dense blue to black blot that fibers draw out."""
    return _liquid(canvas, rng, INK)


def wine(canvas: Canvas, rng: np.random.Generator) -> Painted:
    """Purple-red spill, darker in the middle than coffee and without its sharp rim."""
    return _liquid(canvas, rng, WINE)


def grease(canvas: Canvas, rng: np.random.Generator) -> Painted:
    """Wet-looking darker patch: light is lost, hardly any hue is added, the weave stays."""
    return _liquid(canvas, rng, GREASE)


def mud(canvas: Canvas, rng: np.random.Generator) -> Painted:
    """Opaque gray-brown crust with grain, cracks and spatter; thin parts let the cloth through."""
    if rng.random() < 0.4:
        return _rubbed(canvas, rng)
    smeared = rng.random() < 0.3
    edge = spread(canvas, rng, rng.uniform(0.25, 0.5), rng.uniform(0.02, 0.09), 16)
    scale = canvas.scale
    shape = canvas.shape
    grit = shapes.fractal(rng, shape, 3.2 * scale, octaves=2, gain=0.8)
    clods = shapes.fractal(rng, shape, max(canvas.radius * 0.5, 4.0), octaves=4, gain=0.6)
    thickness = shapes.smoothstep(-0.8, 2.5 * scale, edge.depth + 0.7 * grit)
    thickness = thickness * np.clip(1.12 + 0.24 * clods + 0.08 * grit, 0, 1.4)
    if smeared:
        streaks = shapes.fibers(rng, shape, rng.uniform(0, math.pi), 1.8 * scale, 14.0 * scale)
        thickness = thickness * np.clip(0.85 + 0.45 * streaks, 0.1, 1.2)
    opacity = np.clip(thickness * (0.74 + 0.26 * canvas.strength), 0, 0.97) * canvas.allowed
    tones = ((122, 100, 76), (98, 82, 64), (140, 122, 98), (84, 74, 62), (112, 104, 92))
    base = vary(rng, tones[int(rng.integers(len(tones)))])
    # Lit as the cloth around it is: a photo in shade has no bright mud.
    tone = brightness(canvas.material(edge.coverage))
    base = base * np.float32(np.clip(0.7 + 0.6 * tone, 0.75, 1.15))
    if tone < 0.08:
        base = base * np.float32(rng.uniform(0.9, 1.4))  # dried dust is paler than dark cloth
    relief = clods * 0.7 + grit * 0.5
    lit = np.asarray(relief - np.roll(relief, (1, 1), (0, 1)), np.float32)
    crust = 1 + 0.10 * grit + 0.09 * clods + 0.12 * lit
    crust = crust + rng.normal(0, 0.05, shape) + canvas.grain * rng.normal(0, 1, shape)
    color = residue(canvas, base) * np.clip(crust, 0.35, 1.7).astype(np.float32)[..., None]
    return Painted(mix(canvas.linear, color, opacity), np.asarray(opacity, np.float32))


def _rubbed(canvas: Canvas, rng: np.random.Generator) -> Painted:
    """Dirt rubbed onto the cloth: it sits on the raised threads, streaky and without an outline."""
    shape, scale, radius = canvas.shape, canvas.scale, canvas.radius
    angle = rng.uniform(0, math.pi)
    level = shapes.blob(
        rng,
        shape,
        canvas.center,
        radius,
        rng.uniform(0.2, 0.45),
        lobes=int(rng.choice([1, 2, 3])),
        stretch=float(rng.choice([1.0, rng.uniform(1.2, 2.2), rng.uniform(2.0, 4.5)])),
        angle=angle,
    )
    edge = shapes.outline(level, canvas.area * 1.15, canvas.allowed)
    streaks = shapes.fibers(rng, shape, angle + rng.normal(0, 0.12), 1.5 * scale, 14 * scale)
    grains = shapes.fractal(rng, shape, 3.0 * scale, octaves=2, gain=0.8)
    raised = np.clip((canvas.weave - 1) * rng.uniform(1.5, 4.0), -0.5, 0.6)
    fold = np.clip((canvas.folds - 1) * 1.2, -0.3, 0.5)
    soft = shapes.smoothstep(-0.15 * radius, rng.uniform(0.5, 1.0) * radius, edge.depth)
    contact = 0.8 + rng.uniform(0.1, 0.5) * streaks + rng.uniform(0.15, 0.5) * grains + raised + fold
    deposit = soft * np.clip(contact, 0, 1.8) * canvas.allowed
    tones = ((62, 58, 54), (44, 42, 40), (98, 84, 62), (120, 102, 70), (78, 74, 72), (92, 66, 48))
    tone = brightness(canvas.material(edge.coverage))
    dirt = vary(rng, tones[int(rng.integers(len(tones)))])
    if tone < 0.08:  # on dark cloth dirt is pale dust
        dirt = vary(rng, (150, 140, 124))
    opacity = np.clip(deposit * (0.16 + 0.7 * canvas.strength), 0, 0.92).astype(np.float32)
    color = residue(canvas, dirt * np.float32(np.clip(0.75 + 0.5 * tone, 0.75, 1.15)))
    return Painted(mix(canvas.linear, color, opacity), opacity)
