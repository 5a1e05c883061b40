"""Trains a backbone for so many minutes of the processor, for the benchmark of training."""

from __future__ import annotations

import json
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from lightning.pytorch.callbacks import Timer
from omegaconf import DictConfig

from falseflaw.cli.process.training_run import plain
from falseflaw.imaging.codec import write_atomic
from falseflaw.models.architectures import build_detector
from falseflaw.training.detector.run import train


class ProcessorTimer(Timer):
    """Ends a training, and steers its schedule, by the time of all threads of this process.

    What else runs on the machine then costs a training nothing.
    """

    begun = 0.0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begins to count."""
        super().on_train_start(trainer, pl_module)
        self.begun = time.process_time()

    def time_elapsed(self, stage: str = "train") -> float:
        """Returns the processor's seconds since then."""
        return time.process_time() - self.begun if self.begun else 0.0


def train_equally(config: DictConfig, backbone: str, minutes: float, output: Path) -> dict[str, Any]:
    """Trains a backbone from random weights, unless that was done, and returns what came of it.

    Args:
        config: Of `falseflaw train`.
        backbone: Of timm.
        minutes: Of the processor.
        output: File of the benchmark; runs lie in `training/BACKBONE` beside it.
    """
    run_dir = output.parent / "training" / backbone
    result = run_dir / "result.json"
    wanted = {"backbone": backbone, "minutes": minutes, "dataset": str(config.data.dataset)}
    if (
        result.is_file()
        and (found := json.loads(result.read_text(encoding="utf-8"))).items() >= wanted.items()
    ):
        return dict(found)
    shutil.rmtree(run_dir, ignore_errors=True)
    detector = {**plain(config.model), "backbone": backbone, "pretrained": "none"}
    options = {**config.trainer, "max_steps": 1_000_000, "max_time": None, "accelerator": "cpu"}
    done = train(
        detector=detector,
        loss=plain(config.loss),
        optimizer={**plain(config.optimizer), "schedule": "time"},
        data=instantiate(config.data),
        make_trainer=instantiate(options),
        run_dir=run_dir,
        seed=config.seed,
        ema_decay=config.ema_decay,
        checkpoint_every=config.checkpoint_every,
        callbacks=[ProcessorTimer(timedelta(minutes=minutes), interval="step", verbose=False)],
    )
    figures = {name.removeprefix("val/"): value for name, value in done.figures.items()}
    found = {
        **wanted,
        "parameters": sum(tensor.numel() for tensor in build_detector(detector).parameters()),
        "steps": done.steps,
        "seconds": done.seconds,
        "figures": figures,
    }
    write_atomic(result, (json.dumps(found, indent=2) + "\n").encode())
    return found
