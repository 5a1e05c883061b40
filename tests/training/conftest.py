from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.loggers import CSVLogger
from tests.helpers import make_dataset

from falseflaw.imaging.laundering.augmentation import RandomLaundering
from falseflaw.training.detector.data import DetectorData
from falseflaw.training.detector.pairs import PairSettings
from falseflaw.training.detector.run import TrainingResult, train

DETECTOR = {"backbone": "test_efficientnet", "residual_filters": 3, "decoder_channels": 8, "head_channels": 8}

TrainTiny = Callable[..., TrainingResult]


@pytest.fixture(scope="session")
def tiny_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def train_tiny(tiny_dataset: Path) -> TrainTiny:
    """Trains a tiny detector; keyword arguments override those of `train`, `data`, `pairs` and `trainer`."""

    def run(
        run_dir: Path,
        data: dict[str, Any] | None = None,
        trainer: dict[str, Any] | None = None,
        pairs: dict[str, Any] | None = None,
        **changes: Any,
    ):  # type: ignore[no-untyped-def]
        torch.set_num_threads(1)
        settings = PairSettings(**{"crop_size": 64, "consistency_share": 0.5, **(pairs or {})})
        crops = {"batch_size": 4, "pairs": settings, "val_crop_size": 96, "augment": RandomLaundering()}
        arguments: dict[str, Any] = {
            "detector": DETECTOR,
            "loss": {"ranking_weight": 0.25, "consistency_weight": 0.1},
            "optimizer": {"warmup_steps": 1},
            "data": DetectorData(tiny_dataset, **{**crops, **(data or {})}),
            "loggers": [CSVLogger(str(run_dir), name="", version="", flush_logs_every_n_steps=1)],
            "checkpoint_every": 2,
            "ema_decay": 0.9,
        }
        options = {
            "accelerator": "cpu",
            "devices": 1,
            "max_steps": 4,
            "max_epochs": -1,
            "val_check_interval": 2,
            "check_val_every_n_epoch": None,
            "num_sanity_val_steps": 0,
            "log_every_n_steps": 1,
            "use_distributed_sampler": False,
            "enable_model_summary": False,
            "enable_progress_bar": True,
        }

        def make_trainer(**given: Any) -> pl.Trainer:
            return pl.Trainer(**{**options, **(trainer or {}), **given})

        return train(run_dir=run_dir, make_trainer=make_trainer, **{**arguments, **changes})

    return run
