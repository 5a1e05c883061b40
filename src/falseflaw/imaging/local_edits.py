"""A region edited without a network, as cameras and photo editors do: smoothed, sharpened, toned, resampled.

Such photos are negatives. None of these edits alone may mean that a network wrote the region, so their
fine detail, against that of the surroundings, spreads as widely as that of a network's regions.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from falseflaw.imaging import retouching
from falseflaw.imaging.codec import Subsampling
from falseflaw.imaging.crop import Box, bounding_box, feather
from falseflaw.imaging.grain import match_grain
from falseflaw.imaging.sensor import sharpen
from falseflaw.types import Image, Mask

_MARGIN = 16
"""Pixels around a region's bounding box that filters may read."""

_LARGE = 160 * 160
"""Pixels of a window above which the slow edits are not drawn."""

_HARD = 0.4
"""Share of hard seams."""

_SEAM = (0.5, 6.0)
"""Widths of the other seams, pixels."""

_PARTIAL = 0.25
"""Share of edits that are laid on with part of their strength."""

_ALPHA = (0.3, 1.0)
"""What part that is."""

_SECOND = 0.2
"""Share of edits that are followed by another one, as phones sharpen what they have denoised."""

_SMOOTHER = 3.0
"""How many times as often an edit that smooths is drawn as another: networks smooth, so these are what the
negatives have to show."""

_REGRAINED = 0.25
"""Share of smoothing edits after which the region gets the grain of its surroundings back."""

Draw = Callable[[Image, np.random.Generator], Image]
"""Edits a window uint8 (H, W, 3) with a strength that it draws."""


def apply_local_edit(image: Image, region: Mask, rng: np.random.Generator) -> tuple[Image, str]:
    """Edits the region with one of many edits, drawn with strength, seam and opacity; label 0.

    Args:
        image: uint8 (H, W, 3).
        region: bool (H, W), not empty; outside, every bit is the photo's own.
        rng: Draws the edit.

    Returns:
        uint8 (H, W, 3), a copy, and the edit's name; names are joined by `+` where more than one was drawn.

    Raises:
        InvalidDataError: The region is empty.
    """
    inner = bounding_box(region)
    window = inner.grown(_MARGIN, *region.shape)
    before, inside = window.cut(image), window.cut(region)
    names = _draw_names(before.shape[0] * before.shape[1], rng)
    edited = before
    for name in names:
        edited = _clone(image, inner, window, rng) if name == CLONE else _DRAWS[name](edited, rng)
    if names[-1] in SMOOTHING and rng.random() < _REGRAINED:
        names.append("grain")
        edited = match_grain(np.where(inside[..., None], edited, before), inside, before, rng)
    if rng.random() < _PARTIAL:
        alpha = rng.uniform(*_ALPHA)
        edited = retouching.to_image(before + alpha * (edited.astype(np.float32) - before))
    width = 0.0 if rng.random() < _HARD else float(rng.uniform(*_SEAM))
    result = image.copy()
    if width > 0:
        result[window.slices] = feather(before, edited, inside, width)
    else:
        result[window.slices][inside] = edited[inside]
    return result, "+".join(names)


def _draw_names(pixels: int, rng: np.random.Generator) -> list[str]:
    allowed = [name for name in NAMES if pixels <= _LARGE or name not in _SLOW]
    count = 2 if rng.random() < _SECOND else 1
    weights = np.array([_SMOOTHER if name in SMOOTHING else 1.0 for name in allowed])
    return [str(name) for name in rng.choice(allowed, count, replace=False, p=weights / weights.sum())]


def _clone(image: Image, inner: Box, window: Box, rng: np.random.Generator) -> Image:
    """Returns the window with another place of the photo in its stead, brought to its brightness: healing."""
    height, width = image.shape[:2]
    top = int(rng.integers(0, height - window.height, endpoint=True))
    left = int(rng.integers(0, width - window.width, endpoint=True))
    near = abs(top - window.top) < inner.height and abs(left - window.left) < inner.width
    taken = Box(top, left, window.height, window.width).cut(image)
    if near:  # little room: mirrored, so that the place is not its own copy
        taken = np.ascontiguousarray(taken[:, ::-1])
    shift = (window.cut(image).mean(axis=(0, 1)) - taken.mean(axis=(0, 1))) * rng.choice([0.0, 1.0])
    return retouching.to_image(taken + shift)


def _between(rng: np.random.Generator, lowest: float, highest: float) -> float:
    """Draws a strength log-uniformly."""
    return float(np.exp(rng.uniform(np.log(lowest), np.log(highest))))


