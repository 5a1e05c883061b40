"""Several launderings one after the other, as photos travel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from falseflaw.errors import ConfigurationError
from falseflaw.imaging.laundering.base import Laundering, versions_of
from falseflaw.types import Image, Mask


@dataclass(frozen=True)
class Chain:
    """Applies launderings in order, drawing from one generator.

    Attributes:
        steps: At least one.
        label: What the chain is called, such as `chain_chat_app`; by default the names of its steps.
        unseen: True if training augmentation never contains it; a chain with an unseen step is unseen anyway.
    """

    steps: Sequence[Laundering]
    label: str = ""
    unseen: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", tuple(self.steps))
        if not self.steps:
            raise ConfigurationError("chain: expected at least one step, got none")
        if wrong := [step for step in self.steps if not isinstance(step, Laundering)]:
            raise ConfigurationError(
                f"chain: expected launderings as steps, got {type(wrong[0]).__name__}; "
                "in a configuration say `_convert_: all` beside `steps`"
            )
        object.__setattr__(self, "unseen", self.unseen or any(step.unseen for step in self.steps))

    @property
    def name(self) -> str:
        """The label, or the names of the steps joined by `+`."""
        return self.label or "+".join(step.name for step in self.steps)

    @property
    def severity(self) -> float | str:
        """The number of steps."""
        return float(len(self.steps))

    def versions(self) -> dict[str, str]:
        """Returns the versions of the programs outside that its steps depend on."""
        return versions_of(self.steps)

    def __call__(self, image: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
        """Returns photo and mask after the last step."""
        for step in self.steps:
            image, mask = step(image, mask, rng)
        return image, mask
