"""Ways to train the same detector on the same crops, in turns, for the benchmark of training."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Protocol

import torch
from hydra.utils import instantiate
from lightning.pytorch.callbacks import Callback
from omegaconf import DictConfig

from falseflaw.cli.process.training_run import plain
from falseflaw.models.architectures import build_detector
from falseflaw.models.losses import DetectorLoss
from falseflaw.training.callbacks import BestAndLast
from falseflaw.training.detector.data import DetectorData
from falseflaw.training.detector.task import DetectorTask, counted_pixels
from falseflaw.training.fitting import fit
from falseflaw.training.loader_workers import PREFETCH
from falseflaw.training.optimization import OptimizerSettings, parameter_groups


@dataclass(frozen=True)
class Turn:
    """What some steps took.

    Attributes:
        seconds: Of the clock.
        waited: Seconds of them in which the loop waited for its next batch.
        crops: That it trained on.
    """

    seconds: float
    waited: float
    crops: int


class Way(Protocol):
    """Trains some steps whenever it is its turn."""

    def turn(self, steps: int) -> Turn:
        """Trains so many measured steps, after those that empty what workers made ready meanwhile."""


def endless_data(config: DictConfig, **changes: Any) -> DetectorData:
    """Returns the data of a training that never ends, set up, for loops without a trainer of Lightning's."""
    data: DetectorData = instantiate(config.data, **changes)
    place: Any = SimpleNamespace(max_steps=1_000_000, max_epochs=-1, accumulate_grad_batches=1)
    place.global_step, place.global_rank, place.world_size = 0, 0, 1
    data.trainer = place
    data.setup("fit")
    return data


class Timed:
    """A loader that notes how long its reader waited for the last batch."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader
        self.waited = 0.0

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        batches = iter(self.loader)
        while True:
            begin = time.perf_counter()
            try:
                batch = next(batches)
            except StopIteration:
                return
            self.waited = time.perf_counter() - begin
            yield batch


def unmeasured(workers: int) -> int:
    """Returns the first steps of a turn, which do not count: their batches were made in others' turns."""
    return 1 + PREFETCH * workers


class PlainLoop:
    """The loop of a tutorial: forward, loss, backward, clip, step; no average of weights and no logs."""

    def __init__(
        self,
        config: DictConfig,
        data: DetectorData,
        workers: int,
        *,
        channels_last: bool = True,
        compiled: bool = False,
        precision: torch.dtype = torch.float32,
        detector: Mapping[str, Any] | None = None,
    ) -> None:
        """Builds the net that `config` names, changed by `detector`, and begins the stream of crops.

        Args:
            config: Of `falseflaw train`.
            data: See `endless_data`; its workers are those of this loop only while it begins.
            workers: Loader processes.
            channels_last: Memory format of net and crops.
            compiled: Whether torch compiles the net, in the first turn.
            precision: bfloat16 for mixed precision.
            detector: Arguments of `build_detector` that differ.
        """
        self.format = torch.channels_last if channels_last else torch.contiguous_format
        self.precision, self.workers = precision, workers
        self.clip = config.trainer.gradient_clip_val
        torch.manual_seed(config.seed)
        net = build_detector({**plain(config.model), **(detector or {})}).to(memory_format=self.format)
        settings = OptimizerSettings(**plain(config.optimizer))
        self.parameters = list(net.parameters())
        self.optimizer = torch.optim.AdamW(
            parameter_groups(net, settings.weight_decay),
            lr=settings.learning_rate,
            betas=(settings.beta1, settings.beta2),
        )
        self.loss = DetectorLoss(**plain(config.loss))
        self.net: Callable[..., Any] = torch.compile(net) if compiled else net
        data.workers = workers
        self.timed = Timed(data.train_dataloader())
        self.batches = iter(self.timed)

    def turn(self, steps: int) -> Turn:
        """Trains, see `Way.turn`."""
        for _ in range(unmeasured(self.workers)):
            self._step(next(self.batches))
        begin, waited, crops = time.perf_counter(), 0.0, 0
        for _ in range(steps):
            batch = next(self.batches)
            waited += self.timed.waited
            crops += len(batch["label"])
            self._step(batch)
        return Turn(time.perf_counter() - begin, waited, crops)

    def _step(self, batch: Mapping[str, Any]) -> None:
        low = self.precision != torch.float32
        with torch.autocast("cpu", self.precision) if low else nullcontext():
            logit, mask_logit = self.net(batch["image"].contiguous(memory_format=self.format), batch["valid"])
            parts = self.loss(
                logit,
                mask_logit,
                batch["label"],
                batch["mask"],
                counted_pixels(dict(batch)),
                batch["pair"],
                batch["clean"],
            )
        self.optimizer.zero_grad(set_to_none=True)
        parts["loss"].backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.clip)
        self.optimizer.step()