def _nonlocal_means(image: Image, rng: np.random.Generator) -> Image:
    return retouching.nonlocal_means(image, _between(rng, 3, 16), _between(rng, 3, 16))


def _bilateral(image: Image, rng: np.random.Generator) -> Image:
    return retouching.bilateral(image, _between(rng, 12, 70), rng.uniform(0.8, 1.6))


def _median(image: Image, rng: np.random.Generator) -> Image:
    return retouching.median(image, int(rng.choice([3, 3, 5])))


def _denoise_chroma(image: Image, rng: np.random.Generator) -> Image:
    return retouching.denoise_chroma(image, _between(rng, 0.7, 4))


def _shrink_wavelets(image: Image, rng: np.random.Generator) -> Image:
    return retouching.shrink_wavelets(image, _between(rng, 1.2, 10))


def _gaussian_blur(image: Image, rng: np.random.Generator) -> Image:
    return retouching.gaussian_blur(image, _between(rng, 0.45, 1.6))


def _defocus(image: Image, rng: np.random.Generator) -> Image:
    return retouching.defocus(image, _between(rng, 0.8, 3))


def _portrait_blur(image: Image, rng: np.random.Generator) -> Image:
    angle, start = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.5)
    return retouching.portrait_blur(image, _between(rng, 0.8, 4), angle, start)


def _sharpen(image: Image, rng: np.random.Generator) -> Image:
    return sharpen(image, _between(rng, 0.2, 2), rng.uniform(0.6, 2.5))


def _gamma_curve(image: Image, rng: np.random.Generator) -> Image:
    return retouching.gamma_curve(image, _between(rng, 0.75, 1.35), _between(rng, 0.8, 1.3))


def _local_contrast(image: Image, rng: np.random.Generator) -> Image:
    return retouching.local_contrast(image, rng.uniform(0.5, 2), int(rng.integers(1, 4, endpoint=True)))


def _saturate(image: Image, rng: np.random.Generator) -> Image:
    return retouching.saturate(image, rng.uniform(0.4, 1.7))


def _down_and_up(image: Image, rng: np.random.Generator) -> Image:
    down, up = rng.choice(list(retouching.KERNELS), 2)
    return retouching.down_and_up(image, rng.uniform(0.4, 0.9), str(down), str(up))


def _warp(image: Image, rng: np.random.Generator) -> Image:
    shift = (float(rng.uniform(-2, 2)), float(rng.uniform(-2, 2)))
    kernel = str(rng.choice(["bilinear", "bicubic", "lanczos"]))
    return retouching.warp(image, shift, rng.uniform(-3, 3), rng.uniform(0.95, 1.05), kernel)


def _add_noise(image: Image, rng: np.random.Generator) -> Image:
    grain = float(rng.choice([0.0, rng.uniform(0.4, 1.2)]))
    own = float((image - cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1.2)).std())
    sigma = max(own, 1.0) * _between(rng, 0.2, 1.5)  # what is strong in a clean photo is lost in a grainy one
    return retouching.add_noise(image, sigma, grain, bool(rng.random() < 0.5), rng)


def _recompress(image: Image, rng: np.random.Generator) -> Image:
    subsampling: Subsampling = "4:4:4" if rng.random() < 0.5 else "4:2:0"
    down, right = rng.integers(0, 8, 2)
    return retouching.recompress(image, int(rng.integers(30, 95)), subsampling, (int(down), int(right)))


CLONE = "clone"
"""The edit that reads the whole photo."""

_DRAWS: dict[str, Draw] = {
    "nonlocal_means": _nonlocal_means,
    "bilateral": _bilateral,
    "median": _median,
    "chroma_denoising": _denoise_chroma,
    "wavelet_denoising": _shrink_wavelets,
    "blur": _gaussian_blur,
    "defocus": _defocus,
    "portrait_blur": _portrait_blur,
    "sharpening": _sharpen,
    "tone_curve": _gamma_curve,
    "local_contrast": _local_contrast,
    "saturation": _saturate,
    "resampling": _down_and_up,
    "warp": _warp,
    "noise": _add_noise,
    "recompression": _recompress,
}

NAMES = (*_DRAWS, CLONE)
"""All edits; those of `SMOOTHING` are drawn `_SMOOTHER` times as often as the others."""

SMOOTHING = frozenset(
    {"nonlocal_means", "bilateral", "median", "wavelet_denoising", "blur", "defocus", "portrait_blur"}
    | {"resampling", "warp", "recompression"}
)
"""Edits that take fine detail away, as networks do."""

_SLOW = frozenset({"nonlocal_means"})
