"""Baselines that learn nothing: classical measures of a photo's regions against the photo itself."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from falseflaw.errors import ConfigurationError
from falseflaw.imaging import codec
from falseflaw.machine import available_cores
from falseflaw.types import HeatMap, Image

Level = NDArray[np.float32]
"""Of every pixel, (H, W), above 0."""

SIDES = ("below", "above", "both")
_MAD = 1.4826
"""Turns the median absolute deviation of a normal distribution into its standard deviation."""

_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601, as in JPEG


@dataclass(frozen=True)
class TrainingFreeScorer(ABC):
    """Scores how far regions of a photo lie from the photo's median, in a level that a subclass measures.

    The logarithm of the level is compared: d = (log level - median) / (spread + `least_spread`), with the
    spread as 1.4826 times the median absolute deviation. The heat map shows d, 0 for nothing and 255 for
    `full_scale`; the photo's score is the mean of the greatest d over `top_share` of its pixels, less
    `neutral`. Every photo is scored by itself.

    Attributes:
        window: Side of the box over which levels are averaged, pixels.
        side: Deviations that count: `below` the median, `above` it, or `both`.
        top_share: In (0, 1], of the photo's pixels.
        least_spread: Added to the spread, in natural logarithms: a photo of one texture alarms at nothing.
        neutral: Score that becomes logit 0; probabilities alone depend on it.
        full_scale: Deviation that becomes 255.
        lanes: Photos to score at once.

    Raises:
        ConfigurationError: A value is out of range.
    """

    name: ClassVar[str]

    window: int = 16
    side: str = "both"
    top_share: float = 0.01
    least_spread: float = 0.1
    neutral: float = 3.0
    full_scale: float = 6.0
    lanes: int = field(default_factory=available_cores, repr=False)

    def __post_init__(self) -> None:
        if self.side not in SIDES:
            raise ConfigurationError(f"expected side as {', '.join(SIDES)}, got {self.side!r}")
        if self.window < 1 or not 0 < self.top_share <= 1 or min(self.least_spread, self.full_scale) <= 0:
            raise ConfigurationError(
                "expected window of at least 1, top_share in (0, 1], least_spread and full_scale above 0, "
                f"got {self.window}, {self.top_share}, {self.least_spread} and {self.full_scale}"
            )

    @property
    def fingerprint(self) -> str:
        """sha256 of the settings; the code counts where predictions are kept."""
        return hashlib.sha256(repr(self).encode()).hexdigest()

    def describe(self) -> dict[str, str]:
        """Returns kind, name in place of a path, settings and their sha256."""
        return {"kind": "baseline", "path": self.name, "sha256": self.fingerprint, "settings": repr(self)}

    def score(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.uint8]]:
        """Scores uint8 (B, H, W, 3); returns scores (B,) and heat maps uint8 (B, H, W)."""
        deviations = [self.deviation(image) for image in images]
        return (
            np.array([self._score(deviation) for deviation in deviations], dtype=np.float64),
            np.stack([self._heat_map(deviation) for deviation in deviations]),
        )

    @abstractmethod
    def level(self, image: Image) -> Level:
        """Measures a photo, uint8 (H, W, 3), at every pixel, above 0, before it is averaged."""

    def deviation(self, image: Image) -> NDArray[np.float32]:
        """Returns d of every pixel, (H, W), at least 0."""
        side = min(self.window, *image.shape[:2])
        level = cv2.blur(self.level(image), (side, side), borderType=cv2.BORDER_REFLECT)
        logarithm = np.log(level)
        above = logarithm - np.median(logarithm)
        spread = _MAD * np.median(np.abs(above)) + self.least_spread
        signed = {"below": -above, "above": above, "both": np.abs(above)}[self.side]
        return np.asarray(np.maximum(signed / spread, 0), dtype=np.float32)

    def _score(self, deviation: NDArray[np.float32]) -> float:
        count = max(1, round(self.top_share * deviation.size))
        greatest = np.partition(deviation.reshape(-1), -count)[-count:]
        return float(greatest.mean(dtype=np.float64)) - self.neutral

    def _heat_map(self, deviation: NDArray[np.float32]) -> HeatMap:
        return np.asarray(np.rint(255 * np.clip(deviation / self.full_scale, 0, 1)), dtype=np.uint8)


@dataclass(frozen=True)
class ErrorLevelAnalysis(TrainingFreeScorer):
    """What one more JPEG save changes (Krawetz 2007): a region saved otherwise changes otherwise.

    Attributes:
        quality: JPEG quality of that save, 1 to 100.
        floor: Added to the error, gray levels, so that no region has none.
    """

    name: ClassVar[str] = "error_level_analysis"

    quality: int = 90
    floor: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.quality <= 100 or self.floor <= 0:
            raise ConfigurationError(
                f"expected quality in 1..100 and floor above 0, got {self.quality} and {self.floor}"
            )

    def level(self, image: Image) -> Level:
        """Returns the greatest absolute difference of the channels, gray levels."""
        saved = codec.decode(codec.encode_jpeg(image, self.quality))
        difference = np.abs(image.astype(np.float32) - saved).max(axis=2)  # (H, W)
        return np.asarray(difference + np.float32(self.floor), dtype=np.float32)


@dataclass(frozen=True)
class NoiseResidualVariance(TrainingFreeScorer):
    """Local variance of a high-pass residual, after Mahdian and Saic (2009): noise of another strength.

    The residual is the luma less its Gaussian blur.

    Attributes:
        sigma: Of the blur, pixels.
        floor: Added to the variance, gray levels squared, so that no region has none.
    """

    name: ClassVar[str] = "noise_residual_variance"

    sigma: float = 1.2
    floor: float = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sigma <= 0 or self.floor <= 0:
            raise ConfigurationError(f"expected sigma and floor above 0, got {self.sigma} and {self.floor}")

    def level(self, image: Image) -> Level:
        """Returns the squared residual, gray levels squared; its mean over a window is the variance."""
        luma = image.astype(np.float32) @ _LUMA  # (H, W)
        residual = luma - cv2.GaussianBlur(luma, (0, 0), self.sigma, borderType=cv2.BORDER_REFLECT)
        return np.asarray(residual**2 + np.float32(self.floor), dtype=np.float32)
