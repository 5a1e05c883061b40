"""Painters of holes, tears and burns: cloth that is gone, frayed or charred."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from falseflaw.damage import shapes
from falseflaw.damage.canvas import Canvas, Painted, brightness, mix, vary
from falseflaw.damage.shapes import Field, Outline
from falseflaw.imaging.color import Light, srgb

_LININGS = (
    (226, 222, 214),
    (196, 176, 152),
    (214, 168, 140),
    (150, 146, 142),
    (178, 160, 132),
    (232, 226, 206),
)
"""8-bit sRGB of what shows through dark cloth: white, cardboard, skin, gray, wood, cream."""


def _shift(field: Field, dy: float, dx: float) -> Field:
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    size = (field.shape[1], field.shape[0])
    return np.asarray(
        cv2.warpAffine(field, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE),
        np.float32,
    )


def _behind(canvas: Canvas, rng: np.random.Generator, edge: Outline, light: tuple[float, float]) -> Light:
    """What shows through an opening: darkness, the back layer or a lining, in the shadow of the cloth."""
    around = np.clip(shapes.blur(edge.coverage, 4 * canvas.scale), 0, 1) * (1 - edge.coverage)
    material = canvas.material(np.asarray(around, np.float32))
    tone = brightness(material)
    shift = tuple(int(v) for v in rng.integers(-18, 19, 2))
    texture = np.roll(canvas.weave * canvas.folds, shift, (0, 1))
    texture = 1 + 0.75 * (np.clip(shapes.blur(np.asarray(texture, np.float32), 0.9), 0.6, 1.4) - 1)
    if tone < 0.045 or (tone < 0.1 and rng.random() < 0.4):
        lining = vary(rng, _LININGS[int(rng.integers(len(_LININGS)))])
        base = lining * np.float32(rng.uniform(0.12, 0.5))
        deep = rng.uniform(0.08, 0.3)
    else:
        # The light that falls through the opening is weak; the cloth's own back keeps some of its hue.
        gray = np.full(3, tone, np.float32)
        hue = material * np.float32(0.7) + gray * np.float32(0.3)
        if rng.random() < 0.45:  # another layer lies close behind: the back, a shirt, the table
            if rng.random() < 0.35:
                hue = vary(rng, _LININGS[int(rng.integers(len(_LININGS)))])
            base = hue * np.float32(rng.uniform(0.25, 0.75))
            deep = rng.uniform(0.35, 0.75)
        else:
            base = hue * np.float32(rng.choice([rng.uniform(0.03, 0.1), rng.uniform(0.1, 0.35)]))
            deep = rng.uniform(0.2, 0.5)
    reach = rng.uniform(2.0, 5.5) * canvas.scale
    lit = shapes.blur(_shift(edge.coverage, light[0] * reach, light[1] * reach), reach * 0.45)
    lit = deep + (1 - deep) * np.clip(lit, 0, 1)
    uneven = 1 + rng.uniform(0.03, 0.14) * shapes.fractal(rng, canvas.shape, 16 * canvas.scale, octaves=4)
    # Shot noise goes with the root of the light.
    grain = canvas.grain * math.sqrt(float(base.mean()) / max(tone, 0.01)) * rng.normal(0, 0.7, canvas.shape)
    level = (texture * lit * uneven).astype(np.float32)
    return np.asarray(
        np.clip(base * level[..., None] + grain[..., None].astype(np.float32), 0, 1), np.float32
    )


def _edge_points(
    edge: Outline, rng: np.random.Generator, count: int
) -> list[tuple[float, float, float, float]]:
    """Random points of the opening's edge with the inward direction: (y, x, dy, dx)."""
    grad_y, grad_x = shapes.gradient(shapes.blur(edge.depth, 1.2))
    ys, xs = np.nonzero((edge.depth > -0.8) & (edge.depth < 0.6))
    if len(ys) == 0:
        return []
    chosen = rng.integers(0, len(ys), count)
    points = []
    for index in chosen:
        y, x = int(ys[index]), int(xs[index])
        length = math.hypot(float(grad_y[y, x]), float(grad_x[y, x])) + 1e-6
        points.append((float(y), float(x), float(grad_y[y, x]) / length, float(grad_x[y, x]) / length))
    return points


