"""Runs the stages of a recipe in turn: each is fitted, or gone on with, in a folder of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, Timer
from lightning.pytorch.utilities import rank_zero_only

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.imaging.codec import write_atomic
from falseflaw.training.batches import ValidatedBatches
from falseflaw.training.callbacks import BestAndLast
from falseflaw.training.changes import MAY_CHANGE as ANY_MAY_CHANGE
from falseflaw.training.changes import Change
from falseflaw.training.fitting import fit
from falseflaw.training.generators.stage_recipe import StageRecipe, seconds_of
from falseflaw.training.generators.task import StageTask
from falseflaw.training.ranks import build_trainer
from falseflaw.training.recording import earlier_metrics, keep_metrics
from falseflaw.training.resuming import changes_since, find_resume, in_use

MAY_CHANGE = (
    *ANY_MAY_CHANGE,
    *("cache", "threads", "workers", "batch_workers", "progress", "photos.folder"),
    *("recipe.denoiser.max_steps", "recipe.denoiser.max_time", "recipe.denoiser.compile"),
    *("recipe.learning.max_steps", "recipe.learning.max_time"),
    *("recipe.sheet_seconds", "recipe.sampling_steps", "recipe.guidance", "recipe.start"),
)
"""Keys that may have other values when a training goes on. What decides on the weights is in the fingerprint
of checkpoints besides, such as the photos and the weights that `recipe.start` names."""

_PARTS = frozenset({"fingerprint", "state_dict", "optimizer_states", "global_step", "recent_losses"})


@dataclass(frozen=True)
class Learnt:
    """What a stage came to.

    Attributes:
        step: Optimizer steps done in all.
        seconds: Of training in all.
        loss: Mean of the last training losses.
    """

    step: int
    seconds: float
    loss: float


@dataclass(frozen=True, kw_only=True)
class Stages:
    """Runs the stages of a training, each in a folder of its own below the run's.

    Attributes:
        run_dir: The run's folder.
        make_trainer: Builds a trainer, see `fitting.fit`.
        make_loggers: Returns the loggers of a stage whose folder it gets.
        checkpoint_every: Optimizer steps between two writings of a checkpoint.
        resume: `auto` goes on with what `run_dir` holds, a folder with what another run left in it; None
            begins anew.
        max_steps: Most optimizer steps of any stage, whatever its recipe says; below 0 for no such limit.
        max_time: Most time of any stage, likewise.
        workers: Processes that draw batches; 0 draws in the one that trains.
        progress: Whether to show progress bars.
    """

    run_dir: Path
    make_trainer: Callable[..., pl.Trainer]
    make_loggers: Callable[[Path], Sequence[Any]] = field(default=lambda folder: ())
    checkpoint_every: int = 100
    resume: str | Path | None = "auto"
    max_steps: int = -1
    max_time: str | None = None
    workers: int = 0
    progress: bool = True

    def check(self, config: Mapping[str, Any] | None = None) -> list[Change]:
        """Checks that the run can begin, or go on as it is told to, before anything is written.

        Args:
            config: Resolved, of plain types, to compare with that of the start before.

        Returns:
            What differs from that, and may differ.

        Raises:
            ConfigurationError: It shall begin where a training lies, or go on with other values.
            MissingDataError: It shall go on from where none lies.
        """
        other = self._other_run()
        if other is not None and not _checkpoints_in(other):
            raise MissingDataError(
                f"expected the folder of a training at {other}, found none; correct resume"
            )
        begins = self.resume is None or other is not None
        if begins and self.speaks and _checkpoints_in(self.run_dir):  # another process would see this one's
            raise in_use(self.run_dir)
        before = other or self.run_dir
        if config is None or not _checkpoints_in(before):
            return []
        return changes_since(before, config, MAY_CHANGE)

    def take_over(self, fingerprint: str) -> None:
        """Copies what another run left into this one's folder, if that is what to go on with.

        Raises:
            InvalidDataError: It is broken, or belongs to another recipe.
        """
        other = self._other_run()
        if other is None or not self.speaks:
            return
        found = _checkpoints_in(other)
        for path in found:
            _check_fingerprint(path, _load(path), fingerprint, whole=False)
        for path in found:
            folder = self.run_dir / path.parent.parent.name
            for name in ("metrics.csv", "checkpoints/last.ckpt"):
                if (path.parent.parent / name).is_file():
                    write_atomic(folder / name, (path.parent.parent / name).read_bytes())

    def position(self) -> tuple[Path | None, int]:
        """Returns the checkpoint that was written last and its step; None and 0 at a beginning."""
        found = _checkpoints_in(self._other_run() or self.run_dir)
        if self.resume is None or not found:
            return None, 0
        newest = max(found, key=lambda path: path.stat().st_mtime)
        return newest, int(_load(newest)["global_step"])

    def fit(
        self,
        name: str,
        task: StageTask,
        batches: ValidatedBatches,
        recipe: StageRecipe,
        callbacks: Sequence[Callback] = (),
    ) -> Learnt:
        """Trains a stage, or goes on with it, and leaves the weights to be saved in it, on its device.

        Args:
            name: Of its folder.
            task: What learns.
            batches: What from.
            recipe: How long.
            callbacks: More than those of every training.

        Raises:
            InvalidDataError: The checkpoint to go on from is broken, or belongs to another recipe.
        """
        folder = self.run_dir / name
        checkpoints = BestAndLast(folder / "checkpoints", self.checkpoint_every, monitor=None)
        limits = [limit for limit in (self.max_time, recipe.max_time) if limit is not None]
        max_time = min(limits, key=lambda limit: seconds_of(limit) or 0.0, default=None)
        max_steps = recipe.max_steps if self.max_steps < 0 else min(self.max_steps, recipe.max_steps)
        checkpoint = find_resume("auto", folder / "checkpoints")
        done = None
        if checkpoint is not None:
            done = _load(checkpoint)
            _check_fingerprint(checkpoint, done, task.fingerprint)
        timer = [] if max_time is not None else [Timer(verbose=False)]  # counts the seconds either way

        def make_trainer(**given: Any) -> pl.Trainer:
            return self.make_trainer(max_steps=max_steps, max_time=max_time, **given)

        if done is None or not _finished(done, max_steps, seconds_of(max_time)):
            loggers = self.make_loggers(folder)
            if done is not None:
                keep_metrics(loggers, earlier_metrics(folder, int(done["global_step"])))
            trainer = fit(
                task,
                batches,
                make_trainer=make_trainer,
                checkpoints=checkpoints,
                checkpoint=checkpoint,
                loggers=loggers,
                run_dir=folder,
                ema_decay=recipe.ema or None,
                callbacks=[*timer, *callbacks],
                progress=self.progress,
            )
            if trainer.world_size > 1:  # Lightning takes it away, but the next stage has the same processes
                os.environ["WORLD_SIZE"] = str(trainer.world_size)
            done = _load(checkpoints.last)
        else:
            trainer = build_trainer(make_trainer, logger=False, enable_checkpointing=False)
        task.load_state_dict(done["state_dict"])
        task.to(trainer.strategy.root_device).eval()
        recent = done["recent_losses"]
        return Learnt(
            int(done["global_step"]), _elapsed(done), float(np.mean(recent)) if recent else float("nan")
        )

    @property
    def speaks(self) -> bool:
        """Whether this process is the one of several that writes results."""
        return int(getattr(rank_zero_only, "rank", 0) or 0) == 0

    def _other_run(self) -> Path | None:
        if self.resume is None or str(self.resume) == "auto":
            return None
        other = Path(str(self.resume)).expanduser()
        return None if other.resolve() == self.run_dir.resolve() else other


def _checkpoints_in(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/checkpoints/last.ckpt"))


def _load(path: Path) -> dict[str, Any]:
    """Reads a checkpoint of a stage."""
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if missing := _PARTS - set(content):
            raise KeyError(f"it holds no {min(missing)}")
    except Exception as error:  # torch raises many kinds: zip, pickle and key errors
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InvalidDataError(
            f"cannot resume from {path}: {reason[:120]}; delete it to start over"
        ) from error
    return content


def _check_fingerprint(path: Path, content: Mapping[str, Any], fingerprint: str, whole: bool = True) -> None:
    """Checks that a checkpoint is of this recipe; unless `whole`, of whatever stage of it."""
    found = str(content["fingerprint"])
    if found != fingerprint and (whole or not found.startswith(fingerprint)):
        raise InvalidDataError(
            f"expected a checkpoint of this recipe in {path}, found one of another; "
            "name another run_dir or delete this one"
        )


def _finished(checkpoint: dict[str, Any], max_steps: int, seconds: float | None) -> bool:
    return checkpoint["global_step"] >= max_steps or (seconds is not None and _elapsed(checkpoint) >= seconds)


def _elapsed(checkpoint: dict[str, Any]) -> float:
    return float(checkpoint["callbacks"]["Timer"]["time_elapsed"]["train"])
