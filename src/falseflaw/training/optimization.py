"""How fast the weights learn, when, and which of them decay."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from torch import nn

from falseflaw.errors import ConfigurationError


@dataclass(frozen=True)
class OptimizerSettings:
    """AdamW (Loshchilov and Hutter 2019) with linear warmup and cosine decay.

    Attributes:
        learning_rate: Peak, reached after the warmup.
        weight_decay: Of matrices and kernels; biases and normalization do not decay.
        beta1: Of AdamW.
        beta2: Of AdamW.
        warmup_steps: Optimizer steps of the linear warmup.
        final_fraction: Share of the peak that the cosine ends at, in [0, 1].
        schedule: `steps` follows the optimizer steps, `time` the elapsed share of `trainer.max_time`:
            then the same command gives other weights on a faster machine.
    """

    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    warmup_steps: int = 50
    final_fraction: float = 0.01
    schedule: str = "steps"

    def __post_init__(self) -> None:
        if not self.learning_rate > 0 or self.weight_decay < 0 or self.warmup_steps < 0:
            raise ConfigurationError(
                "expected learning_rate > 0, weight_decay >= 0 and warmup_steps >= 0, "
                f"got {self.learning_rate}, {self.weight_decay} and {self.warmup_steps}"
            )
        if not (0 <= self.beta1 < 1 and 0 <= self.beta2 < 1 and 0 <= self.final_fraction <= 1):
            raise ConfigurationError(
                "expected beta1 and beta2 in [0, 1) and final_fraction in [0, 1], "
                f"got {self.beta1}, {self.beta2} and {self.final_fraction}"
            )
        if self.schedule not in {"steps", "time"}:
            raise ConfigurationError(f"expected schedule as steps or time, got {self.schedule!r}")

    def factor(self, step: int, progress: float) -> float:
        """Returns the factor of the peak learning rate, in (0, 1].

        Args:
            step: Optimizer steps done.
            progress: Share of the whole training that is done; above 1 counts as 1.
        """
        warmup = min(1.0, (step + 1) / (self.warmup_steps + 1))
        cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
        return warmup * (self.final_fraction + (1 - self.final_fraction) * cosine)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Splits the trainable parameters into those that decay (two axes or more) and those that do not.

    The free weights of the high-pass filters do not decay either: their constraint, not their size, matters.
    """
    decayed: list[nn.Parameter] = []
    kept: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decays = parameter.ndim > 1 and not name.startswith("residual.")
            (decayed if decays else kept).append(parameter)
    return [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": kept, "weight_decay": 0.0},
    ]