def _thread(
    rng: np.random.Generator, start: tuple[float, float], direction: float, length: float, curl: float
) -> NDArray[np.float32]:
    """A loose thread: `start` (y, x), direction in radians, curling as it goes. Returns (7, 2) as (y, x)."""
    steps = 6
    turns = direction + np.cumsum(rng.normal(0, curl, steps)) + np.linspace(0, rng.normal(0, 2 * curl), steps)
    offsets = np.stack([np.sin(turns), np.cos(turns)], axis=1) * (length / steps)
    path = np.vstack([np.zeros((1, 2)), np.cumsum(offsets, axis=0)]) + np.asarray(start)
    return np.asarray(path, np.float32)


def _fringe(
    canvas: Canvas, rng: np.random.Generator, edge: Outline, density: float, length: float, weave_angle: float
) -> tuple[list[NDArray[np.float32]], list[float]]:
    """Threads that stick out of the edge, mostly along the two directions of the weave."""
    perimeter = float((np.abs(edge.depth) < 0.5).sum())
    lines, widths = [], []
    for y, x, dy, dx in _edge_points(edge, rng, int(perimeter * density)):
        inward = math.atan2(dy, dx)
        weave = min(
            (weave_angle + quarter * math.pi / 2 for quarter in range(4)),
            key=lambda angle: abs(math.remainder(angle - inward, 2 * math.pi)),
        )
        angle = inward + 0.85 * math.remainder(weave - inward, 2 * math.pi) + rng.normal(0, 0.16)
        if rng.random() < 0.06:
            angle += math.pi  # lies on the cloth instead
        loose = rng.random() < 0.07
        reach = max(length * (rng.uniform(1.5, 3.5) if loose else rng.gamma(1.3, 0.6)), 0.9 * canvas.scale)
        start = (y - 1.2 * math.sin(inward), x - 1.2 * math.cos(inward))
        lines.append(_thread(rng, start, angle, reach, 0.3 if loose else rng.uniform(0.03, 0.2)))
        widths.append(float(rng.uniform(0.35, 0.95)) * max(canvas.scale, 1.0) ** 0.7)
    return lines, widths


def _open(
    canvas: Canvas,
    rng: np.random.Generator,
    edge: Outline,
    lines: list[NDArray[np.float32]],
    widths: list[float],
) -> Painted:
    """Cuts the opening, shades its rim and lays the threads over it."""
    turn = rng.uniform(math.pi * 0.15, math.pi * 0.85)  # light from above, from left to right
    light = (math.sin(turn), math.cos(turn))  # direction in which light travels, (y, x)
    scale = canvas.scale
    coverage = edge.coverage * canvas.allowed
    behind = _behind(canvas, rng, edge, light)
    material = canvas.material(np.asarray(np.exp(-((edge.depth / 6) ** 2)) * (1 - edge.coverage), np.float32))

    # The rim: cut cloth curls, so one side catches light and the other falls dark.
    smooth = shapes.blur(edge.coverage, 1.1 * scale)
    grad_y, grad_x = shapes.gradient(smooth)
    facing = -(grad_y * light[0] + grad_x * light[1])
    facing = facing / (np.abs(facing).max() + 1e-6)
    width = rng.uniform(0.8, 1.6) * scale
    band = np.exp(-(((edge.depth + 0.8 * width) / width) ** 2))
    # Where the edge frays it is woolly, where it was cut it is clean.
    woolly = np.clip(0.55 + 0.5 * shapes.fractal(rng, canvas.shape, 7 * scale, octaves=3), 0, 1.6)
    rim = band * woolly * (rng.uniform(0.02, 0.26) + rng.uniform(0.08, 0.35) * facing)
    puckered = np.exp(np.minimum(edge.depth, 0) / (rng.uniform(1.5, 3.5) * scale)) * (edge.depth < 4)
    pucker = rng.uniform(0.05, 0.14) * puckered * shapes.noise(rng, canvas.shape, 4.5 * scale)
    gain = np.clip(1 + (rim + pucker) * canvas.allowed, 0.4, 1.8).astype(np.float32)
    tone = brightness(material)
    glow = srgb(150, 148, 145) * np.float32(0.04 + 0.08 * float(np.clip((0.06 - tone) / 0.06, 0, 1)))
    cloth = canvas.linear * gain[..., None] + (np.clip(rim, 0, 1) * canvas.allowed)[..., None] * glow

    painted = mix(np.asarray(cloth, np.float32), behind, np.asarray(coverage, np.float32))
    threads = shapes.strokes(canvas.shape, lines, widths) if lines else np.zeros(canvas.shape, np.float32)
    threads = threads * canvas.allowed * (edge.depth > -6 * scale)
    cast = shapes.blur(_shift(threads, light[0] * 1.6, light[1] * 1.6), 0.7) * (1 - threads)
    painted = painted * (1 - 0.3 * cast)[..., None]
    yarn = material * np.float32(rng.uniform(0.7, 1.05)) + srgb(170, 168, 164) * np.float32(0.04)
    if rng.random() < 0.3:  # undyed inside, as the weft of denim
        yarn = mix(yarn, srgb(226, 222, 212), float(rng.uniform(0.3, 0.8)))
    sheen = np.clip(1 + 0.25 * shapes.noise(rng, canvas.shape, 2.0), 0.5, 1.5)
    # Threads that reach far into the opening hang in its shade.
    shade = np.clip(1 - np.maximum(edge.depth, 0) / (7 * scale), rng.uniform(0.3, 0.7), 1)
    yarns = np.asarray(yarn * (sheen * shade)[..., None], np.float32)
    painted = mix(np.asarray(painted, np.float32), yarns, np.asarray(threads * 0.95, np.float32))
    touched = np.maximum.reduce([coverage, np.abs(rim + pucker) * canvas.allowed, threads, 0.3 * cast])
    return Painted(painted, np.asarray(np.clip(touched, 0, 1), np.float32))


