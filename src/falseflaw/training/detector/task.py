"""The LightningModule: trains a detector, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from falseflaw.errors import ConfigurationError
from falseflaw.models.architectures import build_detector
from falseflaw.models.losses import DetectorLoss
from falseflaw.models.postprocess import to_heat_map_8bit
from falseflaw.training.detector.crops import EDITS
from falseflaw.training.detector.scoring import CropRecord, histograms, summarize
from falseflaw.training.optimization import OptimizerSettings, fix, parameter_groups, progress_of

Batch = dict[str, Any]
"""See `falseflaw.training.detector.data.collate`."""


class DetectorTask(pl.LightningModule):
    """Losses, optimizer and validation figures around a network of `models.architectures`.

    Takes primitive values only, so that a checkpoint loads without running code from it.
    """

    def __init__(
        self,
        detector: Mapping[str, Any],
        loss: Mapping[str, Any] | None = None,
        optimizer: Mapping[str, Any] | None = None,
    ) -> None:
        """Builds the detector and its loss.

        Args:
            detector: Arguments of `build_detector`.
            loss: Arguments of `DetectorLoss`.
            optimizer: Arguments of `OptimizerSettings`.

        Raises:
            ConfigurationError: An argument is unknown or out of its range.
        """
        super().__init__()
        detector, loss, optimizer = dict(detector), dict(loss or {}), dict(optimizer or {})
        self.save_hyperparameters({"detector": detector, "loss": loss, "optimizer": optimizer})
        try:
            self.detector = build_detector(detector).to(memory_format=torch.channels_last)
            self.loss = DetectorLoss(**loss)
            self.settings = OptimizerSettings(**optimizer)
        except TypeError as error:
            raise ConfigurationError(f"unknown or missing argument: {error}") from error
        fix(self.detector, self.settings.fixed)
        self.records: dict[int, CropRecord] = {}

    def forward(self, image: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Calls the detector."""
        logits: tuple[Tensor, Tensor] = self.detector(image, valid)
        return logits

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        """Returns the loss of a batch."""
        logit, mask_logit = self(batch["image"], batch["valid"])
        parts = self.loss(
            logit,
            mask_logit,
            batch["label"],
            batch["mask"],
            counted_pixels(batch),
            batch["pair"],
            batch["clean"],
        )
        if not torch.isfinite(parts["loss"]):
            raise ConfigurationError(
                f"the loss became {parts['loss'].item()} at step {self.global_step}; "
                "lower optimizer.learning_rate"
            )
        size = len(batch["label"])
        figures = {f"train/{name}": value.detach() for name, value in parts.items() if name != "loss"}
        self.log("train/loss", parts["loss"].detach(), prog_bar=True, batch_size=size)
        self.log_dict(figures, batch_size=size)
        loss: Tensor = parts["loss"]
        return loss

    def on_validation_epoch_start(self) -> None:
        """Forgets the last validation."""
        self.records = {}

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        """Notes what the detector says of each crop."""
        logit, mask_logit = self(batch["image"], batch["valid"])
        counted = counted_pixels(batch)
        parts = self.loss(logit, mask_logit, batch["label"], batch["mask"], counted)
        self.log("val/loss", parts["loss"], batch_size=len(logit), sync_dist=True)
        heat = to_heat_map_8bit(mask_logit)[:, 0].cpu().numpy()  # (B, H, W)
        mask = batch["mask"][:, 0].bool().cpu().numpy()
        valid = counted[:, 0].bool().cpu().numpy()
        for index, number in enumerate(batch["number"].tolist()):
            inside, outside = histograms(heat[index], mask[index], valid[index])
            self.records[number] = CropRecord(
                EDITS[int(batch["edit"][index])],
                int(batch["label"][index]),
                bool(batch["laundered"][index]),
                float(logit[index]),
                inside,
                outside,
                float(batch["scale"][index]),
                batch["writer"][index],
                bool(batch["camera_original"][index]),
            )

    def on_validation_epoch_end(self) -> None:
        """Logs the figures over the crops of all processes, each crop once."""
        records = self.records
        if self.trainer.world_size > 1:
            gathered: list[Any] = [None] * self.trainer.world_size
            torch.distributed.all_gather_object(gathered, records)
            records = {number: record for part in gathered for number, record in part.items()}
        shown = ("score", "auroc", "f1")
        for name, value in summarize(records).items():
            self.log(f"val/{name}", value, prog_bar=name in shown, sync_dist=True)
        self.records = {}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Adds the last validation's figures, so that a checkpoint says how good it was."""
        metrics = self.trainer.callback_metrics
        names = [name for name in sorted(metrics) if name.startswith("val/")]
        checkpoint["figures"] = {name: float(metrics[name]) for name in names}

    def configure_optimizers(self) -> Any:
        """Returns AdamW and a schedule that is asked after every step."""
        settings = self.settings
        optimizer = torch.optim.AdamW(
            parameter_groups(self.detector, settings.weight_decay),
            lr=settings.learning_rate,
            betas=(settings.beta1, settings.beta2),
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: self._factor(step))
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _factor(self, step: int) -> float:
        """Returns the factor of the learning rate after `step` optimizer steps."""
        return self.settings.factor(step, progress_of(self.trainer, self.settings.schedule, step))


def counted_pixels(batch: Batch) -> Tensor:
    """Returns the pixels that count, uint8 (B, 1, H, W): of the photo, and either altered or untouched."""
    counted: Tensor = batch["valid"] * (1 - batch["ignored"])
    return counted
