"""One training: seed, build, fit, record."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback

from falseflaw.errors import InvalidDataError
from falseflaw.models.checkpoint import PREFIX, check_tensors, read_checkpoint
from falseflaw.training.callbacks import BestAndLast
from falseflaw.training.detector.starting import begin_with
from falseflaw.training.detector.task import DetectorTask
from falseflaw.training.fitting import fit
from falseflaw.training.recording import earlier_metrics, keep_metrics
from falseflaw.training.resuming import check_hyperparameters, find_resume

_SETTLING = 8
"""Batches that the normalizations of a bundle's weights get their statistics from."""


@dataclass(frozen=True)
class TrainingResult:
    """What a training came to.

    Attributes:
        best: Checkpoint of the best validation.
        last: Checkpoint of the last step.
        figures: Validation figures of the best checkpoint, by name; empty if none was computed.
        steps: Optimizer steps done in all.
        seconds: Wall time of the fit.
    """

    best: Path
    last: Path
    figures: Mapping[str, float]
    steps: int
    seconds: float


def train(
    *,
    detector: Mapping[str, Any],
    loss: Mapping[str, Any],
    optimizer: Mapping[str, Any],
    data: pl.LightningDataModule,
    make_trainer: Callable[..., pl.Trainer],
    loggers: Sequence[Any] = (),
    run_dir: Path,
    seed: int = 0,
    ema_decay: float | None = None,
    checkpoint_every: int = 50,
    resume: str | Path | None = None,
    start: str | Path | None = None,
    start_partly: bool = False,
    callbacks: Sequence[Callback] = (),
    record: Callable[[int], None] = lambda step: None,
) -> TrainingResult:
    """Trains a detector and leaves its checkpoints in `run_dir/checkpoints`.

    Args:
        detector: Arguments of `build_detector`.
        loss: Arguments of `DetectorLoss`.
        optimizer: Arguments of `OptimizerSettings`.
        data: What to train on.
        make_trainer: Builds a trainer from `callbacks`, `logger` and `default_root_dir`.
        loggers: Lightning loggers.
        run_dir: The run's folder.
        seed: Of the weights; the data module has its own.
        ema_decay: Decay of the moving average of weights; None for none.
        checkpoint_every: Optimizer steps between two writings of `last.ckpt`.
        resume: A checkpoint or a run's folder to go on from; `auto` for this run's own `last.ckpt`, if
            there is one (what a requeued job wants); None to begin anew.
        start: Weights to begin with where no checkpoint is gone on with, see `starting.find_start`; None for
            those that `detector` names.
        start_partly: Take of `start` what fits by name and shape; see `starting.begin_with`.
        callbacks: More of them; they see the averaged weights in validation.
        record: Called once all is checked, before the first step, with the step to go on from.

    Raises:
        ConfigurationError: A value is out of its range, another one than in the training that goes on, or the
            folder holds a training already.
        KeyboardInterrupt: Ctrl+C or SIGTERM; `last.ckpt` holds the step that was finished last.
        WorkerLostError: A process that loads data was ended from outside.
        MissingDataError: The dataset or the checkpoint is not there.
        InvalidDataError: It is there, but is not one, or the checkpoint is of another architecture.
    """
    folder = run_dir / "checkpoints"
    checkpoint = find_resume(resume, folder)
    pl.seed_everything(seed, workers=True, verbose=False)
    data.setup("fit")  # before the network is built: a missing dataset should show at once
    replaced = checkpoint or (None if start_partly else start)
    task = DetectorTask(_without_download(detector, replaced), loss, optimizer)
    step = 0
    if checkpoint is not None:
        step = _check_resume(task, checkpoint)
        keep_metrics(loggers, earlier_metrics(run_dir, step))
    elif start is not None:
        begin_with(task.detector, start, islice(data.train_dataloader(), _SETTLING), start_partly)
    checkpoints = BestAndLast(folder, checkpoint_every)
    started = time.monotonic()
    trainer = fit(
        task,
        data,
        make_trainer=make_trainer,
        checkpoints=checkpoints,
        checkpoint=checkpoint,
        loggers=loggers,
        run_dir=run_dir,
        ema_decay=ema_decay,
        callbacks=callbacks,
        record=lambda: record(step),
    )
    seconds = time.monotonic() - started
    figures = read_checkpoint(checkpoints.best).get("figures", {}) if checkpoints.best.is_file() else {}
    return TrainingResult(checkpoints.best, checkpoints.last, figures, trainer.global_step, seconds)


def _without_download(detector: Mapping[str, Any], weights: str | Path | None) -> dict[str, Any]:
    """Returns the detector's arguments; other weights replace pretrained ones anyway."""
    return {**detector} if weights is None else {**detector, "pretrained": "none"}


def _check_resume(task: DetectorTask, checkpoint: Path) -> int:
    """Checks that a checkpoint fits the task and can be resumed; returns its step."""
    content = read_checkpoint(checkpoint)
    if "optimizer_states" not in content or "global_step" not in content:
        raise InvalidDataError(
            f"expected a checkpoint with the state of its optimizer at {checkpoint}, got weights alone"
        )
    state = content["state_dict"]
    tensors = {key.removeprefix(PREFIX): state[key] for key in state if key.startswith(PREFIX)}
    check_tensors(task.detector, tensors, str(checkpoint))
    check_hyperparameters(content["hyper_parameters"], dict(task.hparams))
    return int(content["global_step"])
