"""Outlines of the products that the studio renders, as layers of cloth or cardboard.

Product units: x to the right, y down, the product within about [-1, 1] in both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.floating[Any]]
"""Vertices, float32, (N, 2), product units."""

MAIN, TRIM, INK, INSIDE, METAL = range(5)
"""Tone of a layer: the product's colors (main, second, print), the shaded inside, buttons and buckles."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One piece of the product; later pieces lie on earlier ones.

    Attributes:
        outline: Closed outline.
        tone: `MAIN`, `TRIM`, `INK`, `INSIDE` or `METAL`.
        grain: Direction of the yarns in radians, 0 along the product's axes.
        puff: Height of the rounded edge in product units.
        hem: Whether a stitched hem runs along the outline.
        seams: Open polylines that are sewn into the piece.
        light: Factor on the color: faces of a box catch the light differently.
    """

    outline: Points
    tone: int = MAIN
    grain: float = 0.0
    puff: float = 0.03
    hem: bool = True
    seams: tuple[Points, ...] = ()
    light: float = 1.0


def _points(*pairs: tuple[float, float]) -> Points:
    return np.array(pairs, dtype=np.float32)


def _smooth(points: Points, rounds: int = 3) -> Points:
    """Cuts the corners of a closed outline (Chaikin 1974); a doubled vertex stays a corner."""
    for _ in range(rounds):
        following = np.roll(points, -1, axis=0)
        points = np.stack([0.75 * points + 0.25 * following, 0.25 * points + 0.75 * following], 1).reshape(
            -1, 2
        )
    return points.astype(np.float32)


def _mirror(points: Points) -> Points:
    return points[::-1] * np.array([-1, 1], np.float32)


def _symmetric(half: Points) -> Points:
    """Closes an outline whose right half runs from top to bottom."""
    return np.concatenate([half, _mirror(half)])


def _corners(*pairs: tuple[float, float]) -> Points:
    """An outline with crisp corners: every vertex twice."""
    return _smooth(np.repeat(_points(*pairs), 2, axis=0), 2)


def _box(left: float, top: float, right: float, bottom: float) -> Points:
    return _corners((left, top), (right, top), (right, bottom), (left, bottom))


def _arc(x: float, y: float, rx: float, ry: float, start: float = 0.0, stop: float = 2 * np.pi) -> Points:
    t = np.linspace(start, stop, 40)
    return np.stack([x + rx * np.cos(t), y + ry * np.sin(t)], axis=1).astype(np.float32)


def _band(path: Points, width: float) -> Points:
    """Outline of a strip of the given width along an open path."""
    step = np.gradient(path, axis=0)
    normal = np.stack([-step[:, 1], step[:, 0]], axis=1)
    normal *= width / 2 / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-6)
    return np.concatenate([path + normal, (path - normal)[::-1]]).astype(np.float32)


# fmt: off
def _top(rng: np.random.Generator, sleeve: str, length: float) -> list[Layer]:
    """A shirt-like garment: inside of the back, body, two sleeves, collar."""
    width, neck, drop = rng.uniform(0.52, 0.6), rng.uniform(0.18, 0.22), rng.uniform(0.12, 0.22)
    flare = rng.uniform(-0.02, 0.04)
    collar = [(0.02, -0.84 + drop), (neck * 0.7, -0.84 + drop * 0.8), (neck, -0.86), (neck, -0.86)]
    half = _points(
        *collar, (width, -0.75), (width - 0.03, -0.4), (width, 0.1), (width + flare, length),
        (width + flare, length),
    )
    front = _arc(0, -0.86, neck, drop + 0.02, 0.0, np.pi)
    back = _arc(0, -0.86, neck, 0.05, np.pi, 2 * np.pi)
    layers = [Layer(np.concatenate([front, back]), INSIDE, hem=False, puff=0.0)]
    if sleeve == "short":
        limb = _points(
            (width - 0.06, -0.77), (width + 0.12, -0.66), (0.98, -0.34), (0.98, -0.34), (0.8, -0.13),
            (0.8, -0.13), (width - 0.02, -0.42),
        )
    else:
        limb = _points(
            (width - 0.06, -0.77), (width + 0.14, -0.62), (0.84, 0.0), (0.93, 0.52), (0.93, 0.52),
            (0.76, 0.56), (0.76, 0.56), (0.66, 0.05), (width - 0.02, -0.4),
        )
    tilt = 0.75 if sleeve == "short" else 0.25
    layers += [Layer(_smooth(limb), grain=-tilt), Layer(_smooth(_mirror(limb)), grain=tilt)]
    rib = _points((-width - 0.1, length - 0.1), (width + 0.1, length - 0.1))
    layers.append(Layer(_smooth(_symmetric(half)), seams=(rib,) if sleeve == "long" else ()))
    bands = [Layer(_band(path, 0.053), TRIM, hem=False, puff=0.02) for path in (back, front)]
    return [*layers, *bands]


def t_shirt(rng: np.random.Generator) -> list[Layer]:
    """T-shirt laid flat."""
    return _top(rng, "short", 0.76)


def long_sleeve(rng: np.random.Generator) -> list[Layer]:
    """Sweater or long-sleeved top."""
    return _top(rng, "long", 0.74)


def shirt(rng: np.random.Generator) -> list[Layer]:
    """Buttoned shirt with a pointed collar and a breast pocket."""
    layers = _top(rng, "long" if rng.random() < 0.5 else "short", 0.8)[:-2]
    placket = _box(-0.045, -0.68, 0.045, 0.8)
    wing = _corners((0.02, -0.7), (0.2, -0.9), (0.3, -0.82), (0.2, -0.56))
    buttons = [
        Layer(_arc(0, y, 0.018, 0.018), METAL, hem=False, puff=0.012) for y in np.linspace(-0.55, 0.65, 6)
    ]
    pocket = _corners((0.16, -0.35), (0.36, -0.35), (0.36, -0.12), (0.26, -0.07), (0.16, -0.12))
    flat = [Layer(placket, puff=0.01), Layer(pocket, puff=0.01)]
    return [*layers, *flat, Layer(wing), Layer(_mirror(wing)), *buttons]


def _legs(rng: np.random.Generator, length: float, spread: float) -> list[Layer]:
    waist, hip = rng.uniform(0.36, 0.42), rng.uniform(0.45, 0.5)
    inner = spread - rng.uniform(0.28, 0.34) * (1 if length > 0.5 else 1.35)
    leg = _smooth(_points(
        (-0.03, -0.9), (-0.03, -0.9), (waist, -0.9), (waist, -0.9), (hip, -0.5),
        (spread + 0.02, length), (spread + 0.02, length), (inner, length), (inner, length),
        (0.05, -0.18), (-0.03, -0.24),
    ))
    pocket = _arc(waist, -0.88, 0.22, 0.3, np.pi * 0.52, np.pi * 0.98)
    fly = _points((0.02, -0.85), (0.09, -0.8), (0.09, -0.5), (0.01, -0.38))
    belt = _corners((-waist, -0.97), (waist, -0.97), (waist + 0.015, -0.84), (-waist - 0.015, -0.84))
    loops = [Layer(_box(x - 0.02, -0.98, x + 0.02, -0.83), puff=0.012, hem=False) for x in (-0.27, 0.27)]
    return [
        Layer(_mirror(leg), seams=(_mirror(pocket),), grain=0.04),
        Layer(leg, seams=(pocket, fly), grain=-0.04),
        Layer(belt, puff=0.015),
        *loops,
        Layer(_arc(0.0, -0.905, 0.024, 0.024), METAL, hem=False, puff=0.012),
    ]


def pants(rng: np.random.Generator) -> list[Layer]:
    """Trousers with waistband, belt loops and pockets."""
    return _legs(rng, 0.95, rng.uniform(0.42, 0.52))


def shorts(rng: np.random.Generator) -> list[Layer]:
    """Shorts: the same cut, short and wide."""
    layers = _legs(rng, 0.1, rng.uniform(0.52, 0.6))
    return [_scaled(layer, 1.35, 0.42) for layer in layers]


def _scaled(layer: Layer, factor: float, center: float) -> Layer:
    move = np.array([0, center], np.float32)
    seams = tuple((line + move) * np.float32(factor) for line in layer.seams)
    outline = (layer.outline + move) * np.float32(factor)
    return Layer(outline, layer.tone, layer.grain, layer.puff, layer.hem, seams, layer.light)


def dress(rng: np.random.Generator) -> list[Layer]:
    """Sleeveless dress with a waist seam and a flared skirt."""
    flare = rng.uniform(0.5, 0.68)
    skirt_part = _points((0.27, -0.2), (0.27, -0.2), (0.36, 0.1), (flare, 0.9), (flare, 0.9), (0.0, 0.96))
    bodice = _points(
        (0.02, -0.62), (0.14, -0.7), (0.2, -0.93), (0.2, -0.93), (0.31, -0.93), (0.31, -0.93),
        (0.27, -0.68), (0.36, -0.56), (0.28, -0.14), (0.28, -0.14),
    )
    back = _points((-0.2, -0.9), (0.2, -0.9), (0.16, -0.6), (-0.16, -0.6))
    sash = _corners((-0.285, -0.23), (0.285, -0.23), (0.29, -0.14), (-0.29, -0.14))
    cloth = [Layer(_smooth(_symmetric(part))) for part in (skirt_part, bodice)]
    return [Layer(back, INSIDE, hem=False, puff=0.0), *cloth, Layer(sash, TRIM, puff=0.015)]


def skirt(rng: np.random.Generator) -> list[Layer]:
    """Flared skirt with a waistband."""
    flare = rng.uniform(0.62, 0.82)
    half = _points((0.38, -0.72), (0.38, -0.72), (0.5, -0.3), (flare, 0.74), (flare, 0.74), (0.0, 0.82))
    belt = _corners((-0.385, -0.82), (0.385, -0.82), (0.4, -0.68), (-0.4, -0.68))
    return [Layer(_smooth(_symmetric(half))), Layer(belt, TRIM, puff=0.015)]


def hat(rng: np.random.Generator) -> list[Layer]:
    """Knitted beanie with a cuff, or a cap seen from the front."""
    if rng.random() < 0.5:
        dome = _points((0.0, -0.78), (0.3, -0.76), (0.6, -0.4), (0.64, 0.4), (0.64, 0.4))
        cuff = _smooth(_points(
            (-0.67, 0.12), (-0.67, 0.12), (0.67, 0.12), (0.67, 0.12), (0.66, 0.5), (0.66, 0.5),
            (0.0, 0.56), (-0.66, 0.5), (-0.66, 0.5),
        ))
        pompom = [Layer(_arc(0, -0.84, 0.17, 0.16), TRIM, hem=False, puff=0.12)] if rng.random() < 0.5 else []
        crown = Layer(_smooth(_symmetric(dome)), puff=0.12, hem=False)
        return [crown, *pompom, Layer(cuff, TRIM, puff=0.06, hem=False)]
    half = _points((0.0, -0.68), (0.38, -0.66), (0.66, -0.2), (0.68, 0.3), (0.68, 0.3), (0.0, 0.24))
    brim = _points(
        (-0.7, 0.24), (0.0, 0.14), (0.7, 0.24), (0.78, 0.5), (0.42, 0.68), (0.0, 0.72), (-0.42, 0.68),
        (-0.78, 0.5),
    )
    curves = [_arc(0, 0.3, 0.36, 0.96, -np.pi / 2, stop) for stop in (0, -np.pi)]
    seams = (*curves, _points((0, -0.66), (0, 0.24)))
    return [
        Layer(_smooth(_symmetric(half)), puff=0.16, seams=seams, hem=False),
        Layer(_smooth(brim), TRIM, puff=0.05),
        Layer(_arc(0, -0.66, 0.05, 0.03), TRIM, hem=False, puff=0.02),
    ]


def towel(rng: np.random.Generator) -> list[Layer]:
    """Towel, spread out or folded in half, with woven borders."""
    width, height = rng.uniform(0.5, 0.62), rng.uniform(0.78, 0.9)
    sheet = _box(-width, -height, width, height)
    ys = [height - 0.2, -height + 0.12] if rng.random() < 0.6 else [height - 0.2]
    bands = [Layer(_box(-width, y, width, y + 0.07), TRIM, puff=0.004, hem=False) for y in ys]
    return [Layer(sheet + np.array([0.025, 0.03], np.float32), light=0.85), Layer(sheet, puff=0.04), *bands]


def bag(rng: np.random.Generator) -> list[Layer]:
    """Tote with two handles, sometimes with a flap."""
    top, low, height = rng.uniform(0.5, 0.6), rng.uniform(0.54, 0.66), rng.uniform(0.72, 0.85)
    body = _corners((-top, -0.35), (top, -0.35), (low, height), (-low, height))
    reach = rng.uniform(0.45, 0.6)
    far = _band(_arc(0, -0.3, 0.27, reach - 0.04, np.pi * 0.98, np.pi * 2.02), 0.06)
    near = _band(_arc(0.02, -0.18, 0.29, reach, np.pi * 0.93, np.pi * 2.07), 0.07)
    layers = [Layer(far, TRIM, light=0.8, puff=0.02), Layer(body, puff=0.06), Layer(near, TRIM, puff=0.025)]
    if rng.random() < 0.5:
        flap = _smooth(_points(
            (-top, -0.36), (-top, -0.36), (top, -0.36), (top, -0.36), (top - 0.02, 0.05),
            (0.25, 0.22), (-0.25, 0.22), (-top + 0.02, 0.05),
        ))
        layers[2:2] = [Layer(flap, puff=0.03), Layer(_arc(0, 0.12, 0.05, 0.05), METAL, hem=False, puff=0.02)]
    return layers


def cushion(rng: np.random.Generator) -> list[Layer]:
    """Stuffed cushion with pinched corners and piping."""
    a, pinch = rng.uniform(0.7, 0.78), rng.uniform(0.05, 0.1)
    side = _points(
        (a, -a), (a, -a), (a - pinch, 0), (a, a), (a, a), (0, a - pinch), (-a, a), (-a, a),
        (-a + pinch, 0), (-a, -a), (-a, -a), (0, -a + pinch),
    )
    outline = _smooth(side)
    piping = Layer(outline * np.float32(1.025), TRIM, puff=0.03, hem=False)
    return [piping, Layer(outline, puff=0.3, hem=False)]


def package(rng: np.random.Generator) -> list[Layer]:
    """Cardboard box, three faces in view, taped, with a paper label."""
    w, h = rng.uniform(0.5, 0.68), rng.uniform(0.4, 0.62)
    dx, dy = rng.uniform(0.16, 0.26), rng.uniform(0.16, 0.3)
    side = rng.choice([-1, 1])
    front = _box(-w, -h, w, h)
    lid = _corners((-w, -h), (w, -h), (w + side * dx, -h - dy), (-w + side * dx, -h - dy))
    wall = _corners((side * w, -h), (side * (w + dx), -h - dy), (side * (w + dx), h - dy), (side * w, h))
    tape = _box(-0.06, -h, 0.06, -h + 0.2)
    across = _corners((-0.06, -h), (0.06, -h), (0.06 + side * dx, -h - dy), (-0.06 + side * dx, -h - dy))
    x, y = rng.uniform(-0.3, 0.05) * w, rng.uniform(-0.15, 0.1)
    label = _box(x, y, x + 0.7 * w, y + 0.62 * h)
    ends = x + w * rng.uniform(0.3, 0.6, 3)
    tops = y + h * np.array([0.06, 0.14, 0.22])
    lines = [(x + 0.05, top, end, top + 0.022) for top, end in zip(tops, ends, strict=True)]
    starts = x + 0.05 + np.cumsum(rng.uniform(0.02, 0.04, 12))
    bars = [
        (a, y + 0.34 * h, a + rng.uniform(0.006, 0.016), y + 0.54 * h) for a in starts if a < x + 0.64 * w
    ]
    faces = [
        (wall, MAIN, 0.62, 0.006), (lid, MAIN, 1.12, 0.006), (front, MAIN, 0.9, 0.006),
        (across, INSIDE, 1.3, 0.002), (tape, INSIDE, 1.1, 0.002), (label, TRIM, 1.0, 0.003),
        *((_box(*ink), INK, 1.0, 0.0) for ink in [*lines, *bars]),
    ]
    return [Layer(outline, tone, puff=puff, hem=False, light=light) for outline, tone, light, puff in faces]


SHAPES: dict[str, Callable[[np.random.Generator], Sequence[Layer]]] = {
    "t-shirt": t_shirt, "longsleeve": long_sleeve, "shirt": shirt, "pants": pants, "shorts": shorts,
    "dress": dress, "skirt": skirt, "hat": hat, "towel": towel, "bag": bag, "cushion": cushion,
    "package": package,
}
"""Product word → its shape."""