def hole(canvas: Canvas, rng: np.random.Generator) -> Painted:
    """Hole with depth behind, an inner shadow, a woolly rim and frayed threads; or several as of moths."""
    weave_angle = rng.normal(0, 0.3)
    several = rng.random() < 0.2 and canvas.radius > 5 * canvas.scale
    level = shapes.blob(
        rng,
        canvas.shape,
        canvas.center,
        canvas.radius * (0.65 if several else 1.0),
        rng.uniform(0.04, 0.3),
        lobes=int(rng.integers(2, 6) if several else rng.choice([1, 1, 1, 2])),
        stretch=float(rng.choice([1.0, rng.uniform(1.0, 1.4 if several else 2.4)])),
        angle=weave_angle + rng.choice([0.0, math.pi / 2]) + rng.normal(0, 0.2),
        squareness=rng.uniform(1.7, 3.2),
        spacing=(1.2, 2.6) if several else (0.5, 1.1),
        lobe_size=(0.25, 0.8),
    )
    level += rng.uniform(0.03, 0.1) * shapes.noise(rng, canvas.shape, 2.2 * canvas.scale)
    # Keeps the opening off the product's edge, where it would look like the silhouette.
    level -= np.clip(1 - canvas.edge_distance / (5 * canvas.scale), 0, 1)
    edge = shapes.outline(level, canvas.area, canvas.allowed)
    fraying = rng.uniform(0.05, 0.9) * (0.5 + 0.5 * canvas.strength)
    length = min(rng.uniform(0.06, 0.26) * canvas.radius, 5 * canvas.scale)
    lines, widths = _fringe(canvas, rng, edge, fraying, length, weave_angle)
    if not several and rng.random() < 0.3:
        _bridge(canvas, rng, weave_angle + rng.choice([0.0, math.pi / 2]), lines, widths)
    return _open(canvas, rng, edge, lines, widths)


