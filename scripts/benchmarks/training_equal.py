"""Trains a backbone for so many minutes of the processor, for the benchmark of training."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from falseflaw.cli.process.training_run import plain
from falseflaw.imaging.codec import write_atomic
from falseflaw.models.architectures import build_detector
from falseflaw.training.detector.run import train
from falseflaw.training.processor_time import ProcessorTimer


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
        callbacks=[ProcessorTimer(minutes)],
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
