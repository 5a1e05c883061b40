"""Resizing by a factor of the photo's own size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image as Pil

from falseflaw.errors import ConfigurationError
from falseflaw.imaging.laundering.base import resize_mask_by_half
from falseflaw.types import Image, Mask

KERNELS = {
    "nearest": Pil.Resampling.NEAREST,
    "box": Pil.Resampling.BOX,
    "bilinear": Pil.Resampling.BILINEAR,
    "hamming": Pil.Resampling.HAMMING,
    "bicubic": Pil.Resampling.BICUBIC,
    "lanczos": Pil.Resampling.LANCZOS,
}
"""Pillow's kernels; all but nearest average over the source area when shrinking."""


@dataclass(frozen=True)
class Resize:
    """Resizes both sides by one factor.

    Attributes:
        factor: Above 0, at most 8; 0.5 halves each side.
        kernel: One of `KERNELS`.
        unseen: True if training augmentation never contains it.
        most_pixels: That enlarging may give: the factor of larger photos is lowered, at least to 1; None:
            any number.
    """

    factor: float
    kernel: str = "bicubic"
    unseen: bool = False
    most_pixels: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.factor <= 8:
            raise ConfigurationError(f"resize: expected 0 < factor <= 8, got {self.factor}")
        if self.kernel not in KERNELS:
            raise ConfigurationError(f"resize: expected kernel among {', '.join(KERNELS)}, got {self.kernel}")

    @property
    def name(self) -> str:
        """For example `resize_0.5`, `resize_0.5_lanczos`, or `resize_3_to_4mp`."""
        name = f"resize_{self.factor:g}" + ("" if self.kernel == "bicubic" else f"_{self.kernel}")
        return name if self.most_pixels is None else f"{name}_to_{self.most_pixels / 1e6:g}mp"

    @property
    def severity(self) -> float | str:
        """The factor."""
        return float(self.factor)

    def __call__(self, image: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
        """Returns the resized photo and mask, each side rounded and at least one pixel."""
        factor = self.factor
        if self.most_pixels is not None and factor > 1:
            factor = min(factor, max(1.0, (self.most_pixels / (image.shape[0] * image.shape[1])) ** 0.5))
        height = max(1, round(image.shape[0] * factor))
        width = max(1, round(image.shape[1] * factor))
        resized = Pil.fromarray(image).resize((width, height), KERNELS[self.kernel])
        return np.array(resized), resize_mask_by_half(mask, height, width)
