"""Laundering as training augmentation; the only module that touches albumentations."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np

os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # it asks the network for news when imported

import albumentations as A
import cv2

from falseflaw.errors import ConfigurationError
from falseflaw.seeding import derive_rng
from falseflaw.types import Image, Mask

Change = Callable[[Image, Mask, np.random.Generator], tuple[Image, Mask]]
"""A laundering: photo, mask and a generator in, photo and mask in the new geometry out."""

_KERNELS = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC)
"""Kernels of resizing in training. Lanczos stays out, so that evaluation has one that was never seen."""

_SIDE = 16
"""Photos below twice this side, in pixels, are left as they are: nothing would remain of them."""


class RandomLaundering:
    """Seeded random laundering: color, blur, noise, resizing, screenshot, and recompression last of all.

    The order is that of life: whatever happens to a photo, it is saved again afterwards. Two photos of one
    size laundered with one seed go through exactly the same. Every step has a generator of its own, and
    what happens is drawn here and not by albumentations: its nested transforms all start from one seed, so
    that one applied with probability p would draw its strength from the lowest p of its range only.
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
            resize: Probability of resizing with one of several kernels.
            resize_range: Factor of the side lengths.
            rescale: Probability of a smaller copy being enlarged to the old size.
            rescale_range: Factor of the smaller copy.
            screenshot: What simulates a screenshot, None for never.
            screenshot_share: Probability of it.
            compression: Expected number of further saves, at most 1; two in a row may happen.
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
        self.smallest_factor = _range("resize_range", resize_range, 0.1, 4)[0] if resize else 1.0
        _range("rescale_range", rescale_range, 0.1, 1)
        _range("jpeg_quality", jpeg_quality, 1, 100)
        _range("webp_quality", webp_quality, 1, 100)
        self.screenshot = screenshot
        self.screenshot_share = screenshot_share if screenshot is not None else 0.0
        low, high = resize_range[0] - 1, resize_range[1] - 1
        jitter = ((0.85, 1.15), (0.85, 1.15), (0.85, 1.15), (0.0, 0.0))
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
            ("resize", resize, [A.RandomScale((low, high), kernel, p=1) for kernel in _KERNELS]),
        ]
        self._after: list[_Step] = [
            (
                "jpeg",
                compression * (1 - webp_share),
                [A.ImageCompression("jpeg", tuple(jpeg_quality), p=1)],
            ),
            ("webp", compression * webp_share, [A.ImageCompression("webp", tuple(webp_quality), p=1)]),
        ]

    def __call__(self, image: Image, mask: Mask, seed: int) -> tuple[Image, Mask]:
        """Launders a photo; the same seed, size and settings always give the same.

        Args:
            image: uint8 (H, W, 3).
            mask: bool (H, W), follows the geometry.
            seed: 0 or above.

        Returns:
            The laundered photo and its mask, both of a new size (H', W') where something resized it.
        """
        if derive_rng(seed, "share").random() >= self.share:
            return image, mask
        pixels, inside = image, mask.astype(np.uint8)
        for step in self._before:
            pixels, inside = _apply(step, pixels, inside, seed)
        rng = derive_rng(seed, "screenshot")
        if self.screenshot is not None and rng.random() < self.screenshot_share:
            pixels, followed = self.screenshot(pixels, inside > 0, rng)
            inside = followed.astype(np.uint8)
        for step in self._after:
            pixels, inside = _apply(step, pixels, inside, seed)
        return np.ascontiguousarray(pixels), np.ascontiguousarray(inside > 0)


_Step = tuple[str, float, list[A.BasicTransform]]
"""Name, probability, and the variants of which one is drawn."""


def _apply(step: _Step, image: Image, mask: np.ndarray, seed: int) -> tuple[Image, np.ndarray]:
    name, probability, variants = step
    rng = derive_rng(seed, name)
    if rng.random() >= probability or min(image.shape[:2]) < 2 * _SIDE:
        return image, mask
    variant = variants[int(rng.integers(len(variants)))]
    variant.set_random_seed(int(rng.integers(2**31)))
    result = variant(image=image, mask=mask)
    return result["image"], result["mask"]


def _range(name: str, values: Sequence[float], least: float, most: float) -> tuple[float, float]:
    pair = tuple(values)
    if len(pair) != 2 or not least <= pair[0] <= pair[1] <= most:
        raise ConfigurationError(
            f"augment: expected {name} as two ascending values in [{least}, {most}], got {pair}"
        )
    return pair[0], pair[1]
