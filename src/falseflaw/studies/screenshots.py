"""How close the simulated screenshot comes to the real one: pixels and the detector's answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from falseflaw.errors import InvalidDataError
from falseflaw.imaging.laundering.base import launder
from falseflaw.imaging.laundering.screenshot.browser import BrowserScreenshot
from falseflaw.imaging.laundering.screenshot.simulated import SimulatedScreenshot
from falseflaw.types import Image

Judge = Callable[[Image], float]
"""Gives the probability of alteration of one photo, uint8 (H, W, 3)."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """One device's screenshots of the same photos, real and simulated.

    Attributes:
        device: Its name.
        factor: Mean resizing that the photos see, device pixels per photo pixel.
        psnr: Of the simulated against the real screenshot, dB, (N,).
        untouched: Probabilities of the photos as they are, (N,); None without a detector.
        real: Of the real screenshots, (N,).
        simulated: Of the simulated ones, (N,).
    """

    device: str
    factor: float
    psnr: NDArray[np.float64]
    untouched: NDArray[np.float64] | None = None
    real: NDArray[np.float64] | None = None
    simulated: NDArray[np.float64] | None = None

    def row(self) -> dict[str, str]:
        """Returns a line of the table: columns of `COLUMNS`, empty ones without a detector."""
        cells = [self.device, str(len(self.psnr)), f"{self.factor:.2f}"]
        cells += [f"{self.psnr.mean():.1f}", f"{self.psnr.min():.1f}"]
        if self.untouched is not None and self.real is not None and self.simulated is not None:
            cells += [f"{np.abs(self.simulated - self.real).mean():.3f}"]
            cells += [f"{np.abs(self.untouched - self.real).mean():.3f}"]
            cells += [correlation(self.simulated, self.real)]
        return dict(zip(COLUMNS, cells + [""] * (len(COLUMNS) - len(cells)), strict=True))


COLUMNS = (
    "device",
    "photos",
    "scale",
    "PSNR",
    "worst",
    "|simulated-real|",
    "|untouched-real|",
    "correlation",
)
"""PSNR in dB; then mean absolute differences of probabilities, and the correlation of simulated and real."""


def pair(
    screenshot: BrowserScreenshot, image: Image, key: str, quality: int | None = None
) -> tuple[Image, Image]:
    """Returns the real and the simulated screenshot of a photo, both uint8, of one size and one geometry.

    Both show the whole photo with square corners and no color path; both are saved as PNG, or as JPEG of the
    given quality, screen and crop. What is left to differ is how the photo is scaled, and by JPEG what lies
    around it.

    Args:
        screenshot: The real one; only its device counts.
        image: uint8 (H, W, 3).
        key: Of the photo, such as its sha256; both draw from it.
        quality: Of the JPEG, 1 to 100.
    """
    saved = 80 if quality is None else quality
    share = 0.0 if quality is None else 1.0
    real = replace(screenshot, jpeg_share=share, quality=(saved, saved), max_offset=0, rounded_share=0.0)
    device = screenshot.device
    scale = device.factor(*image.shape[:2]) / device.density
    simulated = SimulatedScreenshot(
        pixel_ratios=(device.density,),
        scale=(scale, scale),
        gamma=(1.0, 1.0),
        gain=0.0,
        jpeg_share=share,
        quality=(saved, saved),
        max_offset=0,
        rounded_share=0.0,
    )
    nothing = np.zeros(image.shape[:2], dtype=bool)
    first, second = (launder(item, image, nothing, key)[0] for item in (real, simulated))
    if first.shape != second.shape:
        raise InvalidDataError(
            f"{device.name}: expected both screenshots of one size, "
            f"got {first.shape[:2]} for real and {second.shape[:2]} simulated"
        )
    return first, second


def compare(
    screenshot: BrowserScreenshot,
    images: Sequence[Image],
    keys: Sequence[str],
    judge: Judge | None = None,
    quality: int | None = None,
    seen: Callable[[int, Image, Image], None] | None = None,
) -> Comparison:
    """Compares both screenshots of each photo on one device.

    Args:
        screenshot: The real one; only its device counts.
        images: At least one, each uint8 (H, W, 3).
        keys: One for each photo, see `pair`.
        judge: The detector; None compares pixels alone.
        quality: See `pair`.
        seen: Called with the photo's number, the real and the simulated screenshot, for contact sheets.
    """
    if not images:
        raise InvalidDataError("expected photos to compare screenshots of, got none")
    errors, answers, factors = [], [], []
    for index, (image, key) in enumerate(zip(images, keys, strict=True)):
        real, simulated = pair(screenshot, image, key, quality)
        errors.append(psnr(simulated, real))
        factors.append(screenshot.device.factor(*image.shape[:2]))
        if judge is not None:
            answers.append([judge(image), judge(real), judge(simulated)])
        if seen is not None:
            seen(index, real, simulated)
    scores = np.array(answers).T if answers else None  # (3, N)
    return Comparison(
        screenshot.device.name,
        float(np.mean(factors)),
        np.array(errors),
        *([None] * 3 if scores is None else scores),
    )


def psnr(image: Image, reference: Image) -> float:
    """Peak signal-to-noise ratio in dB; 99 for equal images."""
    error = float(np.mean((image.astype(np.float64) - reference) ** 2))
    return 99.0 if error == 0 else min(99.0, 10 * float(np.log10(255**2 / error)))


def correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> str:
    """Pearson's correlation as text; `undefined` where either side does not vary."""
    if len(first) < 2 or first.std() == 0 or second.std() == 0:
        return "undefined"
    return f"{np.corrcoef(first, second)[0, 1]:.3f}"