def _bridge(
    canvas: Canvas,
    rng: np.random.Generator,
    angle: float,
    lines: list[NDArray[np.float32]],
    widths: list[float],
) -> None:
    """Adds threads of one direction that still span the opening, slack and close to each other."""
    radius = canvas.radius
    places = rng.uniform(-0.8, 0.8) + rng.normal(0, 0.25, int(rng.integers(1, 6)))
    for place in np.clip(places, -0.95, 0.95):
        reach = 2 * radius * math.sqrt(1 - float(place) ** 2) + 4
        start = (
            canvas.center[0] + place * radius * math.cos(angle) - 0.5 * reach * math.sin(angle),
            canvas.center[1] - place * radius * math.sin(angle) - 0.5 * reach * math.cos(angle),
        )
        lines.append(_thread(rng, start, angle, reach, rng.uniform(0.02, 0.1)))
        widths.append(float(rng.uniform(0.4, 1.0)) * canvas.scale)


def tear(canvas: Canvas, rng: np.random.Generator) -> Painted:
    """Slit along one direction, or an L, with fringed sides and yarns pulled across."""
    angle = rng.choice([0.0, math.pi / 2]) + rng.normal(0, 0.35)
    span = 0.84 * min(canvas.shape) / max(abs(math.cos(angle)), abs(math.sin(angle)))
    length = float(np.clip(math.sqrt(canvas.area * rng.uniform(8, 34)), 12 * canvas.scale, span))
    path = _path(rng, canvas.center, angle, length)
    level = shapes.slit(rng, canvas.shape, path, rng.uniform(0.2, 0.9) * canvas.scale)
    level -= 3 * np.clip(1 - canvas.edge_distance / (4 * canvas.scale), 0, 1)
    # A tear that has no room to be long stays narrow rather than gape.
    area = min(canvas.area, length**2 / 7)
    edge = shapes.outline(np.asarray(level, np.float32), area, canvas.allowed)
    width = area / length
    lines, widths = _fringe(
        canvas,
        rng,
        edge,
        rng.uniform(0.4, 1.3) * (0.5 + 0.5 * canvas.strength),
        min(0.2 * width, 4 * canvas.scale),
        angle + math.pi / 2,
    )
    if rng.random() < 0.65:
        groups = rng.uniform(0.12, 0.88, int(rng.integers(1, 5)))
        for _ in range(int(rng.integers(2, 3 + int(length / 8)))):
            place = float(np.clip(rng.choice(groups) + rng.normal(0, 0.05), 0.05, 0.95))
            middle = path[int(place * (len(path) - 1))]
            across = angle + math.pi / 2 + rng.normal(0, 0.08)
            reach = width * rng.uniform(0.8, 1.5) + 2
            start = (middle[0] - 0.5 * reach * math.sin(across), middle[1] - 0.5 * reach * math.cos(across))
            lines.append(_thread(rng, start, across, reach, rng.uniform(0.01, 0.06)))
            widths.append(float(rng.uniform(0.5, 1.15)) * canvas.scale)
    return _open(canvas, rng, edge, lines, widths)


def _path(
    rng: np.random.Generator, center: tuple[float, float], angle: float, length: float
) -> NDArray[np.float32]:
    """Middle line of a tear, (28, 2) as (y, x), centered on `center`: straight, curved or with one corner."""
    steps = 28
    turns = np.full(steps, angle) + np.linspace(-0.5, 0.5, steps) * rng.normal(0, 0.5)
    turns += 0.12 * np.interp(np.arange(steps), np.linspace(0, steps, 8), rng.standard_normal(8))
    if rng.random() < 0.2:
        turns[int(steps * rng.uniform(0.35, 0.65)) :] += rng.choice([-1, 1]) * rng.uniform(1.1, 1.6)
    points = np.cumsum(np.stack([np.sin(turns), np.cos(turns)], axis=1), axis=0) * (length / steps)
    middle = (points.max(axis=0) + points.min(axis=0)) / 2
    return np.asarray(points - middle + np.asarray(center), np.float32)


