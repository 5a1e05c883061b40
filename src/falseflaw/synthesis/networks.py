"""The networks of a build: those that were loaded, held against those that were planned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.inpainter import Inpainter
from falseflaw.synthesis.plan import Networks

if TYPE_CHECKING:  # it imports diffusers, for seconds
    from falseflaw.inpainting.autoencoders.family import AutoencoderFamily


@dataclass(frozen=True)
class Writers:
    """The loaded networks.

    Attributes:
        inpainters: By name.
        autoencoders: The family.
    """

    inpainters: Mapping[str, Inpainter]
    autoencoders: AutoencoderFamily

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
