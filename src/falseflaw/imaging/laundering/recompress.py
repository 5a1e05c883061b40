"""Recompression: the photo is saved once more as JPEG, WebP or AVIF."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from falseflaw.errors import ConfigurationError
from falseflaw.imaging import codec
from falseflaw.types import Image, Mask


def _check_quality(name: str, quality: int) -> None:
    if not 1 <= quality <= 100:
        raise ConfigurationError(f"{name}: expected quality in 1..100, got {quality}")


@dataclass(frozen=True)
class Jpeg:
    """Saves as JPEG.

    Attributes:
        quality: 1 to 100.
        subsampling: Chroma subsampling, `4:4:4`, `4:2:2` or `4:2:0`.
        unseen: True if training augmentation never contains it.
    """

    quality: int
    subsampling: codec.Subsampling = "4:2:0"
    unseen: bool = False

    def __post_init__(self) -> None:
        _check_quality("jpeg", self.quality)
        if self.subsampling not in {"4:4:4", "4:2:2", "4:2:0"}:
            raise ConfigurationError(
                f"jpeg: expected subsampling 4:4:4, 4:2:2 or 4:2:0, got {self.subsampling}"
            )

    @property
    def name(self) -> str:
        """For example `jpeg80`, or `jpeg80_444`."""
        suffix = "" if self.subsampling == "4:2:0" else "_" + self.subsampling.replace(":", "")
        return f"jpeg{self.quality}{suffix}"

    @property
    def severity(self) -> float | str:
        """The quality."""
        return float(self.quality)

    def __call__(self, image: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
        """Encodes and decodes; the mask stays."""
        return codec.decode(codec.encode_jpeg(image, self.quality, self.subsampling)), mask


@dataclass(frozen=True)
class WebP:
    """Saves as lossy WebP.

    Attributes:
        quality: 1 to 100.
        unseen: True if training augmentation never contains it.
    """

    quality: int
    unseen: bool = False

    def __post_init__(self) -> None:
        _check_quality("webp", self.quality)

    @property
    def name(self) -> str:
        """For example `webp80`."""
        return f"webp{self.quality}"

    @property
    def severity(self) -> float | str:
        """The quality."""
        return float(self.quality)

    def __call__(self, image: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
        """Encodes and decodes; the mask stays."""
        return codec.decode(codec.encode_webp(image, self.quality)), mask


@dataclass(frozen=True)
class Avif:
    """Saves as AVIF; kept out of training, so that it measures a codec never seen.

    Attributes:
        quality: 1 to 100.
        unseen: True if training augmentation never contains it.
    """

    quality: int
    unseen: bool = True

    def __post_init__(self) -> None:
        _check_quality("avif", self.quality)

    @property
    def name(self) -> str:
        """For example `avif60`."""
        return f"avif{self.quality}"

    @property
    def severity(self) -> float | str:
        """The quality."""
        return float(self.quality)

    def __call__(self, image: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
        """Encodes and decodes; the mask stays."""
        return codec.decode(codec.encode_avif(image, self.quality)), mask
