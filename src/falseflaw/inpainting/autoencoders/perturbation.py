"""Decoders that differ a little from photo to photo: one set of weights leaves one fingerprint."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import torch
from torch import nn

from falseflaw.seeding import derive_seed
from falseflaw.types import Image

_TINT_SIGMA = 4.0
"""Standard deviation of the blur that divides tint from fine texture, pixels."""


@contextmanager
def perturbed(decoder: nn.Module, strength: float, seed: int) -> Iterator[None]:
    """Multiplies every convolution kernel entry by 1 + strength · N(0, 1) inside the `with` block.

    Args:
        decoder: Changed in place, and back again.
        strength: Standard deviation of the factors, 0 or above.
        seed: Of the factors.
    """
    kernels = [weight for weight in decoder.parameters() if weight.ndim == 4]
    before = [weight.detach().clone() for weight in kernels]
    generator = torch.Generator().manual_seed(derive_seed("perturbation", seed))
    try:
        with torch.no_grad():
            for weight in kernels:
                factors = 1 + strength * torch.randn(weight.shape, generator=generator)
                weight.mul_(factors.to(weight.device))
        yield
    finally:
        with torch.no_grad():
            for weight, kept in zip(kernels, before, strict=True):
                weight.copy_(kept)


def with_tint_of(photo: Image, model: Image) -> Image:
    """Returns a photo's fine texture on the blurred colors of another, all uint8 (H, W, 3).

    A perturbed decoder shifts colors by tens of levels, which no saved inpainter does and any eye sees.
    """
    shift = model.astype(np.float32) - photo.astype(np.float32)
    low = cv2.GaussianBlur(shift, (0, 0), _TINT_SIGMA, borderType=cv2.BORDER_REFLECT_101)
    result: Image = np.clip(np.rint(photo + low), 0, 255).astype(np.uint8)
    return result
