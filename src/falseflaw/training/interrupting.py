"""Ends a training between two steps when a signal asks for it, with its state saved."""

from __future__ import annotations

from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from falseflaw import stopping
from falseflaw.training.callbacks import BestAndLast


class StopOnSignal(Callback):
    """Saves `last.ckpt` after the step in which a signal of `stopping` came, then raises KeyboardInterrupt.

    The next hook raises it: Lightning logs a step only after its `on_train_batch_end`. All processes of a
    training agree on that step: one that left alone would have the others wait for it.
    Comes after `BestAndLast`.
    """

    def __init__(self, checkpoints: BestAndLast) -> None:
        """Saves by way of `checkpoints`."""
        self._checkpoints = checkpoints
        self._step = 0
        self._stopping = False

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Takes SIGTERM back from Lightning, which tells one process at a time and saves nothing."""
        stopping.handle_signals()
        self._step = trainer.global_step

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Stops after an optimizer step; gradients that are still being summed are in no checkpoint."""
        before, self._step = self._step, trainer.global_step
        if trainer.global_step > before and _asked(trainer):
            self._checkpoints.save_last(trainer)
            self._stopping = True

    def on_train_batch_start(self, *_: Any) -> None:
        """Stops where the last step asked for it."""
        self._stop_if_saved()

    def on_train_epoch_end(self, *_: Any) -> None:
        """Stops where the last step asked for it."""
        self._stop_if_saved()

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Saves what a stop during the validation would lose."""
        self._stop_if_saved()
        if not trainer.sanity_checking:
            self._checkpoints.save_last(trainer)

    def on_validation_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Stops; the validation is made anew after a resume."""
        if _asked(trainer):
            raise KeyboardInterrupt

    def _stop_if_saved(self) -> None:
        if self._stopping:
            raise KeyboardInterrupt


def _asked(trainer: pl.Trainer) -> bool:
    asked = stopping.received() is not None
    if trainer.world_size > 1:
        return bool(trainer.strategy.reduce_boolean_decision(asked, all=False))
    return asked
