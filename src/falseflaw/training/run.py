"""One training: seed, build, fit, record."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, TQDMProgressBar
from lightning.pytorch.loggers import WandbLogger

from falseflaw import stopping
from falseflaw.errors import InvalidDataError
from falseflaw.models.checkpoint import PREFIX, check_tensors, read_checkpoint
from falseflaw.training.callbacks import AverageWeights, Checkpoints, FinalValidation
from falseflaw.training.detector.task import DetectorTask
from falseflaw.training.interrupting import StopOnSignal
from falseflaw.training.loader_workers import worded
from falseflaw.training.ranks import build_trainer
from falseflaw.training.recording import earlier_metrics, keep_metrics
from falseflaw.training.resuming import FollowSchedule, check_hyperparameters, find_resume


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
    record: Callable[[int], None] = lambda step: None,
) -> TrainingResult:
    """Trains a detector and leaves its checkpoints in `run_dir/checkpoints`.

    Args:
        detector: Arguments of `Detector`.
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
        record: Called once all is checked, before the first step, with the step to go on from.

    Raises:
        ConfigurationError: A value is out of its range, another one than in the training that goes on, or the
            folder holds a training already.
        KeyboardInterrupt: Ctrl+C or SIGTERM; `last.ckpt` holds the step that was finished last.
        WorkerLostError: A process that loads data was ended from outside.
        MissingDataError: The dataset or the checkpoint is not there.
        InvalidDataError: It is there, but is not one, or the checkpoint is of another architecture.
    """
    _quieten()
    folder = run_dir / "checkpoints"
    checkpoint = find_resume(resume, folder)
    pl.seed_everything(seed, workers=True, verbose=False)
    data.setup("fit")  # before the network is built: a missing dataset should show at once
    task = DetectorTask(_without_download(detector, checkpoint), loss, optimizer)
    step = 0
    if checkpoint is not None:
        step = _check_resume(task, checkpoint)
        keep_metrics(loggers, earlier_metrics(run_dir, step))
    checkpoints = Checkpoints(folder, checkpoint_every)
    callbacks: list[Callback] = [FinalValidation(), FollowSchedule(), TQDMProgressBar(refresh_rate=5)]
    if loggers:
        callbacks.append(LearningRateMonitor(logging_interval="step"))
    if ema_decay is not None:
        callbacks.append(AverageWeights(ema_decay))
    callbacks.append(checkpoints)  # last, so that it saves what the others did at a step
    callbacks.append(StopOnSignal(checkpoints))
    trainer = build_trainer(
        make_trainer,
        callbacks=callbacks,
        logger=list(loggers),
        enable_checkpointing=False,
        default_root_dir=run_dir,
    )
    record(step)
    started = time.monotonic()
    try:
        with stopping.deferred():
            trainer.fit(
                task,
                datamodule=data,
                ckpt_path=str(checkpoint) if checkpoint is not None else None,
                weights_only=True if checkpoint is not None else None,
            )
    except SystemExit as stopped:  # Lightning's answer to Ctrl+C, after it has put all away
        if not trainer.interrupted:
            raise
        raise KeyboardInterrupt from stopped
    except Exception as error:
        if (told := worded(error)) is None:
            raise
        raise told from error
    finally:
        for logger in loggers:
            if isinstance(logger, WandbLogger):
                logger.experiment.finish()  # else the next job of a sweep would write into this one
    seconds = time.monotonic() - started
    figures = read_checkpoint(checkpoints.best).get("figures", {}) if checkpoints.best.is_file() else {}
    return TrainingResult(checkpoints.best, checkpoints.last, figures, trainer.global_step, seconds)


def _without_download(detector: Mapping[str, Any], checkpoint: Path | None) -> dict[str, Any]:
    """Returns the detector's arguments; the weights of a checkpoint replace pretrained ones anyway."""
    return {**detector} if checkpoint is None else {**detector, "pretrained": "none"}


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


def _quieten() -> None:
    """Silences Lightning's hints and banners; its warnings about this code's deliberate choices too."""
    for name in ("lightning.pytorch", "lightning.fabric", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for message in (
        r".*does not have many workers.*",
        r".*logs directory .* exists and is not empty.*",
        r".*Checkpoint directory .* exists and is not empty.*",
        r".*is smaller than the logging interval.*",
        r".*You're resuming from a checkpoint that ended before the epoch ended.*",
        r".*is deprecated.*",
    ):
        warnings.filterwarnings("ignore", message=message)
