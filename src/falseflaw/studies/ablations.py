"""Trainings that lack one part each, measured on the same photos."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.figures.calibration import write_operating_point
from falseflaw.evaluation.figures.groups import clusters_of
from falseflaw.evaluation.prediction.predictions import histograms, read_predictions
from falseflaw.statistics.bootstrap import Bootstrap, Estimate, Metric
from falseflaw.statistics.metrics import auroc, mean, pixel_f1
from falseflaw.types import MATCHED, POSITIVES, Edit, OperatingPoint

FLAWED = tuple(str(edit) for edit in MATCHED if edit in POSITIVES and edit.flawed)
"""Fakes that show a flaw, whoever wrote them."""

COMPARED = (str(Edit.SIMULATED_DAMAGE), str(Edit.LOCAL_EDIT), *FLAWED)
"""Members of a matched set that the figures are of."""

MASK_THRESHOLD = 128
"""Heat-map value at and above which a pixel counts as altered; the same for all, fitted on nothing."""

Rows = Callable[[pd.DataFrame], "pd.Series[bool]"]


def _against(edit: Edit, laundering: str | None = "identity", photo_set: str | None = None) -> Rows:
    """Selects flawed fakes and the photos of one other edit."""

    def select(rows: pd.DataFrame) -> pd.Series[bool]:
        chosen = rows["edit"].isin([*FLAWED, str(edit)])
        if laundering is not None:
            chosen &= rows["laundering"] == laundering
        if photo_set is not None:
            chosen &= rows["photo_set"] == photo_set
        return chosen

    return select


COLUMNS: dict[str, Rows] = {
    "AUROC, untouched": _against(Edit.SIMULATED_DAMAGE),
    "×0.5": _against(Edit.SIMULATED_DAMAGE, "resize_0.5"),
    "JPEG 60": _against(Edit.SIMULATED_DAMAGE, "jpeg60"),
    "screenshot": _against(Edit.SIMULATED_DAMAGE, "screenshot"),
    "all launderings pooled": _against(Edit.SIMULATED_DAMAGE, None),
    "camera originals": _against(Edit.SIMULATED_DAMAGE, "identity", "camera_originals"),
    "against local edits": _against(Edit.LOCAL_EDIT),
}
"""Image figures: AUROC of the fakes that show a flaw against one kind of negative."""

PIXELS = "pixel F1, untouched"

POOLED = "all launderings pooled"


def measured_alike(runs: Path, edits: Sequence[str], laundering: str, limit: int) -> list[str]:
    """Returns overrides of `falseflaw evaluate` under which trainings are compared.

    Args:
        runs: Folder of the runs; the operating point, fitted on nothing, is written there.
        edits: Members that are measured.
        laundering: Suite.
        limit: Most sources.
    """
    point = runs / "operating_point.json"
    write_operating_point(point, OperatingPoint(mask_threshold=MASK_THRESHOLD), None)
    return [
        f"operating_point={point}",
        f"edits=[{','.join(edits)}]",
        f"laundering={laundering}",
        f"limit_sources={limit}",
    ]


def measure(
    runs: Mapping[str, Sequence[Path]], replicates: int = 1000, seed: int = 0
) -> dict[str, dict[str, Estimate]]:
    """Returns the figures of every ablation, each the mean over its trainings.

    Args:
        runs: Evaluation folders of the trainings of each ablation, which differ in their seed; the first
            ablation is what the others are compared with.
        replicates: Of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        By ablation and column: `COLUMNS`, `PIXELS`, and `difference`, that of the pooled AUROC to the first
        ablation's, resampled in pairs. What the photos do not allow is None.

    Raises:
        InvalidDataError: A folder holds no predictions, or they are of other photos than the first one's.
    """
    read = read_alike(runs)
    first = next(iter(read.values()))
    bootstrap = Bootstrap(clusters_of(first[0]), replicates, seed)
    found = {}
    for name, tables in read.items():
        metrics = {column: mean_auroc(tables, rows) for column, rows in COLUMNS.items()}
        metrics[PIXELS] = _mean_f1(tables)
        pooled, whole = metrics[POOLED], mean_auroc(first, COLUMNS[POOLED])
        if tables is not first:
            metrics["difference"] = difference(pooled, whole)
        found[name] = bootstrap.estimate(metrics)
    return found


def read_alike(runs: Mapping[str, Sequence[Path]]) -> dict[str, list[pd.DataFrame]]:
    """Reads the predictions of trainings, row for row of the same photo.

    Args:
        runs: Evaluation folders, by name.

    Returns:
        By name and in their order, with the columns `photo` and `f1` beside those of predictions.

    Raises:
        InvalidDataError: A folder holds no predictions, or they are of other photos than the first one's.
    """
    read = {name: [_read(folder) for folder in folders] for name, folders in runs.items()}
    photos = {tuple(table["photo"]) for tables in read.values() for table in tables}
    if len(photos) > 1:
        raise InvalidDataError("expected predictions of the same photos from all trainings, got several sets")
    return read


def _read(folder: Path) -> pd.DataFrame:
    rows = read_predictions(folder)
    rows["f1"] = pixel_f1(*histograms(rows))[:, MASK_THRESHOLD]
    rows["photo"] = rows["sha256"] + " " + rows["edit"] + " " + rows["source_id"] + " " + rows["laundering"]
    return rows.sort_values("photo", kind="stable").reset_index(drop=True)


def mean_auroc(tables: Sequence[pd.DataFrame], select: Rows) -> Metric:
    """Returns the mean over trainings of the AUROC of some rows, as a metric of weights.

    Args:
        tables: Of `read_alike`, one a training.
        select: Chooses the rows; without both labels among them the metric is NaN.
    """
    chosen = np.flatnonzero(select(tables[0]))
    labels = tables[0]["label"].to_numpy()[chosen]
    scores = [table["logit"].to_numpy()[chosen] for table in tables]

    def metric(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        if len(set(labels.tolist())) < 2:
            return np.full(len(weights), np.nan)
        each = np.stack([auroc(score, labels, weights[:, chosen]) for score in scores])
        mean: NDArray[np.float64] = each.mean(axis=0)
        return mean

    return metric


def _mean_f1(tables: Sequence[pd.DataFrame]) -> Metric:
    first = tables[0]
    chosen = np.flatnonzero(first["edit"].isin(FLAWED) & (first["laundering"] == "identity"))
    values = [table["f1"].to_numpy()[chosen] for table in tables]
    return lambda weights: np.stack([mean(each, weights[:, chosen]) for each in values]).mean(axis=0)


def difference(one: Metric, other: Metric) -> Metric:
    """Returns one metric minus another, both of the same weights."""
    return lambda weights: one(weights) - other(weights)
