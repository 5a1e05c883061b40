"""What the build needs of the networks that write pixels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from falseflaw.errors import ConfigurationError
from falseflaw.imaging.crop import Box
from falseflaw.synthesis.plan import Networks
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
    def rewrites_all(self) -> bool:
        """Whether a regenerated photo has no original pixel left, as after an autoencoder."""
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


class Autoencoders(Protocol):
    """Autoencoders by name."""

    @property
    def names(self) -> tuple[str, ...]:
        """All of them."""
        ...

    @property
    def reserved(self) -> frozenset[str]:
        """Those that must never be in a training set."""
        ...

    def round_trip(self, name: str, photo: Image, seed: int) -> Image:
        """Returns uint8 (H, W, 3) after encoding and decoding; the seed decides on what is drawn, if any."""
        ...


@dataclass(frozen=True)
class Writers:
    """The loaded networks.

    Attributes:
        inpainters: By name.
        autoencoders: The family.
    """

    inpainters: Mapping[str, Inpainter]
    autoencoders: Autoencoders

    @property
    def grid(self) -> int:
        """Crop sides that suit every inpainter are multiples of this."""
        return math.lcm(*(inpainter.grid for inpainter in self.inpainters.values()))

    @property
    def factor(self) -> int:
        """Crop corners that suit every inpainter are multiples of this."""
        return math.lcm(*(inpainter.factor for inpainter in self.inpainters.values()))


def check_networks(networks: Networks, writers: Writers) -> None:
    """Checks that what was loaded is what was planned for.

    Raises:
        ConfigurationError: A network is missing, or a reserved autoencoder was planned as another.
    """
    planned = {*networks.generators, *networks.autoencoders, *networks.reserved}
    if missing := planned - {*writers.inpainters, *writers.autoencoders.names}:
        raise ConfigurationError(f"expected the network {min(missing)}, it was not loaded")
    if wrong := writers.autoencoders.reserved & set(networks.autoencoders):
        raise ConfigurationError(
            f"the autoencoder {min(wrong)} is reserved for tests; it must not be in a training set"
        )
