"""What the build needs of an inpainter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from falseflaw.inpainting.compose import Box
from falseflaw.types import Image, Mask


class Samples(Protocol):
    """One sampling of a batch of crops."""

    @property
    def images(self) -> NDArray[np.uint8]:
        """Decoded crops, (B, H, W, 3), nothing pasted."""
        ...

    @property
    def latents(self) -> Any:
        """Latents of the crops, indexed by crop."""
        ...

    def regenerate(self, photo: Image, sample_latent: Any, box: Box, mask: Mask) -> Image:
        """Returns the photo through the autoencoder with the sampled latents inside the mask."""
        ...

    def round_trip(self, photo: Image) -> Image:
        """Returns the photo through the autoencoder, uint8 of the photo's size."""
        ...


class Inpainter(Protocol):
    """Writes flaws into crops, all of one size."""

    @property
    def name(self) -> str:
        """The generator's name in the manifest."""
        ...

    @property
    def grid(self) -> int:
        """Crop sides are multiples of this."""
        ...

    @property
    def factor(self) -> int:
        """Photo pixels per latent pixel; crop corners are multiples of this."""
        ...

    @property
    def steps(self) -> int:
        """Denoising steps."""
        ...

    @property
    def guidance(self) -> float:
        """Classifier-free guidance scale."""
        ...

    def sample(
        self,
        crops: NDArray[np.uint8],
        masks: NDArray[np.bool_],
        prompts: Sequence[str],
        seeds: Sequence[int],
    ) -> Samples:
        """Samples crops uint8 (B, H, W, 3) inside masks bool (B, H, W), one generator an image."""
        ...
