"""Evaluation folders without a photo: drawn scores and heat maps."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from falseflaw.evaluation.figures.calibration import OPERATING_POINT_NAME, write_operating_point
from falseflaw.evaluation.figures.comparison import summarize
from falseflaw.evaluation.figures.measure import Measure, prepare
from falseflaw.evaluation.figures.summary import ComparisonSummary, Provenance, SuiteRecord
from falseflaw.evaluation.prediction.predictions import PREDICTIONS_NAME, SCHEMA, completed, write
from falseflaw.types import Edit, OperatingPoint

EDITS = (Edit.AUTHENTIC, Edit.SIMULATED_DAMAGE, Edit.SPLICED, Edit.REGENERATED)
PIXELS = 64

PROVENANCE = Provenance(
    created="2026-01-01T00:00:00+00:00",
    command="falseflaw evaluate",
    falseflaw="0",
    git_revision=None,
    model={"kind": "checkpoint", "path": "best.ckpt", "sha256": "f" * 64},
    dataset="data/datasets/made",
    dataset_config_hash=("hash",),
    photo_sets=("made",),
    generators=("made",),
    suite=SuiteRecord("made", ("Identity()",)),
    limit_sources=None,
    fitted_sources=None,
    edits=(),
    other_evaluations=(),
    versions={},
    minutes=None,
)


def summarized(
    predictions: pd.DataFrame, point: OperatingPoint, replicates: int = 10, **further: Any
) -> ComparisonSummary:
    """The summary of the test fold."""
    rows = prepare(predictions[predictions["fold"] == "test"], point)
    return summarize(rows, Measure(point, replicates), further.pop("provenance", PROVENANCE), **further)


def made_predictions(
    sources: int = 12,
    *,
    edits: Sequence[Edit] = EDITS,
    launderings: Sequence[str] = ("identity", "jpeg80"),
    strength: float = 2.0,
    noise: float = 0.3,
    seed: int = 0,
) -> pd.DataFrame:
    """Predictions of the test fold.

    How hard a photo is depends on the photo alone; `strength`, and `noise` drawn by `seed`, are the
    detector's.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for source in range(sources):
        for edit in edits:
            name = f"source-{source}/{edit}"
            hard = np.random.default_rng(list(name.encode())).normal()
            for laundering in launderings:
                logit = strength * (edit.label - 0.5) + hard + noise * rng.normal()
                hit = (
                    int(np.clip(round(PIXELS / 4 * (0.5 + logit / 8)), 0, PIXELS // 4)) if edit.masked else 0
                )
                inside, outside = np.zeros(256, int), np.zeros(256, int)
                inside[[0, 200]] = (PIXELS // 4 - hit, hit) if edit.masked else (0, 0)
                outside[[0, 200]] = PIXELS - inside.sum() - 1, 1
                rows.append(
                    {
                        "sha256": hashlib.sha256(name.encode()).hexdigest(),
                        "path": f"images/{name}.jpg",
                        "source_id": f"source-{source}",
                        "group": f"source-{source}",
                        "contributor": f"person-{source}",
                        "product": ("shoe", "hat")[source % 2],
                        "photo_set": "made",
                        "fold": "test",
                        "edit": str(edit),
                        "label": edit.label,
                        "damage_kind": "hole",
                        "generator": "made" if edit.masked else "",
                        "mask_area": 0.25 if edit.masked else 0.0,
                        "laundering": laundering,
                        "severity": "",
                        "unseen": False,
                        "too_small": False,
                        "logit": logit,
                        "positive_histogram": inside,
                        "negative_histogram": outside,
                    }
                )
    return pd.DataFrame(rows)


def write_evaluation(folder: Path, predictions: pd.DataFrame, point: OperatingPoint | None = None) -> Path:
    """Writes what figures are computed from, and returns the folder."""
    write_operating_point(folder / OPERATING_POINT_NAME, point or OperatingPoint(), None)
    table = pa.Table.from_pandas(completed(predictions), schema=SCHEMA, preserve_index=False)
    write(table, folder / PREDICTIONS_NAME, "made")
    return folder
