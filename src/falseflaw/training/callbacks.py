"""What happens beside the training steps: checkpoints of fixed names, averaged weights, a last validation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import Callback, WeightAveraging
from torch import Tensor

from falseflaw.errors import ConfigurationError
from falseflaw.training.monitor import MONITOR as MONITOR


class BestAndLast(Callback):
    """Keeps `last.ckpt` and, where there is a figure to choose by, `best.ckpt` up to date.

    A kill leaves the old or the new file, never a part: each is written beside its name and then renamed.
    Lightning's ModelCheckpoint may copy from the folder for temporary files, which is not atomic.
    """

    def __init__(self, folder: Path, every_steps: int, monitor: str | None = MONITOR) -> None:
        """Saves `last.ckpt` every `every_steps` optimizer steps, after each validation and at the end.

        Args:
            folder: Where to.
            every_steps: Optimizer steps between two writings.
            monitor: Validation figure that the best is chosen by, higher is better; None keeps no best.

        Raises:
            ConfigurationError: `every_steps` is below 1.
        """
        if every_steps < 1:
            raise ConfigurationError(f"expected checkpoint_every of at least 1, got {every_steps}")
        self.folder = folder
        self.every_steps = every_steps
        self.monitor = monitor
        self.best_score: float | None = None
        self.validated_at = -1
        self._saved_at = -1

    @property
    def last(self) -> Path:
        """The newest weights, with all that resuming needs."""
        return self.folder / "last.ckpt"

    @property
    def best(self) -> Path:
        """The weights of the best validation so far."""
        return self.folder / "best.ckpt"

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Saves `last.ckpt` when it is due or the training ends."""
        step = trainer.global_step
        if (step % self.every_steps == 0 or trainer.should_stop) and step != self._saved_at:
            self._save(trainer, self.last)

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Saves `best.ckpt` when the validation was the best one, and `last.ckpt`."""
        if trainer.sanity_checking:
            return
        if self.monitor is not None:
            score = trainer.callback_metrics.get(self.monitor)
            if score is None:
                return
            if self.best_score is None or float(score) > self.best_score:
                self.best_score = float(score)
                self._save(trainer, self.best)
        self.validated_at = trainer.global_step
        self._save(trainer, self.last)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Saves `last.ckpt` if its step is not the last one, and `best.ckpt` when no validation ever ran."""
        self.save_last(trainer)
        if self.best_score is None and self.monitor is not None:
            self._save(trainer, self.best)

    def wants_validation(self, trainer: pl.Trainer) -> bool:
        """Returns whether a training that has ended still lacks the validation of its last step.

        One that was stopped in that validation has no step left when it is gone on with. Lightning then
        leaves at once: the last weights would never be compared with the best.
        """
        return (
            self.monitor is not None
            and bool(trainer.limit_val_batches)
            and 0 < trainer.global_step != self.validated_at
        )

    def save_last(self, trainer: pl.Trainer) -> None:
        """Saves `last.ckpt` unless it is of this very step."""
        if trainer.global_step != self._saved_at:
            self._save(trainer, self.last)

    def state_dict(self) -> dict[str, Any]:
        """Returns what resuming needs."""
        return {"best_score": self.best_score, "validated_at": self.validated_at}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes on from the best score so far, if its checkpoint lies in this run's folder."""
        known = self.best.is_file()
        self.best_score = state_dict["best_score"] if known else None
        self.validated_at = state_dict.get("validated_at", -1) if known else -1

    def _save(self, trainer: pl.Trainer, path: Path) -> None:
        partial = path.with_name(f".{path.name}.partial")
        trainer.save_checkpoint(partial)
        if trainer.is_global_zero:
            partial.replace(path)
        if path == self.last:
            self._saved_at = trainer.global_step


class AverageWeights(WeightAveraging):
    """Exponential moving average of all weights, used for validation and in checkpoints.

    The decay grows with the number of updates n as (1 + n) / (10 + n) up to its value, so that short
    trainings are not averaged with their random beginning.
    """

    def __init__(self, decay: float) -> None:
        """Averages after each optimizer step.

        Raises:
            ConfigurationError: `decay` is not in (0, 1).
        """
        if not 0 < decay < 1:
            raise ConfigurationError(f"expected ema_decay in (0, 1), or null for none, got {decay}")

        def average(averaged: list[Tensor], current: list[Tensor], updates: Tensor | int) -> None:
            if not averaged[0].is_floating_point():  # counters and positions are no weights
                torch._foreach_copy_(averaged, current)
                return
            factor = min(decay, (1 + float(updates)) / (10 + float(updates)))
            torch._foreach_lerp_(averaged, current, 1 - factor)

        super().__init__(multi_avg_fn=average)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leaves the weights as they are: checkpoints hold the average, and what going on needs besides.

        Lightning would put the average in their place, and a checkpoint saved after that would go on from it.
        """


class FinalValidation(Callback):
    """Makes the last step be validated, whether or not it falls on the validation interval."""

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Asks for a stop at the last step: Lightning validates before a requested stop."""
        if 0 < trainer.max_steps <= trainer.global_step:
            trainer.should_stop = True
