"""What cameras and photo editors do to pixels without a network: pure functions of a window and strengths.

Each takes and returns uint8 (H, W, 3). `imaging/local_edits.py` draws one for a region.
"""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from falseflaw.imaging.codec import Subsampling, decode, encode_jpeg
from falseflaw.types import Image

_Channels = NDArray[np.float32]

KERNELS = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "area": cv2.INTER_AREA,
    "bicubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
}
"""Ways to resample, by name."""

_JPEG_BLOCK = 8


def nonlocal_means(image: Image, strength: float, chroma: float) -> Image:
    """Averages similar patches (Buades et al. 2005); strengths of brightness and color, in gray levels."""
    smooth = cv2.fastNlMeansDenoisingColored(
        image, None, strength, chroma, templateWindowSize=3, searchWindowSize=9
    )
    return cast("Image", smooth)


def bilateral(image: Image, tolerance: float, radius: float) -> Image:
    """Smooths what differs by less than `tolerance` gray levels, within a Gaussian of sigma `radius`."""
    return cast("Image", cv2.bilateralFilter(image, 2 * round(2 * radius) + 1, tolerance, radius))


def median(image: Image, side: int) -> Image:
    """Takes the median of a square; `side` is odd."""
    return cast("Image", cv2.medianBlur(image, side))


def denoise_chroma(image: Image, sigma: float) -> Image:
    """Smooths color and leaves brightness as it is; `sigma` in pixels."""
    planes = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)
    planes[..., 1:] = cv2.GaussianBlur(planes[..., 1:], (0, 0), sigma)
    return cast("Image", cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB))


def shrink_wavelets(image: Image, threshold: float) -> Image:
    """Shrinks the two finest bands of a redundant wavelet transform softly (Starck & Murtagh 1994).

    Args:
        image: uint8 (H, W, 3).
        threshold: Gray levels that the finest coefficients lose; the second band loses a third.
    """
    rest = image.astype(np.float32)
    details = np.zeros_like(rest)
    for scale, share in ((1, 1.0), (2, 1 / 3)):
        kernel = np.zeros(4 * scale + 1, np.float32)
        kernel[::scale] = np.array([1, 4, 6, 4, 1], np.float32) / 16  # B3 spline, with holes
        smooth = cv2.sepFilter2D(rest, -1, kernel, kernel)
        band = rest - smooth
        details += np.sign(band) * np.maximum(np.abs(band) - threshold * share, 0)
        rest = smooth
    return to_image(rest + details)


def gaussian_blur(image: Image, sigma: float) -> Image:
    """Blurs with a Gaussian; `sigma` in pixels."""
    return cast("Image", cv2.GaussianBlur(image, (0, 0), sigma))


def defocus(image: Image, radius: float) -> Image:
    """Convolves with a disk whose edge is anti-aliased; `radius` in pixels."""
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = np.clip(radius + 0.5 - np.hypot(x, y), 0, 1).astype(np.float32)
    return cast("Image", cv2.filter2D(image, -1, disk / disk.sum()))


def portrait_blur(image: Image, sigma: float, angle: float, start: float) -> Image:
    """Blurs with a Gaussian that grows away from a straight edge, as phones imitate depth of field.

    Args:
        image: uint8 (H, W, 3).
        sigma: Pixels at the far side.
        angle: Direction of growth, radians.
        start: Share of the way across that stays sharp, in [0, 1).
    """
    height, width = image.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    way = np.cos(angle) * x + np.sin(angle) * y
    way = (way - way.min()) / max(float(np.ptp(way)), 1.0)
    level = (np.clip((way - start) / (1 - start), 0, 1) * 2)[..., None]  # (H, W, 1), in 0..2
    sharp, half, far = (
        image.astype(np.float32),
        cv2.GaussianBlur(image, (0, 0), sigma / 2).astype(np.float32),
        cv2.GaussianBlur(image, (0, 0), sigma).astype(np.float32),
    )
    near = sharp + np.minimum(level, 1) * (half - sharp)
    return to_image(near + np.maximum(level - 1, 0) * (far - half))


def gamma_curve(image: Image, gamma: float, contrast: float) -> Image:
    """Bends the tone curve: a power, then a slope about middle gray."""
    levels = (np.arange(256) / 255) ** gamma * 255
    return cast("Image", cv2.LUT(image, to_image((levels - 127.5) * contrast + 127.5)))


def local_contrast(image: Image, limit: float, tiles: int) -> Image:
    """Equalizes the brightness of tiles with limited contrast (CLAHE, Zuiderveld 1994)."""
    planes = cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb)
    planes[..., 0] = cv2.createCLAHE(limit, (tiles, tiles)).apply(np.ascontiguousarray(planes[..., 0]))
    return cast("Image", cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB))


def saturate(image: Image, factor: float) -> Image:
    """Multiplies the distance of every color from its gray."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    return to_image(gray + factor * (image - gray))


def down_and_up(image: Image, factor: float, down: str, up: str) -> Image:
    """Resizes by `factor` and back; `down` and `up` are `KERNELS`."""
    height, width = image.shape[:2]
    small = (max(1, round(width * factor)), max(1, round(height * factor)))
    shrunk = cv2.resize(image, small, interpolation=KERNELS[down])
    return cast("Image", cv2.resize(shrunk, (width, height), interpolation=KERNELS[up]))


def warp(image: Image, shift: tuple[float, float], degrees: float, scale: float, kernel: str) -> Image:
    """Shifts by `shift` pixels (x, y), turns and scales about the center; `kernel` is one of `KERNELS`."""
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, scale)
    matrix[:, 2] += shift
    moved = cv2.warpAffine(
        image, matrix, (width, height), flags=KERNELS[kernel], borderMode=cv2.BORDER_REFLECT_101
    )
    return cast("Image", moved)


def add_noise(image: Image, sigma: float, grain: float, colored: bool, rng: np.random.Generator) -> Image:
    """Adds Gaussian noise, as editors' "add grain".

    Args:
        image: uint8 (H, W, 3).
        sigma: Standard deviation, gray levels.
        grain: Sigma in pixels over which it is correlated, 0 for white.
        colored: Whether the channels differ.
        rng: Draws the noise.
    """
    height, width = image.shape[:2]
    noise: _Channels = rng.standard_normal((height, width, 3 if colored else 1), dtype=np.float32)
    if grain > 0:
        noise = cv2.GaussianBlur(noise, (0, 0), grain).reshape(noise.shape)
        noise /= max(float(noise.std()), 1e-6)
    return to_image(image + np.float32(sigma) * noise)


def recompress(image: Image, quality: int, subsampling: Subsampling, phase: tuple[int, int]) -> Image:
    """Saves as JPEG and reads again, its grid of blocks shifted by `phase` pixels (down, right), 0 to 7."""
    down, right = phase
    height, width = image.shape[:2]
    framed = cv2.copyMakeBorder(image, _JPEG_BLOCK - down, 0, _JPEG_BLOCK - right, 0, cv2.BORDER_REFLECT_101)
    return decode(encode_jpeg(framed, quality, subsampling))[-height:, -width:]


def to_image(values: NDArray[np.floating]) -> Image:
    """Rounds to uint8, clipped."""
    return np.asarray(np.clip(np.rint(values), 0, 255), dtype=np.uint8)