class Reading:
    """Makes crops and learns nothing from them: what data work costs."""

    def __init__(self, config: DictConfig, shards: str | None) -> None:
        """Reads the dataset's folder, or its shards."""
        self.batches = iter(endless_data(config, shards=shards, workers=0).train_dataloader())

    def turn(self, steps: int) -> Turn:
        """Makes some batches, see `Way.turn`."""
        next(self.batches)
        begin = time.perf_counter()
        crops = sum(len(next(self.batches)["label"]) for _ in range(steps))
        seconds = time.perf_counter() - begin
        return Turn(seconds, seconds, crops)


class _Turns(Callback):
    """Measures Lightning's steps by turns, and lets the other ways train between them."""

    def __init__(
        self, timed: Callable[[], Timed], workers: int, steps: int, others: Callable[[], None]
    ) -> None:
        self.timed, self.workers, self.steps, self.others = timed, workers, steps, others
        self.turns: list[Turn] = []
        self._restart()

    def _restart(self) -> None:
        self.done, self.waited, self.crops, self.begin = -unmeasured(self.workers), 0.0, 0, 0.0

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, index: int) -> None:
        """Counts a step; a measured turn goes from the end of one step to the end of another."""
        self.done += 1
        if self.done > 0:
            self.waited += self.timed().waited
            self.crops += len(batch["label"])
        if self.done == self.steps:
            self.turns.append(Turn(time.perf_counter() - self.begin, self.waited, self.crops))
            self.others()
            self._restart()
        elif self.done == 0:
            self.begin = time.perf_counter()


class _TimedData(DetectorData):
    timed: Timed

    def train_dataloader(self) -> Any:
        self.timed = Timed(super().train_dataloader())
        return self.timed


def lightning_turns(
    config: DictConfig, folder: Path, steps: int, turns: int, others: Callable[[int], None]
) -> list[Turn]:
    """Trains as `falseflaw train` does, but without validation, and returns its turns.

    Everything else that a training does is there: average of weights, schedule, metrics.csv, callbacks, and
    the checkpoint, where a turn meets one.

    Args:
        config: Of `falseflaw train`.
        folder: Where the checkpoints and metrics go.
        steps: Measured steps of a turn.
        turns: How many.
        others: Called after each turn with its number; the clock stands still meanwhile.
    """
    from lightning.pytorch.loggers import CSVLogger

    arguments = {**config.data, "_target_": f"{__name__}._TimedData"}
    data: _TimedData = instantiate(arguments)
    every = steps + unmeasured(data.workers)
    turn = iter(range(turns))
    clock = _Turns(lambda: data.timed, data.workers, steps, lambda: others(next(turn)))
    options = {**config.trainer, "max_steps": turns * every, "max_time": None, "limit_val_batches": 0}
    options |= {"val_check_interval": None, "enable_progress_bar": False, "accelerator": "cpu"}
    task = DetectorTask(plain(config.model), plain(config.loss), plain(config.optimizer))
    fit(
        task,
        data,
        make_trainer=instantiate(options),
        checkpoints=BestAndLast(folder / "checkpoints", config.checkpoint_every, monitor=None),
        loggers=[CSVLogger(str(folder), name="", version="")],
        run_dir=folder,
        ema_decay=config.ema_decay,
        callbacks=[clock],
        progress=False,
    )
    return clock.turns
