"""How fast the weights learn, when, and which of them decay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Timer
from torch import nn

from falseflaw.errors import ConfigurationError


@dataclass(frozen=True)
class OptimizerSettings:
    """AdamW (Loshchilov and Hutter 2019) with linear warmup and a decay.

    Attributes:
        learning_rate: Peak, reached after the warmup.
        weight_decay: Of matrices and kernels; biases and normalization do not decay.
        beta1: Of AdamW.
        beta2: Of AdamW.
        warmup_steps: Optimizer steps of the linear warmup.
        final_fraction: Share of the peak that the decay ends at, in [0, 1].
        schedule: `steps` follows the optimizer steps, `time` the elapsed share of `trainer.max_time`,
            `nearer` whichever of the two is nearer its end. By time, the same command gives other weights on
            a faster machine.
        decay: `cosine` or `linear`.
        decay_from: Share of the training, in [0, 1), at which the decay begins.
        fixed: Parts of the network that do not learn, such as `head`: what was fitted on whole photos
            should not be taught crops.
    """

    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    beta1: float = 0.9
    beta2: float = 0.999
    warmup_steps: int = 50
    final_fraction: float = 0.01
    schedule: str = "steps"
    decay: str = "cosine"
    decay_from: float = 0.0
    fixed: Sequence[str] = ()

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
        if self.schedule not in {"steps", "time", "nearer"}:
            raise ConfigurationError(f"expected schedule as steps, time or nearer, got {self.schedule!r}")
        if self.decay not in {"cosine", "linear"} or not 0 <= self.decay_from < 1:
            raise ConfigurationError(
                "expected decay as cosine or linear and decay_from in [0, 1), "
                f"got {self.decay!r} and {self.decay_from}"
            )

    def factor(self, step: int, progress: float) -> float:
        """Returns the factor of the peak learning rate, in (0, 1].

        Args:
            step: Optimizer steps done.
            progress: Share of the whole training that is done; above 1 counts as 1.
        """
        warmup = min(1.0, (step + 1) / (self.warmup_steps + 1))
        done, span = min(1.0, progress), 1 - self.decay_from
        if self.decay == "linear":
            left = (1 - self.final_fraction) * (1 - done) / span
            return warmup * min(1.0, self.final_fraction + left)
        cosine = 0.5 * (1 + math.cos(math.pi * max(0.0, (done - self.decay_from) / span)))
        return warmup * (self.final_fraction + (1 - self.final_fraction) * cosine)


def progress_of(trainer: pl.Trainer, schedule: str, step: int) -> float:
    """Returns the share of a training that is done after `step` optimizer steps, as a schedule counts it.

    Time counts over all resumed parts of a training.

    Args:
        trainer: Who trains.
        schedule: See `OptimizerSettings`.
        step: Optimizer steps done.

    Raises:
        ConfigurationError: The trainer has no limit of the kind that the schedule follows.
    """
    total = float(trainer.estimated_stepping_batches) if schedule != "time" else math.inf
    callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]
    timer = next((callback for callback in callbacks if isinstance(callback, Timer)), None)
    limit = timer._duration if timer is not None and schedule != "steps" else None
    if schedule == "steps" and not math.isfinite(total):
        raise ConfigurationError("expected trainer.max_steps or max_epochs with optimizer.schedule=steps")
    if schedule == "time" and limit is None:
        raise ConfigurationError("expected trainer.max_time with optimizer.schedule=time")
    by_time = 0.0 if timer is None or limit is None else timer.time_elapsed() / limit
    return max(step / max(1.0, total), by_time)


def fix(model: nn.Module, parts: Sequence[str]) -> None:
    """Keeps the parameters of a model's parts as they are.

    Raises:
        ConfigurationError: It has no such part.
    """
    known = dict(model.named_children())
    for part in parts:
        if part not in known:
            raise ConfigurationError(
                f"expected optimizer.fixed as parts of the network ({', '.join(known)}), got {part!r}"
            )
        known[part].requires_grad_(False)


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
