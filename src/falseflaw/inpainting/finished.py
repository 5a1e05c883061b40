"""An inpainter whose crops go through an autoencoder once more, as in tools that end with one."""

from __future__ import annotations

from collections.abc import Sequence
from math import lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from falseflaw.imaging.crop import Box
from falseflaw.inpainting.autoencoders.autoencoder import Autoencoder
from falseflaw.inpainting.inpainter import Inpainter, Samples
from falseflaw.types import Image, Mask


class FinishedInpainter:
    """Lets an inpainter write and an autoencoder, such as a sharp one, rewrite what it wrote.

    It gives an inpainter without a decoder of its own one; regenerated photos go through it as a whole.

    Args:
        name: Name of the generator in manifests and reports.
        inpainter: Writes.
        autoencoder_folder: Folder of the autoencoder, relative to the working directory or the clone.
        device: Where the autoencoder computes: `cpu`, `cuda` or another torch device.

    Attributes:
        grid: Crop sides are multiples of this.
        factor: Crop corners are multiples of this.
        steps: Denoising steps of the inpainter.
        guidance: Its classifier-free guidance scale.

    Raises:
        ConfigurationError: No such device.
        MissingDataError: No such folder.
        InvalidDataError: The folder holds no autoencoder, or a broken one.
    """

    rewrites_all = True
    """A regenerated photo went through the autoencoder in every pixel."""

    def __init__(self, name: str, inpainter: Any, autoencoder_folder: str, device: str = "cpu") -> None:
        self.name = name
        self._inpainter: Inpainter = inpainter
        self._autoencoder = Autoencoder(name, autoencoder_folder, device)
        self.grid = lcm(self._inpainter.grid, self._autoencoder.factor)
        self.factor = lcm(self._inpainter.factor, self._autoencoder.factor)
        self.steps, self.guidance = self._inpainter.steps, self._inpainter.guidance

    def sample(
        self,
        crops: NDArray[np.uint8],
        masks: NDArray[np.bool_],
        prompts: Sequence[str],
        seeds: Sequence[int],
    ) -> Samples:
        """See `Inpainter.sample`; images went through the autoencoder, latents are the inpainter's."""
        written = self._inpainter.sample(crops, masks, prompts, seeds)
        images = np.stack([self._autoencoder.round_trip(image) for image in written.images])
        return Samples(images, written.latents)

    def regenerate(self, photo: Image, sample_latent: Tensor, box: Box, mask: Mask) -> Image:
        """See `Inpainter.regenerate`; the whole photo goes through the autoencoder."""
        return self._autoencoder.round_trip(self._inpainter.regenerate(photo, sample_latent, box, mask))

    def round_trip(self, photo: Image) -> Image:
        """Returns the whole photo, uint8 (H, W, 3), after the autoencoder alone."""
        return self._autoencoder.round_trip(photo)