def burn(canvas: Canvas, rng: np.random.Generator) -> Painted:
    """Black char inside a brown scorch that fades out; often burnt through in the middle."""
    shape, scale, radius = canvas.shape, canvas.scale, canvas.radius
    level = shapes.blob(
        rng,
        shape,
        canvas.center,
        radius,
        rng.uniform(0.06, 0.25),
        lobes=int(rng.choice([1, 1, 2])),
        stretch=float(rng.choice([1.0, rng.uniform(1.0, 1.8)])),
        angle=rng.uniform(0, math.pi),
    )
    edge = shapes.outline(level, canvas.area, canvas.allowed)
    deepest = max(float(edge.depth.max()), 1.0)
    uneven = 0.12 * radius * shapes.fractal(rng, shape, max(radius * 0.7, 4.0), octaves=3)
    soft = np.asarray(
        (edge.depth + np.maximum(uneven, -edge.depth)) / deepest, np.float32
    )  # 0 edge .. 1 middle
    ragged = edge.depth + uneven + 0.05 * radius * shapes.fractal(rng, shape, max(radius * 0.3, 3.0))
    ragged = ragged + rng.uniform(0.2, 0.6) * scale * shapes.noise(rng, shape, 2.6 * scale)
    depth = np.asarray(ragged / deepest, np.float32)
    scorched_only = rng.random() < 0.2  # an iron, or embers put out in time
    start = 2.0 if scorched_only else rng.uniform(0.3, 0.65)  # where char begins
    scorch = shapes.smoothstep(-0.02, min(start, rng.uniform(0.4, 0.9)), shapes.blur(soft, 0.8 * scale))
    scorch = scorch * np.clip(1 + 0.18 * shapes.fractal(rng, shape, max(radius * 0.5, 4.0)), 0.5, 1.5)
    absorbance = np.asarray((0.8, 1.2, 1.8), np.float32) * rng.uniform(0.9, 1.1, 3).astype(np.float32)
    density = scorch ** rng.uniform(1.0, 1.8) * np.float32(
        rng.uniform(0.6, 1.8) * (0.3 + 0.8 * canvas.strength)
    )
    density = density * canvas.allowed
    painted = canvas.linear * np.exp(-density[..., None] * absorbance)
    dark = float(np.clip((0.11 - brightness(canvas.material(edge.coverage))) / 0.09, 0, 1))
    # Scorched dark cloth turns brownish gray and shiny.
    haze = np.clip(scorch * 1.5, 0, 1) * canvas.allowed * np.float32(dark * rng.uniform(0.2, 0.4))
    weave = np.clip(canvas.folds * canvas.weave, 0.6, 1.5)
    painted = mix(painted, np.asarray(srgb(112, 84, 62) * weave[..., None], np.float32), haze)

    char = np.clip((depth - start) * radius / (rng.uniform(0.9, 2.2) * scale) + 0.5, 0, 1) * canvas.allowed
    crumbs = shapes.fractal(rng, shape, 4.0 * scale, octaves=3, gain=0.7)
    black = vary(rng, (27, 21, 18), 20, 1.0)
    crust = np.clip(1 + 0.3 * shapes.blur(crumbs, 0.7) + 0.35 * (weave - 1), 0.4, 2.0) * (1 + 0.5 * dark)
    core = np.asarray(black * crust[..., None].astype(np.float32), np.float32)
    core = np.clip(core + (canvas.grain * 0.3 * rng.normal(0, 1, shape))[..., None], 0, 1).astype(np.float32)
    painted = mix(painted, core, np.asarray(char * rng.uniform(0.92, 1.0), np.float32))
    alpha = np.maximum(np.clip(1 - np.exp(-density), 0, 1), np.maximum(char, haze))
    if not scorched_only and rng.random() < 0.5 and radius > 7 * scale:
        through = np.asarray((depth - rng.uniform(start + 0.15, 0.9)) * radius, np.float32)
        open_ = np.clip(through / (0.8 * scale) + 0.5, 0, 1) * canvas.allowed
        ash = (
            np.exp(-(((through + 1.3 * scale) / (1.6 * scale)) ** 2))
            * np.clip(0.35 + 0.4 * crumbs, 0, 1)
            * canvas.allowed
        )
        painted = mix(
            painted,
            np.broadcast_to(srgb(120, 112, 104), painted.shape),
            np.asarray(rng.uniform(0.1, 0.45) * ash, np.float32),
        )
        inner = Outline(np.asarray(open_, np.float32), through)
        painted = mix(painted, _behind(canvas, rng, inner, (0.9, 0.3)), np.asarray(open_, np.float32))
        alpha = np.maximum(alpha, open_)
    return Painted(painted, np.asarray(np.clip(alpha, 0, 1), np.float32))
