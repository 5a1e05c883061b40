"""Gives an edited region the grain of its surroundings, as photo editors do after retouching.

The fine detail of a region (what a blur removes) is measured in two bands and three channels, robustly
against edges, and so is that of a ring around it. What the region lacks is added as noise with the missing
covariance, synthetic or transplanted from the surroundings.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from falseflaw.imaging.crop import bounding_box
from falseflaw.imaging.retouching import to_image
from falseflaw.types import Image, Mask

_Channels = NDArray[np.float32]

_RING = (2, 12)
"""Pixels from the region's edge between which its surroundings are measured."""

_MARGIN = 24
"""Pixels around a region's bounding box that grain may be transplanted from."""

_FINE, _COARSE = 1.2, 3.0
"""Sigmas of the Gaussians whose differences are the two bands, pixels."""

_DEGREE = (0.8, 1.1)
"""Range of the energy that is aimed at, as a share of the surroundings' standard deviation."""

_TILE = (12, 40)
"""Sides of transplanted pieces of residual, pixels."""

_FEW_COLORS, _COLORS = 0.6, 0.9
"""What a region has of its surroundings' differences of color, as a share of their standard deviation, up to
where these are matched in full, and from where on only to `_LEAST_COLOR`."""

_LEAST_COLOR = 0.6
"""Two places of one photo differ in color; as nothing is taken away, matching in full would add too much."""

_TO_COLOR = np.array([[0.299, 0.587, 0.114], [0.701, -0.587, -0.114], [-0.299, -0.587, 0.886]])
"""From the channels to brightness, red less brightness and blue less brightness (ITU-R BT.601)."""

_EDGE = (3.0, 8.0)
"""Robust standard deviations of brightness above which detail is edge, not grain; drawn, as tools differ."""

_LEAST = 24
"""Pixels that a covariance needs."""


def match_grain(image: Image, region: Mask, reference: Image | None, rng: np.random.Generator) -> Image:
    """Returns the photo with noise added to the region until its grain is that of a ring around it.

    How far is drawn, .8 to 1.1 of the ring's standard deviation. Nothing is ever taken away.

    Args:
        image: uint8 (H, W, 3).
        region: bool (H, W), not empty; outside, every bit is the photo's own.
        reference: uint8 (H, W, 3), the photo before the region was edited. Half of the draws transplant
            its residual; where the region leaves no ring, its own grain is the aim. None: the ring's alone.
        rng: Draws degree and noise.

    Returns:
        uint8 (H, W, 3), a copy; unchanged where there is nothing to measure.

    Raises:
        InvalidDataError: The region is empty.
    """
    window = bounding_box(region).grown(_MARGIN, *region.shape)
    before, inside = window.cut(image), window.cut(region)
    ring, core = _around(inside), _eroded(inside)
    original = before if reference is None else window.cut(reference)
    degree = float(rng.uniform(*_DEGREE))
    if np.count_nonzero(ring) >= _LEAST:
        aim, measured = before, ring
    elif reference is not None:
        aim, measured = original, core
    else:
        return image.copy()
    edge = float(rng.uniform(*_EDGE))
    bands = _bands(aim)
    around = [degree**2 * _covariance(band, measured, edge) for band in bands]
    gain = _gain_of_brightness(aim, bands[0], measured, before)
    usable = ~_grown(inside, 2) if reference is None else np.ones_like(inside)
    transplanted = usable.any() and rng.random() < 0.5
    pixels = before.astype(np.float32)
    for which in (1, 0):  # coarse noise has a fine part, which is then found in the fine band
        if transplanted:
            noise = _transplant(original, usable, edge, rng)
        else:
            noise = rng.standard_normal(pixels.shape, dtype=np.float32)
        noise = _bands(noise)[which] * gain
        missing = _missing(around[which], _covariance(_bands(pixels)[which], core, edge))
        # Filtered once more: the energy has to be there where it is measured, behind the filter.
        mixing = _root(_covariance(_bands(noise)[which], core, edge), inverse=True) @ _root(missing)
        pixels[inside] += noise[inside] @ mixing.astype(np.float32)
    result = image.copy()
    result[window.slices][inside] = to_image(pixels)[inside]
    return result


def _grown(inside: Mask, pixels: int) -> Mask:
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    return cast("Mask", cv2.dilate(inside.astype(np.uint8), disk) > 0)


def _around(inside: Mask) -> Mask:
    near, far = _RING
    return _grown(inside, far) & ~_grown(inside, near)


def _eroded(inside: Mask) -> Mask:
    core = ~_grown(~inside, _RING[0])
    return core if np.count_nonzero(core) >= _LEAST else inside


