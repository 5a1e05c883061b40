"""Renders one product photo: cloth or cardboard on a surface, lit from one side.

Everything is computed per pixel in linear light: coordinates along the yarns, color and height of the
material, folds, then Lambert shading with a soft highlight, contact shadows and the color of the lamp.
Lengths scale with the picture, so that the same scene renders at any resolution with more detail.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from falseflaw.imaging.color import encode_srgb
from falseflaw.photos.studio.materials import Field, blur, material, noise, printed, surface
from falseflaw.photos.studio.shapes import INSIDE, MAIN, METAL, Layer, Points
from falseflaw.types import Image, Mask


@dataclass(frozen=True)
class Design:
    """What the photos of one contributor share.

    Attributes:
        material: `woven`, `twill`, `knit`, `terry`, `plain` or `cardboard`.
        print: `none`, `stripes`, `checks`, `dots`, `flowers` or `badge`.
        colors: Product, trim and print color, linear RGB in [0, 1].
        background: `planks`, `linen`, `floor`, `tiles`, `carpet` or `paper`.
        ground: Color of the background, linear RGB.
        lamp: Linear RGB factor of the light's color.
        azimuth: Where the light comes from, radians in the picture.
        seed: Of everything that stays the same from photo to photo: yarns, print, boards.
    """

    material: str
    print: str
    colors: tuple[tuple[float, float, float], ...]
    background: str
    ground: tuple[float, float, float]
    lamp: tuple[float, float, float]
    azimuth: float
    seed: int


def render(
    design: Design, layers: Sequence[Layer], height: int, width: int, rng: np.random.Generator
) -> tuple[Image, Mask]:
    """Returns the photo, uint8 (H, W, 3), and the exact product mask, bool (H, W).

    `rng` draws what differs from photo to photo: pose, folds, framing, lighting gradient.
    """
    view = _View.draw(height, width, rng)
    scene = _background(design, view, rng)  # (H, W, 3), linear
    pieces = [(layer, *_coverage(view, layer.outline)) for layer in layers]
    covered = np.zeros((height, width), np.float32)
    for _, box, alpha in pieces:
        np.maximum(covered[box], alpha, out=covered[box])
    scene *= _shadow(covered, design, view)[..., None]
    folds = _folds(view, rng, 0.06 if design.material == "cardboard" else rng.uniform(0.85, 1.4))
    fixed = np.random.default_rng(design.seed)
    for layer, box, alpha in pieces:
        piece = _piece(
            design, layer, view, alpha, folds[box], box, np.random.default_rng(fixed.integers(1 << 31))
        )
        below = scene[box] * (1 - 0.45 * blur(alpha, 5 * view.scale))[..., None]
        scene[box] = below + alpha[..., None] * (piece - below)
    return _develop(scene, design, view, rng), covered > 0.5


@dataclass(frozen=True, eq=False)
class _View:
    """Where the product lies in the picture, and the coordinates of the pixels."""

    height: int
    width: int
    scale: float
    """Pixels per pixel of a 480-wide picture."""
    matrix: NDArray[np.floating[Any]]
    """Product units → pixels, homography (3, 3)."""
    x: Field
    y: Field
    """Product units at every pixel."""

    @classmethod
    def draw(cls, height: int, width: int, rng: np.random.Generator) -> _View:
        tall = min(max(height / width, 1.0), 1.2)
        size = 0.5 * min(width / 1.02, height / (1.06 * tall)) * rng.uniform(0.9, 0.99)
        angle, tilt = rng.normal(0, 0.06), rng.normal(0, 0.04, 2)
        center = np.array([width, height]) / 2 + rng.normal(0, 0.02, 2) * size
        cos, sin = size * math.cos(angle), size * math.sin(angle)
        matrix = np.array([[cos, -sin * tall, 0], [sin, cos * tall, 0], [*tilt, 1]])
        matrix = np.array([[1, 0, center[0]], [0, 1, center[1]], [0, 0, 1]]) @ matrix
        columns, rows = np.meshgrid(*(np.arange(side, dtype=np.float32) + 0.5 for side in (width, height)))
        a, b, c = np.linalg.inv(matrix).astype(np.float32)
        depth = c[0] * columns + c[1] * rows + c[2]
        x = (a[0] * columns + a[1] * rows + a[2]) / depth
        y = (b[0] * columns + b[1] * rows + b[2]) / depth
        return cls(height, width, min(height, width) / 480, matrix.astype(np.float32), x, y)

    def pixels(self, points: Points) -> Points:
        mapped = np.concatenate([points, np.ones((len(points), 1), np.float32)], axis=1) @ self.matrix.T
        return np.asarray(mapped[:, :2] / mapped[:, 2:], dtype=np.float32)


def _coverage(view: _View, outline: Points) -> tuple[tuple[slice, slice], Field]:
    """Box around a piece with room for its shadow, and how much of each pixel there it covers, in [0, 1]."""
    points = view.pixels(outline)
    pad = round(16 * view.scale) + 2
    limit = np.array([view.width, view.height])
    low = np.clip(np.floor(points.min(axis=0)).astype(int) - pad, 0, limit - 1)
    high = np.clip(np.ceil(points.max(axis=0)).astype(int) + pad, low + 1, limit)
    width, height = (int(side) for side in high - low)
    fine = np.zeros((height * 2, width * 2), np.uint8)  # twice the resolution
    vertices = np.rint(((points - low) * 2 - 0.5) * 16).astype(np.int32)
    cv2.fillPoly(fine, [vertices], 255, cv2.LINE_AA, 4)
    small = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    box = (slice(int(low[1]), int(high[1])), slice(int(low[0]), int(high[0])))
    return box, np.asarray(small, dtype=np.float32) / 255


def _piece(
    design: Design, layer: Layer, view: _View, alpha: Field, folds: Field, box: tuple[slice, slice],
    rng: np.random.Generator,
) -> NDArray[np.floating[Any]]:  # fmt: skip
    """Color of one lit piece inside its box, linear (h, w, 3)."""
    s = view.scale
    unit = float(np.linalg.norm(view.matrix[:2, 0]))  # pixels per product unit
    slope_x, slope_y = _slopes(folds)
    x = view.x[box] + 2.5 * s / unit * slope_x  # folds carry the pattern along
    y = view.y[box] + 2.5 * s / unit * slope_y
    cos, sin = math.cos(layer.grain), math.sin(layer.grain)
    along, across = cos * x + sin * y, cos * y - sin * x
    smooth = (layer.tone in {METAL, INSIDE} and design.material == "cardboard") or layer.tone == METAL
    kind = "plain" if smooth else design.material
    shade, relief = material(kind, along * unit / s, across * unit / s, s, rng)
    color = np.asarray(_tone(design, layer.tone), dtype=np.float32) * layer.light
    albedo: Field = color * shade[..., None]
    if layer.tone == MAIN and design.print != "none":
        ink = printed(design.print, along, across, np.random.default_rng(design.seed))
        albedo += ink[..., None] * (np.array(design.colors[2], np.float32) * shade[..., None] - albedo)
    inside = cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 3)
    reach = max(layer.puff * unit, 1.0)
    edge = np.sqrt(np.clip(1 - (1 - np.clip(inside / (1.6 * reach), 0, 1)) ** 2, 0, 1)) * reach * 0.8
    rise: Field = folds * (0.35 if layer.tone == METAL else 1) + blur(edge, 0.8 * s) + relief * s
    if layer.hem:
        rise, albedo = _hem(rise, albedo, inside / s, along * unit / s, across * unit / s, s)
    for seam in layer.seams:
        rise, albedo = _seam(
            rise,
            albedo,
            view.pixels(seam) - np.array([box[1].start + 0.5, box[0].start + 0.5], np.float32),
            s,
        )
    gloss = {METAL: 0.5}.get(
        layer.tone, {"plain": 0.10, "cardboard": 0.03, "twill": 0.025}.get(design.material, 0.015)
    )
    return _lit(albedo, rise, design, gloss, s)


def _tone(design: Design, tone: int) -> tuple[float, ...]:
    if tone == INSIDE:
        return tuple(0.55 * value for value in design.colors[0])
    return (0.35, 0.32, 0.27) if tone == METAL else design.colors[tone]


def _hem(
    rise: Field, albedo: NDArray[np.floating[Any]], inside: Field, u: Field, v: Field, s: float
) -> tuple[Field, NDArray[np.floating[Any]]]:
    """A folded edge: a groove along it, and a line of stitches."""
    groove = np.exp(-(((inside - 8.5) / 1.1) ** 2))
    stitch = np.exp(-(((inside - 6.8) / 0.7) ** 2)) * (np.sin((u + v) * 1.05) > -0.35)
    return rise - s * (0.9 * groove - 0.5 * stitch), albedo * (1 - 0.25 * groove + 0.12 * stitch)[..., None]


def _seam(
    rise: Field, albedo: NDArray[np.floating[Any]], path: Points, s: float
) -> tuple[Field, NDArray[np.floating[Any]]]:
    line = np.zeros(rise.shape, np.uint8)
    vertices = np.rint(path * 16).astype(np.int32)
    cv2.polylines(line, [vertices], False, 255, max(1, round(1.6 * s)), cv2.LINE_AA, 4)
    groove = blur(line.astype(np.float32) / 255, 0.9 * s)
    return rise - 1.6 * s * groove, albedo * (1 - 0.35 * groove)[..., None]


def _folds(view: _View, rng: np.random.Generator, strength: float) -> Field:
    """Height of creases and soft folds over the whole picture, in pixels.

    They are smooth, so a coarse picture of them is computed and enlarged.
    """
    size = (max(8, round(view.width / view.scale / 2)), max(8, round(view.height / view.scale / 2)))
    x, y = (cv2.resize(field, size, interpolation=cv2.INTER_AREA) for field in (view.x, view.y))
    shape = y.shape
    total = 7.0 * noise(shape, 60, rng) + 1.6 * noise(shape, 21, rng) + 0.35 * noise(shape, 8, rng)
    wobble = 0.06 * noise(shape, 45, rng)
    main = rng.normal(np.pi / 2, 0.35)
    for _ in range(int(rng.integers(9, 15))):
        angle = main + rng.normal(0, 0.45)
        dx, dy = x - rng.uniform(-0.7, 0.7), y - rng.uniform(-0.9, 0.9)
        t = dx * math.cos(angle) + dy * math.sin(angle)
        d = dy * math.cos(angle) - dx * math.sin(angle) + rng.uniform(0.4, 1.4) * wobble
        d += rng.normal(0, 0.1) * t * t  # folds bend
        wide, steep = rng.uniform(0.035, 0.11), rng.uniform(0.012, 0.03)
        left = bool(rng.random() < 0.5)
        ridge = d / np.where((d < 0) == left, np.float32(wide), np.float32(steep))
        total += rng.uniform(2, 6) * np.exp(-(ridge**2) - (t / rng.uniform(0.2, 0.65)) ** 2)
    large = cv2.resize(total, (view.width, view.height), interpolation=cv2.INTER_CUBIC)
    return blur(strength * view.scale * np.asarray(large, dtype=np.float32), 1.2 * view.scale)


def _background(design: Design, view: _View, rng: np.random.Generator) -> NDArray[np.floating[Any]]:
    """The lit surface that the product lies on, linear (H, W, 3)."""
    s, turn = view.scale, float(np.random.default_rng(design.seed + 2).uniform(-0.5, 0.5))
    x = 240 * (math.cos(turn) * view.x - math.sin(turn) * view.y)  # seen in the product's perspective
    y = 240 * (math.sin(turn) * view.x + math.cos(turn) * view.y)
    tone, relief = surface(design.background, x, y, s, design.seed)
    rise = relief * s
    if design.background == "linen":
        rise += _folds(view, rng, 1.2)
    albedo = np.array(design.ground, np.float32) * tone[..., None]
    gloss = {"tiles": 0.12, "planks": 0.05}.get(design.background, 0.01)
    return _lit(albedo, rise, design, gloss, s)


def _lit(
    albedo: NDArray[np.floating[Any]], rise: Field, design: Design, gloss: float, s: float
) -> NDArray[np.floating[Any]]:
    """Lambert with wrapped falloff, cavities darkened, and a soft Blinn highlight."""
    gx, gy = _slopes(rise)
    nz = 1 / np.sqrt(1 + gx * gx + gy * gy)
    lx, ly, lz = 0.58 * math.cos(design.azimuth), 0.58 * math.sin(design.azimuth), 0.81  # 54 degrees high
    toward = (-gx * lx - gy * ly + lz) * nz
    direct = np.clip((toward + 0.2) / (lz + 0.2), 0, 1.5)
    hollow = np.clip((blur(rise, 6 * s) - rise) / (5 * s), -0.35, 0.8)
    norm = math.sqrt(lx * lx + ly * ly + (lz + 1) ** 2)
    shine = gloss * np.clip((-gx * lx - gy * ly + lz + 1) * nz / norm, 0, 1) ** 24
    level = (0.34 + 0.66 * direct) * (1 - 0.4 * hollow)
    return np.asarray(albedo * level[..., None] + shine[..., None], dtype=np.float32)


def _shadow(covered: Field, design: Design, view: _View) -> Field:
    """Factor on the surface: dark where the product touches it, soft on the side away from the lamp."""
    s = view.scale
    away = -9 * s * np.array([math.cos(design.azimuth), math.sin(design.azimuth)])
    move = np.array([[1, 0, away[0]], [0, 1, away[1]]], np.float32)
    cast = cv2.warpAffine(covered, move, (view.width, view.height))
    soft = blur(cast, 9 * s)
    return np.asarray((1 - 0.5 * soft) * (1 - 0.35 * blur(covered, 3 * s)), dtype=np.float32)


def _develop(
    scene: NDArray[np.floating[Any]], design: Design, view: _View, rng: np.random.Generator
) -> Image:
    """Lamp color, light falloff, vignette and the sRGB curve (IEC 61966-2-1)."""
    fx, fy = view.x, view.y
    falloff = 1 + 0.16 * (math.cos(design.azimuth) * fx + math.sin(design.azimuth) * fy)
    vignette = 1 - rng.uniform(0.04, 0.12) * (fx * fx + fy * fy)
    light = rng.uniform(0.85, 1.05) * np.clip(falloff * vignette, 0.3, 1.6)
    linear = np.maximum(scene * light[..., None] * np.array(design.lamp, np.float32), 0)
    linear = np.where(
        linear > 0.75, 1 - 0.0625 / np.maximum(linear - 0.5, 0.25), linear
    )  # highlights roll off
    table = np.rint(255 * encode_srgb(np.linspace(0, 1, 4097))).astype(np.uint8)
    return np.asarray(table[np.rint(linear * 4096).astype(np.int32)])


def _slopes(rise: Field) -> tuple[Field, Field]:
    gx = cv2.Sobel(rise, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    gy = cv2.Sobel(rise, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    return np.asarray(gx), np.asarray(gy)
