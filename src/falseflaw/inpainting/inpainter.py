"""What every generator that writes flaws into crops offers, and checks before it works."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from falseflaw.devices import find_device
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging.crop import Box
from falseflaw.types import Image, Mask


@dataclass(frozen=True, eq=False)
class Samples:
    """One sampling of a batch of crops.

    Attributes:
        images: uint8 (B, H, W, 3), the decoded crops; nothing is pasted.
        latents: float (B, ...), what the denoiser left of each crop, as `Inpainter.regenerate` takes it.
    """

    images: NDArray[np.uint8]
    latents: Tensor


class Inpainter(Protocol):
    """Writes flaws into crops, all of one size.

    Attributes:
        name: The generator's name in manifests and reports.
        grid: Crop sides are multiples of this.
        factor: Photo pixels per latent pixel; crop corners are multiples of this.
        rewrites_all: Whether a regenerated photo has no original pixel left, as after an autoencoder.
        steps: Denoising steps.
        guidance: Classifier-free guidance scale.
    """

    name: str
    grid: int
    factor: int
    rewrites_all: bool
    steps: int
    guidance: float

    def sample(
        self,
        crops: NDArray[np.uint8],
        masks: NDArray[np.bool_],
        prompts: Sequence[str],
        seeds: Sequence[int],
    ) -> Samples:
        """Inpaints a batch with one diffusion sampling; each image has a random generator of its own.

        Args:
            crops: uint8 (B, H, W, 3), sides in multiples of `grid`.
            masks: bool (B, H, W), True where the generator writes.
            prompts: B texts.
            seeds: B seeds.

        Raises:
            InvalidDataError: Shapes, types or counts do not agree.
        """
        ...

    def regenerate(self, photo: Image, sample_latent: Tensor, box: Box, mask: Mask) -> Image:
        """Returns the whole photo as the generator writes it, with a sampled flaw in it.

        A tool that inpaints without pasting the original pixels back leaves this trace.

        Args:
            photo: uint8 (H, W, 3), any size.
            sample_latent: One of `Samples.latents`.
            box: Where its crop lay in the photo; its corner is a multiple of `factor`.
            mask: bool (H, W), the inpainted region.

        Returns:
            uint8 (H, W, 3).

        Raises:
            InvalidDataError: Sizes do not agree.
        """
        ...

    def round_trip(self, photo: Image) -> Image:
        """Returns the whole photo, uint8 (H, W, 3), after the autoencoder alone; a copy without one."""
        ...


DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
"""Precisions by the name that a configuration gives them."""


def check_settings(dtype: str, device: str, steps: int, guidance: float) -> torch.device:
    """Returns the device of a wrapper whose settings can work.

    Raises:
        ConfigurationError: Unknown dtype or device, or values out of range.
    """
    if dtype not in DTYPES:
        raise ConfigurationError(f"expected inpainter dtype of {', '.join(DTYPES)}, got {dtype!r}")
    if steps < 1 or not guidance >= 0:
        raise ConfigurationError(
            f"expected inpainter steps >= 1 and guidance >= 0, got {steps} and {guidance}"
        )
    return find_device(str(device), "inpainter.device", "inpainter.dtype=float32")


def check_batch(
    crops: NDArray[np.uint8],
    masks: NDArray[np.bool_],
    prompts: Sequence[str],
    seeds: Sequence[int],
    grid: int,
) -> None:
    """Checks a batch of crops, masks, prompts and seeds, with sides in multiples of `grid`.

    Raises:
        InvalidDataError: Shapes, types or counts do not agree.
    """
    if crops.ndim != 4 or crops.shape[-1] != 3 or crops.dtype != np.uint8:
        raise InvalidDataError(f"expected crops uint8 [B, H, W, 3], got {crops.dtype} {list(crops.shape)}")
    if crops.shape[1] % grid or crops.shape[2] % grid:
        raise InvalidDataError(f"expected crop sides in multiples of {grid}, got {list(crops.shape[1:3])}")
    if masks.shape != crops.shape[:3] or masks.dtype != np.bool_:
        raise InvalidDataError(
            f"expected masks bool {list(crops.shape[:3])}, got {masks.dtype} {list(masks.shape)}"
        )
    if not len(crops) == len(prompts) == len(seeds) or not len(crops):
        raise InvalidDataError(
            f"expected one prompt and one seed per crop, got {len(crops)}, {len(prompts)} and {len(seeds)}"
        )


def check_condition(condition: str) -> None:
    """Checks what the denoiser is to see of a crop: `hole` or `photo`.

    Raises:
        ConfigurationError: It is neither.
    """
    if condition not in ("hole", "photo"):
        raise ConfigurationError(f"expected inpainter.condition hole or photo, got {condition!r}")
