"""What the training of a trial tells its sweep after every validation, and what it is told in return."""

from __future__ import annotations

import json
import os
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from falseflaw.errors import ConfigurationError
from falseflaw.sweeps.protocol import GO_ON, PIPES, PRUNE
from falseflaw.training.monitor import MONITOR


class ReportToSweep(Callback):
    """Reports the validation's score and ends the training in good order where the sweep prunes the trial.

    The sweep sits at the other end of two pipes: a training knows neither the study nor its storage, whose
    URL may hold a password. The score is that by which the best checkpoint is chosen.
    """

    def __init__(self) -> None:
        """Takes the pipes from the environment.

        Raises:
            ConfigurationError: No sweep has started this process.
        """
        if PIPES not in os.environ:
            raise ConfigurationError(
                "expected a training that a sweep started for ReportToSweep, got one of its own; "
                "leave callbacks.sweep out"
            )
        self._pipes = tuple(map(int, os.environ[PIPES].split(",")))

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Reports, and waits for the answer."""
        score = trainer.callback_metrics.get(MONITOR)
        if trainer.sanity_checking or score is None:
            return
        pruned = False
        if trainer.is_global_zero:
            pruned = _ask(self._pipes, {"step": trainer.global_step, "score": float(score)}) != GO_ON
        if trainer.strategy.broadcast(pruned):
            trainer.should_stop = True


def _ask(pipes: tuple[int, ...], report: dict[str, Any]) -> str:
    os.write(pipes[1], (json.dumps(report) + "\n").encode())
    answer = b""
    while not answer.endswith(b"\n"):
        part = os.read(pipes[0], 64)
        if not part:  # the sweep is gone
            return PRUNE
        answer += part
    return answer.decode().strip()
