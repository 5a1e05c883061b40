"""Parts of the camera step: the noisy sensor behind its color filters, the phone's software."""

from __future__ import annotations

from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

from falseflaw.imaging.color import Light, to_16_bit
from falseflaw.types import Image


def expose(
    light: Light, bayer: str, shot: float, read: float, grain: float, rng: np.random.Generator
) -> Light:
    """Reads a sensor: samples through the color filter array, adds noise, interpolates the missing colors.

    Noise is the Poisson-Gaussian model of Foi et al. 2008 in its normal approximation, standard deviation
    sqrt(shot * light + read**2). It enters on the sensor's values, before the demosaicing that correlates it.

    Args:
        light: Linear light, (H, W, 3).
        bayer: "RGGB", "BGGR", "GRBG", "GBRG", or "none" for three colors at every pixel.
        shot: Noise variance at full white.
        read: Standard deviation in the dark.
        grain: Sigma in pixels of a Gaussian over the unit noise, rescaled to unit variance; 0 for white.
        rng: Generator of the noise field.
    """
    values = light if bayer == "none" else _mosaic(light, bayer)  # (H, W, 3) or (H, W)
    if shot > 0 or read > 0:
        noise = rng.standard_normal(values.shape, dtype=np.float32)
        if grain > 0:
            noise = _correlate(noise, grain)
        values = values + noise * np.sqrt(np.float32(shot) * values + np.float32(read) ** 2)
    if bayer == "none":
        return values
    code = getattr(cv2, f"COLOR_Bayer{bayer}2RGB_EA")
    colors = cv2.cvtColor(to_16_bit(values), code)  # (H, W, 3)
    return cast("Light", colors.astype(np.float32) / np.float32(65535))


def _mosaic(light: Light, bayer: str) -> Light:
    values = np.empty(light.shape[:2], dtype=np.float32)  # (H, W)
    for index, color in enumerate(bayer):
        row, column = divmod(index, 2)
        values[row::2, column::2] = light[row::2, column::2, "RGB".index(color)]
    return values


def _correlate(noise: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    """Smooths white noise and brings it back to unit variance (by the kernel, not by what came out)."""
    size = 2 * int(np.ceil(3 * sigma)) + 1
    kernel = cv2.getGaussianKernel(size, sigma)  # (size, 1), sums to 1
    smooth = cv2.sepFilter2D(noise, -1, kernel, kernel)
    return cast("NDArray[np.float32]", smooth / np.float32(np.sum(kernel**2)))


def denoise(image: Image, strength: float) -> Image:
    """Phone-like denoising: edge-preserving on everything, stronger smoothing of color than of brightness.

    Args:
        image: uint8 (H, W, 3).
        strength: In [0, 1]; 0 returns the image as it is.
    """
    if strength == 0:
        return image
    # On uint8: OpenCV's float version builds its weights from the image's own range, which is not local.
    smooth = cv2.bilateralFilter(image, 5, sigmaColor=8 + 32 * strength, sigmaSpace=1 + strength)
    planes = cv2.cvtColor(smooth, cv2.COLOR_RGB2YCrCb)
    planes[..., 1:] = cv2.GaussianBlur(planes[..., 1:], (7, 7), 0.3 + 1.2 * strength)
    return cast("Image", cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB))


def sharpen(image: Image, amount: float, radius: float) -> Image:
    """Unsharp mask on brightness: adds `amount` times what a Gaussian of sigma `radius` removes.

    Args:
        image: uint8 (H, W, 3).
        amount: 0 returns the image as it is; phones use 0.3 to 1.5.
        radius: Pixels.
    """
    if amount == 0:
        return image
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = luma - cv2.GaussianBlur(luma, (0, 0), radius)
    sharp = image.astype(np.float32) + np.float32(amount) * detail[..., None]
    return np.asarray(np.clip(np.round(sharp), 0, 255), dtype=np.uint8)
