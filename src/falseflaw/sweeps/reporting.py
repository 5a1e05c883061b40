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
                "leave callbacks.report out"
            )
        self._validated = 0
        self._resumed = self._missed = False
        self._pipes = tuple(map(int, os.environ[PIPES].split(",")))

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Ends a training that goes on from a step whose validation was broken off: it would be left out."""
        self._tell_if_missed(trainer)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Reports, and waits for the answer."""
        score = trainer.callback_metrics.get(MONITOR)
        if trainer.sanity_checking or score is None:
            return
        self._validated = trainer.global_step
        self._report(trainer, {"step": trainer.global_step, "score": float(score)})

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Tells of a last validation that was broken off: then nothing was left to train."""
        self._tell_if_missed(trainer)

    def state_dict(self) -> dict[str, Any]:
        """Returns what tells after a resume whether the step's validation was done."""
        return {"validated": self._validated}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from there."""
        self._resumed, self._validated = True, int(state_dict["validated"])

    def _tell_if_missed(self, trainer: pl.Trainer) -> None:
        step = trainer.global_step
        if self._resumed and not self._missed and self._validated != step and _is_validated(trainer):
            self._missed = True
            self._report(trainer, {"step": step, "score": None})

    def _report(self, trainer: pl.Trainer, report: dict[str, Any]) -> None:
        ending = False
        if trainer.is_global_zero:
            ending = _ask(self._pipes, report) != GO_ON
        if trainer.strategy.broadcast(ending):
            trainer.should_stop = True


def _is_validated(trainer: pl.Trainer) -> bool:
    """Returns whether a validation belongs to the step at hand: those of an interval, and the last one."""
    step, every = trainer.global_step, trainer.val_check_batch
    due = False
    if trainer.check_val_every_n_epoch is None and isinstance(every, int):  # else it is infinite or by time
        due = step * trainer.accumulate_grad_batches % every == 0
    return due or 0 < trainer.max_steps <= step


def _ask(pipes: tuple[int, ...], report: dict[str, Any]) -> str:
    os.write(pipes[1], (json.dumps(report) + "\n").encode())
    answer = b""
    while not answer.endswith(b"\n"):
        part = os.read(pipes[0], 64)
        if not part:  # the sweep is gone
            return PRUNE
        answer += part
    return answer.decode().strip()