def _bands(pixels: Image | _Channels) -> tuple[_Channels, _Channels]:
    """Returns what a blur of `_FINE` removes, and what the one of `_COARSE` removes of the rest."""
    values = pixels.astype(np.float32)
    smooth = cv2.GaussianBlur(values, (0, 0), _FINE)
    return values - smooth, smooth - cv2.GaussianBlur(values, (0, 0), _COARSE)


def _covariance(band: _Channels, where: Mask, edge: float) -> NDArray[np.float64]:
    """Returns the channels' covariance, (3, 3), without brightness beyond `edge` robust sigmas."""
    values = band[where]  # (N, 3)
    size = np.abs(values.mean(axis=1))
    kept = values[size <= max(edge * 1.4826 * float(np.median(size)), 0.5)]
    return cast("NDArray[np.float64]", (kept.T @ kept).astype(np.float64) / max(len(kept), 1))


def _missing(around: NDArray[np.float64], inside: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the covariance that the region lacks, (3, 3); its negative eigenvalues are what it has more."""
    colors = [float(np.trace((_TO_COLOR @ each @ _TO_COLOR.T)[1:, 1:])) for each in (inside, around)]
    kept = np.sqrt(max(colors[0], 0.0) / max(colors[1], 1e-6))
    share = float(np.interp(kept, [_FEW_COLORS, _COLORS], [1.0, _LEAST_COLOR]))
    scale = np.linalg.inv(_TO_COLOR) @ np.diag([1, share, share]) @ _TO_COLOR
    return cast("NDArray[np.float64]", scale @ around @ scale.T - inside)


def _root(matrix: NDArray[np.float64], inverse: bool = False) -> NDArray[np.float64]:
    """Returns the square root of a covariance, or its inverse; negative eigenvalues count as none."""
    values, vectors = np.linalg.eigh(matrix)
    values = np.maximum(values, 0)
    roots = np.sqrt(values)
    if inverse:
        roots = np.where(values > 1e-4 * max(values.max(), 1e-6), 1 / np.sqrt(np.maximum(values, 1e-12)), 0)
    return cast("NDArray[np.float64]", vectors @ np.diag(roots) @ vectors.T)


def _gain_of_brightness(aim: Image, fine: _Channels, measured: Mask, before: Image) -> _Channels:
    """Returns how much stronger the grain is at each pixel's brightness than on average, (H, W, 1).

    Standard deviations of the darker and the brighter half of what is measured, in a straight line.
    """
    gray = cv2.GaussianBlur(cv2.cvtColor(aim, cv2.COLOR_RGB2GRAY), (0, 0), _COARSE).astype(np.float32)
    light = gray[measured]
    middle = float(np.median(light))
    band = np.abs(fine[measured]).mean(axis=1)
    dark, bright = light <= middle, light > middle
    if min(np.count_nonzero(dark), np.count_nonzero(bright)) < _LEAST:
        return np.ones((*before.shape[:2], 1), np.float32)
    levels = [float(light[part].mean()) for part in (dark, bright)]
    sizes = [float(np.median(band[part])) + 0.1 for part in (dark, bright)]
    slope = np.log(sizes[1] / sizes[0]) / max(levels[1] - levels[0], 16.0)
    own = cv2.GaussianBlur(cv2.cvtColor(before, cv2.COLOR_RGB2GRAY), (0, 0), _COARSE).astype(np.float32)
    return np.asarray(np.exp(np.clip(slope * (own - middle), -0.7, 0.7))[..., None], dtype=np.float32)


def _transplant(original: Image, usable: Mask, edge: float, rng: np.random.Generator) -> _Channels:
    """Returns a quilt of real residual, (H, W, 3): square pieces from usable places, turned and flipped."""
    pixels = original.astype(np.float32)
    residual = pixels - cv2.GaussianBlur(pixels, (0, 0), _COARSE)
    # Edges are content, not grain: what stands out is held back.
    limit = edge * 1.4826 * np.median(np.abs(residual[usable]), axis=0) + 0.5
    residual = np.clip(residual, -limit, limit)
    height, width = usable.shape
    side = int(min(rng.integers(*_TILE, endpoint=True), height, width))
    missing = cv2.integral((~usable).astype(np.uint8))
    counts = missing[side:, side:] - missing[:-side, side:] - missing[side:, :-side] + missing[:-side, :-side]
    places = np.argwhere(counts <= counts.min())
    quilt = np.empty_like(residual)
    for top in range(0, height, side):
        for left in range(0, width, side):
            y, x = places[rng.integers(len(places))]
            piece = residual[y : y + side, x : x + side]
            piece = np.rot90(piece, int(rng.integers(4)))[:: rng.choice([-1, 1])]
            quilt[top : top + side, left : left + side] = piece[: height - top, : width - left]
    return cast("_Channels", quilt)
