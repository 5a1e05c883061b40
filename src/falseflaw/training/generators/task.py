"""What the LightningModules of all generators have in common."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from torch import Tensor

from falseflaw.errors import ConfigurationError
from falseflaw.training.batches import ValidatedBatches
from falseflaw.training.optimization import OptimizerSettings, progress_of

_RECENT = 100
"""Steps that the reported training loss is the mean of."""


class Shared:
    """Holds what a module uses and does not learn: not copied with it, not averaged, not saved.

    Attributes:
        value: What it holds.
    """

    def __init__(self, value: Any) -> None:
        self.value = value

    def __deepcopy__(self, memo: dict[int, Any]) -> Shared:
        return self


class StageTask(pl.LightningModule):
    """Trains one network or several of a generator; what they learn is told by `loss`."""

    def __init__(self, settings: OptimizerSettings, fingerprint: str) -> None:
        """Notes how to learn.

        Args:
            settings: Of the optimizer.
            fingerprint: Names the recipe that checkpoints belong to.
        """
        super().__init__()
        self.settings = settings
        self.fingerprint = fingerprint
        self._recent: list[Tensor] = []

    @abstractmethod
    def loss(self, batch: Any) -> Tensor:
        """Returns the loss of a training batch; depends on weights and batch alone."""

    @abstractmethod
    def validation_loss(self, batch: Any) -> Tensor:
        """Returns the loss of a validation batch."""

    def training_step(self, batch: Any, batch_index: int) -> Tensor:
        """Returns the loss of a batch."""
        loss = self.loss(batch)
        if not torch.isfinite(loss):
            raise ConfigurationError(
                f"the loss became {loss.item()} at step {self.global_step}; lower learning_rate in the recipe"
            )
        self._recent = [*self._recent[1 - _RECENT :], loss.detach()]
        self.log("train/loss", loss.detach(), prog_bar=True, batch_size=1)
        return loss

    def validation_step(self, batch: Any, batch_index: int) -> None:
        """Logs the loss of a batch."""
        self.log("val/loss", self.validation_loss(batch), prog_bar=True, batch_size=1, sync_dist=True)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds whose checkpoint it is, and the recent losses."""
        checkpoint["fingerprint"] = self.fingerprint
        checkpoint["recent_losses"] = [float(loss) for loss in self._recent]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Takes the recent losses over."""
        self._recent = [torch.tensor(loss) for loss in checkpoint["recent_losses"]]

    def configure_optimizers(self) -> Any:
        """Returns AdamW and a schedule that is asked after every step."""
        settings = self.settings
        optimizer = torch.optim.AdamW(
            [weight for weight in self.parameters() if weight.requires_grad],
            lr=settings.learning_rate,
            betas=(settings.beta1, settings.beta2),
            weight_decay=settings.weight_decay,
            fused=self.trainer.precision == "32-true",  # with mixed precision it does not let gradients clip
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self._factor(step))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _factor(self, step: int) -> float:
        return self.settings.factor(step, progress_of(self.trainer, self.settings.schedule, step))


@torch.no_grad()
def mean_loss(task: StageTask, batches: ValidatedBatches) -> float:
    """Returns the mean loss of a module on its validation batches."""
    numbers = range(batches.validation_batches)
    return float(np.mean([float(task.validation_loss(batches.draw_validation(index))) for index in numbers]))
