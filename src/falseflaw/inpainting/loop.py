"""The loop in which denoisers and autoencoders learn: schedule, averaged weights, checkpoints, reports."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from falseflaw.inpainting.checkpoints import Checkpoints, Clock, Stateful


class Pace(Protocol):
    """How long and how fast modules learn; the recipes have these attributes."""

    @property
    def steps(self) -> int:
        """Most optimizer steps."""
        ...

    @property
    def minutes(self) -> float | None:
        """Most minutes over all resumed runs, or None for no limit but `steps`."""
        ...

    @property
    def learning_rate(self) -> float:
        """Learning rate of AdamW; falls to a tenth over the last two fifths."""
        ...

    @property
    def warmup(self) -> int:
        """Steps of linear warm-up."""
        ...

    @property
    def ema(self) -> float:
        """Decay of the averaged weights."""
        ...


class Average:
    """Exponential moving average of modules' weights."""

    def __init__(self, modules: Mapping[str, nn.Module], decay: float) -> None:
        self.modules = {
            name: copy.deepcopy(module).eval().requires_grad_(False) for name, module in modules.items()
        }
        self._decay = decay

    @torch.no_grad()
    def update(self, modules: Mapping[str, nn.Module], step: int) -> None:
        """Moves the average; early steps weigh more, so that the start is soon forgotten."""
        weight = 1 - min(self._decay, (1 + step) / (10 + step))
        for name, module in modules.items():
            averages: list[Tensor] = list(self.modules[name].parameters())
            weights: list[Tensor] = list(module.parameters())
            torch._foreach_lerp_(averages, weights, weight)

    def state_dict(self) -> dict[str, Any]:
        """Returns the averaged weights."""
        return {name: module.state_dict() for name, module in self.modules.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes averaged weights over."""
        for name, module in self.modules.items():
            module.load_state_dict(state[name])


class RecentLosses:
    """The last hundred losses, kept in the checkpoint so that their mean survives a resume."""

    def __init__(self) -> None:
        self._values: list[float] = []

    def add(self, value: float) -> None:
        """Appends a loss."""
        self._values = [*self._values[-99:], value]

    @property
    def mean(self) -> float:
        """Their mean; NaN before the first."""
        return float(np.mean(self._values)) if self._values else float("nan")

    def state_dict(self) -> dict[str, Any]:
        """Returns the losses."""
        return {"values": list(self._values)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes losses over."""
        self._values = [float(value) for value in state["values"]]


def _rate(progress: float, step: int, warmup: int) -> float:
    return min(1.0, (step + 1) / max(1, warmup)) * min(1.0, 0.1 + 0.9 * (1 - progress) / 0.4)


def learn(
    modules: Mapping[str, nn.Module],
    pace: Pace,
    loss_at: Callable[[int], Tensor],
    validate: Callable[[Mapping[str, nn.Module]], float],
    checkpoints: Checkpoints,
    report: Callable[[dict[str, float], Mapping[str, nn.Module]], None],
    name: str = "denoiser",
) -> dict[str, float]:
    """Trains modules in place, and leaves the averaged weights in them; goes on from the checkpoints.

    Args:
        modules: What learns, in training mode.
        pace: How long and how fast.
        loss_at: Returns the loss of a step; depends on weights and step alone.
        validate: Returns the loss of the modules it gets on validation data, the same at every call.
        checkpoints: Where the state is kept.
        report: Gets step, losses and the averaged modules at every checkpoint.
        name: What the progress bar says.

    Returns:
        step, seconds, loss, validation_loss.
    """
    average = Average(modules, pace.ema)
    parameters = [weight for module in modules.values() for weight in module.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=pace.learning_rate, weight_decay=0.01, fused=True)
    losses = RecentLosses()
    parts: dict[str, Stateful] = {**modules, "average": average, "optimizer": optimizer, "losses": losses}
    start = step = checkpoints.restore(parts)
    clock = Clock(checkpoints)
    limit = None if pace.minutes is None else 60 * pace.minutes

    def measure() -> dict[str, float]:
        return {"step": step, "loss": losses.mean, "validation_loss": validate(average.modules)}

    def record() -> None:
        checkpoints.save(step, clock.seconds, parts)
        report(measure(), average.modules)

    with checkpoints.bar(pace.steps, step, name) as bar:
        while step < pace.steps and (limit is None or clock.seconds < limit):
            progress = max(step / pace.steps, 0.0 if limit is None else clock.seconds / limit)
            for group in optimizer.param_groups:
                group["lr"] = pace.learning_rate * _rate(progress, step, pace.warmup)
            loss = loss_at(step)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            average.update(modules, step)
            losses.add(float(loss.detach()))
            step += 1
            bar.update()
            if step % 20 == 0:
                bar.set_postfix(loss=f"{losses.mean:.4f}", refresh=False)
            if checkpoints.due():
                record()
    if step > start:
        record()
    values = measure()
    for name, module in modules.items():
        module.load_state_dict(average.modules[name].state_dict())
        module.eval()
    return {**values, "seconds": checkpoints.seconds}
