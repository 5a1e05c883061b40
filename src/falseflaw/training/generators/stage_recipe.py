"""How long and how fast one stage of a generator's training learns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from falseflaw.errors import ConfigurationError
from falseflaw.training.optimization import OptimizerSettings

_TIME = re.compile(r"(\d+):(\d\d):(\d\d):(\d\d)")


@dataclass(frozen=True, kw_only=True)
class StageRecipe:
    """How long and how fast one stage of a training learns.

    Attributes:
        max_steps: Most optimizer steps.
        max_time: Most time of training over all resumed runs, as days:hours:minutes:seconds, or None for no
            limit but `max_steps`. The learning rate falls with whichever of the two limits is nearer; with a
            limit in time two runs differ.
        batch: Crops a step.
        learning_rate: Highest learning rate of AdamW.
        warmup: Steps of linear warm-up.
        ema: Decay of the averaged weights, which are the ones that are saved; 0 for none.
    """

    decay: ClassVar[Mapping[str, Any]] = {"decay": "linear", "decay_from": 0.6, "final_fraction": 0.1}
    """How the learning rate falls: to a tenth over the last two fifths."""

    max_steps: int
    max_time: str | None
    batch: int
    learning_rate: float
    warmup: int
    ema: float = 0.0

    def __post_init__(self) -> None:
        for name in ("max_steps", "batch", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"expected {name} of a stage > 0, got {getattr(self, name)}")
        if not 0 <= self.ema < 1:
            raise ConfigurationError(f"expected ema of a stage in [0, 1), got {self.ema}")
        seconds_of(self.max_time)

    def optimizer(self) -> OptimizerSettings:
        """Returns the optimizer's settings; the first step counts as one of the warm-up."""
        return OptimizerSettings(
            learning_rate=self.learning_rate,
            warmup_steps=max(0, self.warmup - 1),
            schedule="nearer",
            **self.decay,
        )


def seconds_of(max_time: str | None) -> float | None:
    """Returns a limit in seconds.

    Raises:
        ConfigurationError: It is not written as days:hours:minutes:seconds, or it is nothing.
    """
    if max_time is None:
        return None
    match = _TIME.fullmatch(str(max_time))
    days, hours, minutes, seconds = (int(part) for part in match.groups()) if match else (0, 0, 0, 0)
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if total <= 0:
        raise ConfigurationError(
            f"expected max_time as days:hours:minutes:seconds, such as 00:00:30:00, or null, got {max_time!r}"
        )
    return float(total)
