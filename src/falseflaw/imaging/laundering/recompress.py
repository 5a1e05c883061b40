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
class DoubleJpeg:
    """Saves as JPEG, loses a few rows and columns and is saved again: 8x8 blocks that lie askew.

    Attributes:
        first: Quality of the first save, 1 to 100.
        second: Quality of the second save, 1 to 100.
        shifted: Whether 1 to 7 rows at the top and columns on the left (drawn) are cut off in between; if
            not, both saves share their grid.
        unseen: True if training augmentation never contains it.
    """

    first: int
    second: int
    shifted: bool = True
    unseen: bool = False

    def __post_init__(self) -> None:
        _check_quality("double jpeg", self.first)
        _check_quality("double jpeg", self.second)

    @property
    def name(self) -> str:
        """For example `double_jpeg60_80`, or `double_jpeg60_80_aligned`."""
        return f"double_jpeg{self.first}_{self.second}" + ("" if self.shifted else "_aligned")

    @property
    def severity(self) -> float | str:
        """The lower of the two qualities."""
        return float(min(self.first, self.second))

    def __call__(self, image: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
        """Returns photo and mask, up to seven rows and columns smaller.

        Nothing is cut off where that would take the whole mask away.
        """
        image = codec.decode(codec.encode_jpeg(image, self.first))
        if self.shifted:
            shift = rng.integers(1, 8, 2)
            top, left = (min(int(cut), side - 1) for cut, side in zip(shift, mask.shape, strict=True))
            if mask[top:, left:].any() or not mask.any():
                image, mask = image[top:, left:], np.ascontiguousarray(mask[top:, left:])
        return codec.decode(codec.encode_jpeg(image, self.second)), mask


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
