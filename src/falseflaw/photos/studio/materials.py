"""Colors and heights of what the studio photographs: yarns, prints, boards and tiles."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.floating[Any]]
"""float32, (H, W): height in pixels, a factor on the color, or a coordinate."""


def material(kind: str, u: Field, v: Field, s: float, rng: np.random.Generator) -> tuple[Field, Field]:
    """Factor on the color (about 1) and height (480-wide pixels) at yarn coordinates `u`, `v`, same units."""
    period = max({"woven": 3.4, "knit": 6.2, "terry": 4.4}.get(kind, 3.0), 2.6 / s)
    i, j = u / period, v / period
    fiber = _grain(u.shape, rng, s)
    if kind in {"plain", "cardboard"}:
        relief = 0.12 * fiber
        if kind == "cardboard":
            relief += 0.0125 * np.sin(2 * np.pi * u / max(9.0, 2.6 / s))  # the flutes inside
        return 1 + 0.035 * fiber + 0.03 * noise(u.shape, 6 * s, rng), relief
    if kind == "knit":
        leg = np.abs(2 * (i - np.floor(i)) - 1)  # the two legs of a stitch lean together
        course = j * 1.25 + 0.55 * leg
        row = np.floor(course)
        bulge = np.sin(np.pi * (course - row)) * (0.35 + 0.65 * np.sin(np.pi * leg))
        return (0.62 + 0.5 * bulge + 0.09 * fiber) * _yarns(row, rng, 0.05), 1.1 * bulge + 0.1 * fiber
    if kind == "terry":
        loops = noise(u.shape, 2.2 * max(s, 0.6), rng) + 0.35 * np.sin(2 * np.pi * j)
        return 0.93 + 0.12 * loops + 0.05 * fiber, 0.8 * loops
    column, row = np.floor(i), np.floor(j)
    warp, weft = np.sin(np.pi * (i - column)), np.sin(np.pi * (j - row))
    over = (column + row) % (3 if kind == "twill" else 2) > 0.5
    height = np.where(over, warp * (0.7 + 0.3 * weft), weft * (0.63 + 0.27 * warp))
    tint = np.where(over, _yarns(column, rng, 0.07), _yarns(row, rng, 0.07))
    if kind == "twill":
        tint *= np.where(over, np.float32(1), np.float32(1.55))  # the weft of denim is pale
    return (0.66 + 0.39 * height + 0.07 * fiber) * tint, 0.55 * height + 0.06 * fiber


def _yarns(number: Field, rng: np.random.Generator, spread: float) -> Field:
    """A brightness per yarn: no two are dyed or spun alike."""
    table = (1 + spread * rng.standard_normal(1024)).astype(np.float32)
    return np.asarray(table[number.astype(np.int32) & 1023])


def printed(kind: str, x: Field, y: Field, rng: np.random.Generator) -> Field:
    """How much print color lies at product coordinates, in [0, 1]."""
    pitch = rng.uniform(0.09, 0.2)
    if kind in {"stripes", "checks"}:
        duty = rng.uniform(0.25, 0.5)
        rows = _edge(np.abs((y / pitch) % 1 - 0.5) * 2 - (1 - duty), 0.06)
        columns = _edge(np.abs((x / pitch) % 1 - 0.5) * 2 - (1 - duty), 0.06)
        return 0.5 * (rows + columns) if kind == "checks" else rows
    if kind == "dots":
        row = np.floor(y / pitch)
        dx, dy = (x / pitch + 0.5 * (row % 2)) % 1 - 0.5, (y / pitch) % 1 - 0.5
        return _edge(0.27 - np.hypot(dx, dy), 0.04)
    raster = np.zeros((512, 512), np.uint8)
    if kind == "flowers":
        for cell, (jx, jy, r, turn) in enumerate(rng.uniform(0, 1, (36, 4))):
            at = np.array(
                [cell % 6 * 85 + 20 + 45 * jx, cell // 6 * 85 + 20 + 45 * jy]
            )  # clear of the tile's edge
            reach = 7 + 7 * r
            for petal in 2 * np.pi * (np.arange(5) / 5 + turn):
                end = (at + reach * np.array([np.cos(petal), np.sin(petal)])).astype(int).tolist()
                axes = (int(reach * 0.75), int(reach * 0.45))
                cv2.ellipse(raster, end, axes, float(np.degrees(petal)), 0, 360, 255, -1, cv2.LINE_AA)
            cv2.circle(raster, at.astype(int).tolist(), 4, 90, -1, cv2.LINE_AA)
        px, py = (x * 380) % 512, (y * 380) % 512
    else:
        word = str(rng.choice(["NORTH", "1984", "WILD", "OCEAN", "77", "CLUB", "ALBA"]))
        cv2.circle(raster, (256, 200), 108, 255, int(rng.choice([6, 14, -1])), cv2.LINE_AA)
        cv2.rectangle(raster, (90, 168), (422, 236), 0, -1)
        size = cv2.getTextSize(word, cv2.FONT_HERSHEY_DUPLEX, 2.4, 6)[0][0]
        cv2.putText(raster, word, (256 - size // 2, 226), cv2.FONT_HERSHEY_DUPLEX, 2.4, 255, 6, cv2.LINE_AA)
        px, py = 256 + x * 330, 256 + (y - 0.02) * 330
    ink = cv2.remap(raster, px.astype(np.float32), py.astype(np.float32), cv2.INTER_LINEAR)
    return np.asarray(ink, dtype=np.float32) / 255


def _edge(value: Field, width: float) -> Field:
    return np.asarray(np.clip(value / width + 0.5, 0, 1), dtype=np.float32)


def surface(kind: str, x: Field, y: Field, s: float, design_seed: int) -> tuple[Field, Field]:
    """Factor on the color and height (480-wide pixels) of a background at its coordinates, same units."""
    rng = np.random.default_rng(design_seed + 1)
    shape = x.shape
    fiber = _grain(shape, rng, s)
    relief: Field = np.zeros(shape, np.float32)
    tone: Field = 1 + 0.03 * fiber
    if kind == "planks":
        board = np.floor(y / 88)
        table = rng.uniform(0.72, 1.2, (2, 64)).astype(np.float32)
        number = board.astype(np.int32) & 63
        offset = 700 * table[1][number]
        rings = _lattice(rng, (x + offset) / 160, y / 13 + 5 * board)
        veins = _lattice(rng, (x + offset) / 38, y / 1.9 + 9 * board)
        tone = table[0][number] * (1 + 0.16 * np.sin(5 * rings) + 0.13 * veins + 0.03 * fiber)
        gap = np.minimum(y % 88, 88 - y % 88)
        joint = np.abs((x + offset) % 620 - 310)
        groove = np.exp(-((np.minimum(gap, joint) / 1.3) ** 2))
        tone, relief = tone * (1 - 0.7 * groove), 0.25 * veins - 2.0 * groove
    elif kind == "linen":
        tone, relief = material("woven", x, y, s, rng)
    elif kind == "tiles":
        gx, gy = np.abs(x % 150 - 75), np.abs(y % 150 - 75)
        seam = np.maximum(gx, gy) - 72.5
        level = _lattice(rng, x / 130, y / 50) + 0.5 * _lattice(rng, x / 24, y / 18)
        vein = np.clip(1 - 1.5 * np.abs(level), 0, 1) * np.clip(_lattice(rng, x / 80, y / 80), 0, 1)
        cloud = 0.05 * _lattice(rng, x / 90, y / 90)
        tone = (1 - 0.2 * vein**2 + cloud + 0.012 * fiber) * (1 - 0.35 * _edge(seam, 1.2))
        relief = -2.5 * np.clip((seam + 2) / 3, 0, 1)
    elif kind == "carpet":
        pile = noise(shape, 2.4 * max(s, 0.6), rng) + 0.6 * noise(shape, 7 * s, rng)
        tone, relief = 0.9 + 0.16 * pile + 0.08 * fiber, 1.1 * pile
    elif kind == "floor":
        cloud = noise(shape, 70 * s, rng) + 0.6 * noise(shape, 24 * s, rng) + 0.4 * noise(shape, 8 * s, rng)
        tone, relief = 1 + 0.06 * cloud + 0.05 * fiber, 0.12 * fiber + 0.2 * cloud
    return np.asarray(tone, dtype=np.float32), np.asarray(relief, dtype=np.float32)


def blur(field: Field, sigma: float) -> Field:
    """Gaussian blur, float32; `sigma` in pixels. Wide ones are done on a reduced picture."""
    height, width = field.shape
    factor = max(1, int(sigma / 6))
    if factor == 1:
        return np.asarray(cv2.GaussianBlur(field, (0, 0), max(sigma, 0.3)), dtype=np.float32)
    size = (max(1, width // factor), max(1, height // factor))
    small = cv2.GaussianBlur(cv2.resize(field, size, interpolation=cv2.INTER_AREA), (0, 0), sigma / factor)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)


def noise(shape: tuple[int, ...], cell: float, rng: np.random.Generator) -> Field:
    """Smooth noise of about unit spread, (H, W), whose lattice has the given pitch in pixels."""
    height, width = shape
    cell = max(cell, 1.0)
    rows, columns = int(height / cell) + 3, int(width / cell) + 3
    lattice = 1.3 * rng.standard_normal((rows, columns), dtype=np.float32)
    size = (max(width, round(columns * cell)), max(height, round(rows * cell)))
    return np.asarray(cv2.resize(lattice, size, interpolation=cv2.INTER_CUBIC)[:height, :width])


def _grain(shape: tuple[int, ...], rng: np.random.Generator, s: float) -> Field:
    return noise(shape, s, rng) if s > 1.3 else rng.standard_normal(shape, dtype=np.float32)


def _lattice(rng: np.random.Generator, x: Field, y: Field) -> Field:
    """Smooth noise of unit spread at lattice coordinates."""
    table = np.pad(1.3 * rng.standard_normal((256, 256), dtype=np.float32), 4, mode="wrap")
    at = ((x % 256 + 4).astype(np.float32), (y % 256 + 4).astype(np.float32))
    return np.asarray(cv2.remap(table, *at, cv2.INTER_CUBIC))
