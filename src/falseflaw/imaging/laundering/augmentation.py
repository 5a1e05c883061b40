"""Laundering as training augmentation; the only module that touches albumentations."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from typing import Protocol, runtime_checkable

import numpy as np

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network for news when imported

import albumentations as A
import cv2
from PIL import Image as Pil

from falseflaw.errors import ConfigurationError
from falseflaw.imaging.laundering.base import resize_mask_by_half
from falseflaw.imaging.laundering.resize import KERNELS as PILLOW
from falseflaw.seeding import derive_rng
from falseflaw.types import Image, Mask

Change = Callable[[Image, Mask, np.random.Generator], tuple[Image, Mask]]
"""A laundering: photo, mask and a generator in, photo and mask in the new geometry out."""

Kernel = Callable[[Image, int, int], Image]
"""Resizes a photo to a height and a width."""


@runtime_checkable
class Rescaling(Protocol):
    """A change that can tell beforehand by how much it resizes, such as `SimulatedScreenshot`."""

    def draw_factor(self, rng: np.random.Generator) -> float:
        """Returns the factor of the side lengths that a fresh generator leads to."""


_SIDE = 16
"""No side is resized to fewer pixels, and the pixels of photos below twice as many are left as they are."""


class RandomLaundering:
    """Seeded random laundering: color, blur, noise, resizing, screenshot, and recompression last of all.

    The order is that of life: whatever happens to a photo, it is saved again afterwards, and perhaps before
    it is resized. Two photos of one size laundered with one seed go through exactly the same. Every step has
    a generator of its own, and what happens is drawn here and not by albumentations: its nested transforms
    all start from one seed, so that one applied with probability p would draw its strength from the lowest p
    of its range only.
    """

    def __init__(
        self,
        share: float = 0.75,
        color: float = 0.3,
        blur: float = 0.15,
        blur_sigma: Sequence[float] = (0.3, 1.2),
        noise: float = 0.15,
        noise_std: Sequence[float] = (0.005, 0.025),
        resize: float = 0.4,
        resize_range: Sequence[float] = (0.5, 1.5),
        rescale: float = 0.1,
        rescale_range: Sequence[float] = (0.5, 0.9),
        first_save: float = 0.2,
        screenshot: Change | None = None,
        screenshot_share: float = 0.1,
        compression: float = 0.7,
        webp_share: float = 0.25,
        jpeg_quality: Sequence[int] = (50, 98),
        webp_quality: Sequence[int] = (50, 98),
    ) -> None:
        """Sets how often each step happens and how strong it may be; both ends of a range belong to it.

        Args:
            share: Probability in [0, 1] that anything happens at all; the other photos stay as uploaded.
            color: Probability in [0, 1] of a slight change of brightness, contrast and saturation.
            blur: Probability of Gaussian blur.
            blur_sigma: Its sigma, pixels.
            noise: Probability of Gaussian noise.
            noise_std: Its standard deviation, as a share of 255.
            resize: Probability of resizing with one of `KERNELS`.
            resize_range: Factor of the side lengths, drawn log-uniformly; with a screenshot after it the two
                together stay in this range as far as the screenshot's own factor does.
            rescale: Probability of a smaller copy being enlarged to the old size.
            rescale_range: Factor of the smaller copy.
            first_save: Probability of a JPEG save before the resizing.
            screenshot: What simulates a screenshot, None for never.
            screenshot_share: Probability of it.
            compression: Expected number of saves at the end, at most 1; two in a row may happen.
            webp_share: Share of such saves that are WebP; the others are JPEG. AVIF is never used here.
            jpeg_quality: JPEG quality, 1 to 100.
            webp_quality: WebP quality, 1 to 100.

        Raises:
            ConfigurationError: A value is out of its range.
        """
        shares = {
            "share": share,
            "color": color,
            "blur": blur,
            "noise": noise,
            "resize": resize,
            "rescale": rescale,
            "first_save": first_save,
            "screenshot_share": screenshot_share,
            "compression": compression,
            "webp_share": webp_share,
        }
        if wrong := {name: share for name, share in shares.items() if not 0 <= share <= 1}:
            name, share = next(iter(wrong.items()))
            raise ConfigurationError(f"augment: expected {name} in [0, 1], got {share}")
        self.share = share
        _range("blur_sigma", blur_sigma, 0, 20)
        _range("noise_std", noise_std, 0, 1)
        self.resize = resize
        self.resize_range = _range("resize_range", resize_range, 0.1, 8)
        _range("rescale_range", rescale_range, 0.1, 1)
        _range("jpeg_quality", jpeg_quality, 1, 100)
        _range("webp_quality", webp_quality, 1, 100)
        self.screenshot = screenshot
        self.screenshot_share = screenshot_share if screenshot is not None else 0.0
        self.webp_share = webp_share
        jitter = ((0.85, 1.15), (0.85, 1.15), (0.85, 1.15), (0.0, 0.0))
        jpeg = A.ImageCompression("jpeg", tuple(jpeg_quality), p=1)
        webp = A.ImageCompression("webp", tuple(webp_quality), p=1)
        self._before: list[_Step] = [
            ("color", color, [A.ColorJitter(*jitter, p=1)]),
            ("blur", blur, [A.GaussianBlur(blur_limit=0, sigma_limit=tuple(blur_sigma), p=1)]),
            ("noise", noise, [A.GaussNoise(std_range=tuple(noise_std), p=1)]),
            (
                "rescale",
                rescale,
                [
                    A.Downscale(tuple(rescale_range), {"downscale": cv2.INTER_AREA, "upscale": kernel}, p=1)
                    for kernel in (cv2.INTER_LINEAR, cv2.INTER_CUBIC)
                ],
            ),
        ]
        self._first: _Step = ("first_save", first_save, [jpeg])
        self._after: list[_Step] = [
            ("jpeg", compression * (1 - webp_share), [jpeg]),
            ("webp", compression * webp_share, [webp]),
        ]

    def __call__(self, image: Image, mask: Mask, seed: int) -> tuple[Image, Mask]:
        """Launders a photo; the same seed, size and settings always give the same.

        Args:
            image: uint8 (H, W, 3).
            mask: bool (H, W), or several (H, W, K); follows the geometry.
            seed: 0 or above.

        Returns:
            The laundered photo and its mask, both of a new size (H', W') where something resized it.
        """
        if derive_rng(seed, "share").random() >= self.share:
            return image, mask
        pixels, inside = image, mask
        for step in [*self._before, self._first]:
            pixels = _apply(step, pixels, seed)
        pixels, inside = _resize(pixels, inside, self._factors(seed)[0], derive_rng(seed, "kernel"))
        if self.screenshot is not None and (rng := self._shot(seed)) is not None:
            pixels, inside = self.screenshot(pixels, inside, rng)
        for step in self._after:
            pixels = _apply(step, pixels, seed)
        return np.ascontiguousarray(pixels), np.ascontiguousarray(inside)

    def factor(self, seed: int) -> float:
        """Returns the factor by which a photo's sides change under this seed, 1 where nothing resizes it.

        Only photos too small to be resized keep their size nevertheless; the few pixels that a screenshot's
        hand-made crop takes or adds are not counted.
        """
        if derive_rng(seed, "share").random() >= self.share:
            return 1.0
        resized, shown = self._factors(seed)
        return resized * shown

    def degrade(self, image: Image, seed: int) -> Image:
        """Launders a photo without any change of geometry: it is always saved once more.

        Args:
            image: uint8 (H, W, 3).
            seed: 0 or above.

        Returns:
            The photo after color, blur, noise, rescaling to its old size, each with its probability, and one
            save; of the same size.
        """
        saved = self._after[1 if derive_rng(seed, "codec").random() < self.webp_share else 0]
        pixels = image
        for step in [*self._before, (saved[0], 1.0, saved[2])]:
            pixels = _apply(step, pixels, seed)
        return np.ascontiguousarray(pixels)

    def _factors(self, seed: int) -> tuple[float, float]:
        """Returns the factors of the resizing and of the screenshot, 1 for what does not happen."""
        shot = self._shot(seed)
        known = shot is not None and isinstance(self.screenshot, Rescaling)
        shown = self.screenshot.draw_factor(shot) if known else 1.0  # type: ignore[union-attr]
        rng = derive_rng(seed, "resize")
        if rng.random() >= self.resize:
            return 1.0, shown
        low, high = self.resize_range
        drawn = math.exp(rng.uniform(math.log(low), math.log(high)))
        if shown > 1:
            return min(drawn, max(1.0, high / shown)), shown
        return max(drawn, min(1.0, low / shown)), shown

    def _shot(self, seed: int) -> np.random.Generator | None:
        """Returns the generator of the screenshot, None where there is none."""
        rng = derive_rng(seed, "screenshot")
        return rng if rng.random() < self.screenshot_share else None


def _opencv(code: int) -> Kernel:
    return lambda image, height, width: np.asarray(
        cv2.resize(image, (width, height), interpolation=code), dtype=np.uint8
    )


def _pillow(name: str) -> Kernel:
    return lambda image, height, width: np.array(Pil.fromarray(image).resize((width, height), PILLOW[name]))


KERNELS: dict[str, Kernel] = {
    "nearest": _opencv(cv2.INTER_NEAREST),
    "area": _opencv(cv2.INTER_AREA),
    "linear": _opencv(cv2.INTER_LINEAR),
    "cubic": _opencv(cv2.INTER_CUBIC),
    "bilinear": _pillow("bilinear"),
    "bicubic": _pillow("bicubic"),
    "hamming": _pillow("hamming"),
}
"""Kernels of resizing in training. OpenCV's linear and cubic do not average when they shrink, Pillow's do.
Lanczos stays out, so that evaluation has one that was never seen."""

_Step = tuple[str, float, list[A.BasicTransform]]
"""Name, probability, and the variants of which one is drawn."""


def _apply(step: _Step, image: Image, seed: int) -> Image:
    name, probability, variants = step
    rng = derive_rng(seed, name)
    if rng.random() >= probability or min(image.shape[:2]) < 2 * _SIDE:
        return image
    variant = variants[int(rng.integers(len(variants)))]
    variant.set_random_seed(int(rng.integers(2**31)))
    changed: Image = variant(image=image)["image"]
    return changed


def _resize(image: Image, mask: Mask, factor: float, rng: np.random.Generator) -> tuple[Image, Mask]:
    height, width = (round(side * factor) for side in image.shape[:2])
    if factor == 1 or min(height, width) < _SIDE:
        return image, mask
    kernel = list(KERNELS.values())[int(rng.integers(len(KERNELS)))]
    return kernel(image, height, width), resize_mask_by_half(mask, height, width)


def _range(name: str, values: Sequence[float], least: float, most: float) -> tuple[float, float]:
    pair = tuple(values)
    if len(pair) != 2 or not least <= pair[0] <= pair[1] <= most:
        raise ConfigurationError(
            f"augment: expected {name} as two ascending values in [{least}, {most}], got {pair}"
        )
    return pair[0], pair[1]
