"""A training's time by the processor, where trainings are to be equal whatever else the machine does."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Timer
from lightning.pytorch.trainer.states import RunningStage

from falseflaw.errors import ConfigurationError


class ProcessorTimer(Timer):
    """Ends a training, and steers its schedule, by the time of all threads of this process.

    What else runs on the machine then costs a training nothing. Loader processes are not counted, and neither
    is what a GPU does. The time of validations counts, as it does with `trainer.max_time`.
    """

    def __init__(self, minutes: float) -> None:
        """Ends a training after so much time.

        Args:
            minutes: Of one core; two that are busy use two a minute. All resumed parts count together.

        Raises:
            ConfigurationError: Not above 0.
        """
        if not minutes > 0:
            raise ConfigurationError(f"expected minutes of training above 0, got {minutes:g}")
        super().__init__(timedelta(minutes=minutes), interval="step", verbose=False)
        self._begun: float | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Begins to count."""
        super().on_train_start(trainer, pl_module)
        self._begun = time.process_time()

    def time_elapsed(self, stage: str = RunningStage.TRAINING) -> float:
        """Returns the processor's seconds since then, and those of earlier parts of the training."""
        earlier: Any = self._offset if stage == RunningStage.TRAINING else 0.0
        return float(earlier) + (0.0 if self._begun is None else time.process_time() - self._begun)
