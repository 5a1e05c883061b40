"""A whole training on stand-ins; as a script it is what the kill test kills."""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.loggers import CSVLogger
from tests.inpainting.tiny import TINY
from tests.stand_ins import OneCamera, SquarePainter, StandInPhotos, whole_photo

from falseflaw.training.callbacks import BestAndLast
from falseflaw.training.generators.latent.autoencoder import AutoencoderRecipe
from falseflaw.training.generators.latent.recipe import LatentRecipe
from falseflaw.training.generators.latent.task import DenoiserRecipe
from falseflaw.training.generators.recipe import TrainingRecipe
from falseflaw.training.generators.run import train_inpainter
from falseflaw.training.generators.stages import Stages
from falseflaw.types import Fold

TRAINER = {
    "accelerator": "cpu",
    "devices": 1,
    "max_epochs": -1,
    "val_check_interval": 4,
    "check_val_every_n_epoch": None,
    "num_sanity_val_steps": 0,
    "gradient_clip_val": 1.0,
    "log_every_n_steps": 1,
    "use_distributed_sampler": False,
    "enable_model_summary": False,
}

RECIPE = LatentRecipe(
    sizes=TINY,
    autoencoder=AutoencoderRecipe(
        max_steps=12, max_time=None, batch=4, crop=16, learning_rate=2e-3, warmup=2, settle_steps=3
    ),
    denoiser=DenoiserRecipe(
        max_steps=12,
        max_time=None,
        batch=4,
        crop=32,
        learning_rate=1e-3,
        warmup=2,
        ema=0.9,
        mask_weight=4.0,
        empty_prompts=0.1,
        clean=0.2,
    ),
    windows=12,
    validation_windows=9,
    window=48,
    held_out=0.2,
    sheet_seconds=1e9,
    sampling_steps=2,
    guidance=2.0,
)


def trainer(**given: Any) -> pl.Trainer:
    return pl.Trainer(**{**TRAINER, **given})


def csv_loggers(folder: Path) -> list[CSVLogger]:
    return [CSVLogger(str(folder), name="", version="", flush_logs_every_n_steps=1)]


def train(
    output: Path,
    recipe: TrainingRecipe = RECIPE,
    source: StandInPhotos | None = None,
    seed: int = 3,
    settings: dict[str, object] | None = None,
    **changes: Any,
) -> Path:
    """Trains on stand-ins; more keywords override those of `Stages`."""
    torch.set_num_threads(1)
    source = source or StandInPhotos()
    folds = {
        photo.photo_id: Fold.TRAIN if photo.contributor == "person-05" else Fold.INPAINTER
        for photo in source.photos()
    }
    how: dict[str, Any] = {
        "make_trainer": trainer,
        "make_loggers": csv_loggers,
        "checkpoint_every": 1,
        "progress": False,
    }
    return train_inpainter(
        source=source,
        folds=folds,
        split={"seed": 1, "fractions": {"inpainter": 0.3}},
        camera=OneCamera(),
        engine=SquarePainter(),
        masker=whole_photo,
        masks=output / "masks",
        recipe=recipe,
        stages=Stages(run_dir=output, **{**how, **changes}),
        seed=seed,
        settings=settings,
    )


def rows_of(folder: Path) -> list[dict[str, str]]:
    """Returns what a stage logged."""
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def stopping_at(stage: str, step: int) -> Callable[..., None]:
    """Returns a hook for `BestAndLast.on_train_batch_end` that stops as Ctrl+C does, once saved."""
    real = BestAndLast.on_train_batch_end

    def stop(self: BestAndLast, trainer: pl.Trainer, *arguments: Any) -> None:
        real(self, trainer, *arguments)
        if self.folder.parent.name == stage and trainer.global_step == step:
            raise KeyboardInterrupt

    return stop


def longer(recipe: LatentRecipe, steps: int) -> LatentRecipe:
    return replace(recipe, denoiser=replace(recipe.denoiser, max_steps=steps))


if __name__ == "__main__":
    train(Path(sys.argv[1]), longer(RECIPE, int(sys.argv[2])))
