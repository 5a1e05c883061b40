"""The one way in which detectors and generators are fitted: callbacks, loggers, what is gone on from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback, LearningRateMonitor, TQDMProgressBar
from lightning.pytorch.loggers import WandbLogger

from falseflaw import stopping
from falseflaw.training.callbacks import AverageWeights, BestAndLast, FinalValidation
from falseflaw.training.interrupting import StopOnSignal
from falseflaw.training.loader_workers import worded
from falseflaw.training.ranks import build_trainer
from falseflaw.training.resuming import FollowSchedule


def fit(
    task: pl.LightningModule,
    data: pl.LightningDataModule,
    *,
    make_trainer: Callable[..., pl.Trainer],
    checkpoints: BestAndLast,
    checkpoint: Path | None = None,
    loggers: Sequence[Any] = (),
    run_dir: Path,
    ema_decay: float | None = None,
    callbacks: Sequence[Callback] = (),
    progress: bool = True,
    record: Callable[[], None] = lambda: None,
) -> pl.Trainer:
    """Fits a module, with the callbacks that every training has, and returns the trainer.

    Args:
        task: What learns.
        data: What from.
        make_trainer: Builds a trainer from `callbacks`, `logger` and other arguments.
        checkpoints: Where the state is kept.
        checkpoint: To go on from; None begins anew.
        loggers: Lightning loggers.
        run_dir: Default folder of the trainer.
        ema_decay: Decay of the moving average of weights; None for none.
        callbacks: More of them; they see the averaged weights in validation.
        progress: Whether to show a progress bar.
        record: Called once all is checked, before the first step.

    Raises:
        ConfigurationError: A value is out of its range, or this machine has no such device.
        KeyboardInterrupt: Ctrl+C or SIGTERM; `last.ckpt` holds the step that was finished last.
        WorkerLostError: A process that loads data was ended from outside.
    """
    used: list[Callback] = [FinalValidation(), FollowSchedule(), *callbacks]
    if progress:
        used.append(TQDMProgressBar(refresh_rate=5))
    if loggers:
        used.append(LearningRateMonitor(logging_interval="step"))
    if ema_decay is not None:
        used.append(AverageWeights(ema_decay))
    used.append(checkpoints)  # last, so that it saves what the others did at a step
    used.append(StopOnSignal(checkpoints))
    more = {} if progress else {"enable_progress_bar": False}
    trainer = build_trainer(
        make_trainer,
        callbacks=used,
        logger=list(loggers),
        enable_checkpointing=False,
        default_root_dir=run_dir,
        **more,
    )
    record()
    try:
        with stopping.deferred():
            trainer.fit(
                task,
                datamodule=data,
                ckpt_path=str(checkpoint) if checkpoint is not None else None,
                weights_only=True if checkpoint is not None else None,
            )
            if checkpoint is not None and checkpoints.wants_validation(trainer):
                trainer.validate(task, datamodule=data, verbose=False)
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
    return trainer
