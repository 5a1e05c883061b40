"""Two evaluations on the same photos: their difference, resampled in pairs.

Photos that are hard are hard for both detectors: a difference is far surer than two intervals side by
side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.evaluation.figures.calibration import OPERATING_POINT_NAME, read_operating_point
from falseflaw.evaluation.figures.groups import HEADLINE_POSITIVES, clusters_of, comparable, headline
from falseflaw.evaluation.figures.measure import (
    Measure,
    image_metrics,
    photos_by_edit,
    pixel_metrics,
    prepare,
)
from falseflaw.evaluation.figures.summary import POOLED, Intervals
from falseflaw.evaluation.prediction.predictions import read_predictions
from falseflaw.statistics.bootstrap import Bootstrap, Estimate, Metric, clopper_pearson
from falseflaw.statistics.metrics import mean
from falseflaw.types import Edit, Fold, OperatingPoint

KEY = ["laundering", "sha256", "edit", "source_id"]
"""What makes two predictions ones of the same photo; a null edit may have the bytes of its source."""

IMAGE = ("auroc", "average_precision", "balanced_accuracy")
PIXEL = {"pixel_f1": "f1", "pixel_iou": "iou"}


@dataclass(frozen=True)
class Evaluation:
    """Predictions of one detector.

    Attributes:
        name: Heading of its column.
        rows: Of `measure.prepare`, one fold.
        point: Its own thresholds, fixed before.
    """

    name: str
    rows: pd.DataFrame
    point: OperatingPoint


@dataclass(frozen=True)
class PairedMetric:
    """One metric of all evaluations.

    Attributes:
        values: In the order of the evaluations, as their summaries have them.
        differences: To the first, resampled in pairs; None for the first itself.
    """

    values: tuple[Estimate, ...]
    differences: tuple[Estimate | None, ...]


@dataclass(frozen=True)
class PairedLaundering:
    """All metrics by name, under one laundering or under all of them pooled."""

    name: str
    metrics: dict[str, PairedMetric]


@dataclass(frozen=True)
class PairedComparison:
    """Evaluations side by side.

    Attributes:
        evaluations: Operating point by name, the first one first.
        comparison: What is compared, in words; None without matched sets.
        photos: Number by edit.
        sources: Number.
        left_out: Launderings that not all evaluations have.
        intervals: How all intervals came about.
        launderings: In the order of the first evaluation.
        pooled: All of those.
    """

    evaluations: dict[str, OperatingPoint]
    comparison: str | None
    photos: dict[str, int]
    sources: int
    left_out: tuple[str, ...]
    intervals: Intervals
    launderings: tuple[PairedLaundering, ...]
    pooled: PairedLaundering


def read_evaluation(name: str, folder: Path, fold: str = Fold.TEST) -> Evaluation:
    """Reads predictions and operating point of an evaluation folder.

    Raises:
        InvalidDataError: One of them is missing or broken, or the fold was not predicted.
    """
    point, _ = read_operating_point(folder / OPERATING_POINT_NAME)
    predictions = read_predictions(folder)
    predictions = predictions[predictions["fold"] == str(fold)]
    if predictions.empty:
        raise InvalidDataError(f"expected predictions of the {fold} fold in {folder}, got none")
    return Evaluation(name, prepare(predictions, point), point)


def compare(evaluations: Sequence[Evaluation], replicates: int = 1000, seed: int = 0) -> PairedComparison:
    """Sets evaluations side by side, each against the first.

    Of matched sets the figures are the headline's and the pixels', each detector at its own fixed
    thresholds; of other photos, such as real damage, the share of each edit at or above image_threshold.

    Args:
        evaluations: At least two, of the same photos; launderings that not all have are left out.
        replicates: Of the bootstrap.
        seed: Of the bootstrap.

    Raises:
        ConfigurationError: Fewer than two evaluations, or two of one name.
        InvalidDataError: They are of other photos, or have no laundering in common.
    """
    names = [evaluation.name for evaluation in evaluations]
    if len(names) < 2 or len(set(names)) < len(names):
        raise ConfigurationError(
            f"expected at least two evaluations of distinct names, got {', '.join(names) or 'none'}"
        )
    kept, left_out = _launderings(evaluations)
    aligned = [_aligned(evaluation, kept) for evaluation in evaluations]
    for name, rows in zip(names[1:], aligned[1:], strict=True):
        _check_same_photos(names[0], aligned[0], name, rows)
    first = aligned[0]
    aligned = [rows.assign(group=first["group"], label=first["label"]) for rows in aligned]
    paired = _Paired([evaluation.point for evaluation in evaluations], replicates, seed)
    return PairedComparison(
        evaluations={evaluation.name: evaluation.point for evaluation in evaluations},
        comparison=headline(first["edit"]) if comparable(first) else None,
        photos=photos_by_edit(first),
        sources=int(first["source_id"].nunique()),
        left_out=tuple(left_out),
        intervals=Intervals("group", replicates, seed),
        launderings=tuple(
            paired.metrics(name, [rows[(first["laundering"] == name).to_numpy()] for rows in aligned])
            for name in kept
        ),
        pooled=paired.metrics(POOLED, aligned),
    )


def rate_difference(
    one: NDArray[np.bool_], other: NDArray[np.bool_], clusters: NDArray[Any], replicates: int, seed: int
) -> Estimate:
    """Share of `other` less that of `one` over the same photos, with its paired interval.

    Where no photo is judged differently resampling shows no spread: the interval then is how often the two
    may differ at most, Clopper-Pearson on the number of sources, to either side.
    """
    if not len(one):
        return Estimate(None, None, None, 0)
    if (one == other).all():
        most = clopper_pearson(0, len(set(clusters.tolist())))[1]
        return Estimate(0.0, -most, most, len(one))
    step = other.astype(np.float64) - one
    metric: dict[str, Metric] = {"step": lambda weights: mean(step, weights)}
    return Bootstrap(clusters, replicates, seed).estimate(metric)["step"]


class _Paired:
    """Values and differences of rows that stand for the same photos in the same order."""

    def __init__(self, points: Sequence[OperatingPoint], replicates: int, seed: int) -> None:
        self._measures = [Measure(point, replicates, seed) for point in points]
        self._replicates = replicates
        self._seed = seed

    def metrics(self, name: str, aligned: list[pd.DataFrame]) -> PairedLaundering:
        if not comparable(aligned[0]):
            edits = [edit for edit in Edit if (aligned[0]["edit"] == edit).any()]
            rates = {
                f"flagged_{edit}": self._flagged(_chosen(aligned, aligned[0]["edit"] == edit))
                for edit in edits
            }
            return PairedLaundering(name, rates)
        positive = aligned[0]["edit"].isin(HEADLINE_POSITIVES)
        simulated = aligned[0]["edit"] == Edit.SIMULATED_DAMAGE
        both, fakes = _chosen(aligned, positive | simulated), _chosen(aligned, positive)
        compared = [measure.comparison(rows) for measure, rows in zip(self._measures, both, strict=True)]
        pixels = [measure.pixel(rows) for measure, rows in zip(self._measures, fakes, strict=True)]
        image = self._differences(both, [image_metrics(rows) for rows in both])
        pixel = self._differences(fakes, [pixel_metrics(rows) for rows in fakes])
        figures = {
            key: PairedMetric(tuple(getattr(entry, key) for entry in compared), image[key]) for key in IMAGE
        }
        figures |= {"tpr": self._flagged(fakes), "fpr": self._flagged(_chosen(aligned, simulated))}
        figures |= {
            key: PairedMetric(tuple(getattr(entry, field) for entry in pixels), pixel[field])
            for key, field in PIXEL.items()
        }
        return PairedLaundering(name, figures)

    def _differences(
        self, aligned: list[pd.DataFrame], metrics: list[dict[str, Metric]]
    ) -> dict[str, tuple[Estimate | None, ...]]:
        """Differences to the first of every metric; one draw of weights serves both sides."""
        bootstrap = Bootstrap(clusters_of(aligned[0]), self._replicates, self._seed)
        found: dict[str, tuple[Estimate | None, ...]] = dict.fromkeys(metrics[0], (None,))
        for other in metrics[1:]:
            steps = {name: _step(metrics[0][name], other[name]) for name in other}
            for name, estimate in bootstrap.estimate(steps).items():
                found[name] += (estimate,)
        return found

    def _flagged(self, aligned: list[pd.DataFrame]) -> PairedMetric:
        flags = [rows["flagged"].to_numpy(dtype=bool) for rows in aligned]
        clusters = clusters_of(aligned[0])
        values = [measure.flagged(rows) for measure, rows in zip(self._measures, aligned, strict=True)]
        differences = [
            rate_difference(flags[0], flag, clusters, self._replicates, self._seed) for flag in flags[1:]
        ]
        return PairedMetric(tuple(values), (None, *differences))


def _step(one: Metric, other: Metric) -> Metric:
    return lambda weights: other(weights) - one(weights)


def _chosen(aligned: list[pd.DataFrame], mask: pd.Series) -> list[pd.DataFrame]:
    return [rows[mask.to_numpy()] for rows in aligned]


def _launderings(evaluations: Sequence[Evaluation]) -> tuple[list[str], list[str]]:
    """Returns the launderings that all have, in the order of the first, and the others."""
    each = [list(dict.fromkeys(evaluation.rows["laundering"])) for evaluation in evaluations]
    kept = [name for name in each[0] if all(name in names for names in each)]
    if not kept:
        told = "; ".join(
            f"{evaluation.name}: {', '.join(names)}"
            for evaluation, names in zip(evaluations, each, strict=True)
        )
        raise InvalidDataError(f"expected a laundering that all evaluations have, got {told}")
    return kept, sorted({name for names in each for name in names} - set(kept))


def _aligned(evaluation: Evaluation, launderings: Sequence[str]) -> pd.DataFrame:
    rows = evaluation.rows
    rows = rows[rows["laundering"].isin(launderings)]
    return rows.sort_values([*KEY, "path"]).reset_index(drop=True)


def _check_same_photos(first: str, rows: pd.DataFrame, name: str, others: pd.DataFrame) -> None:
    if rows[KEY].equals(others[KEY]):
        return
    one, other = (set(frame[KEY].itertuples(index=False, name=None)) for frame in (rows, others))
    raise InvalidDataError(
        f"expected predictions of the same photos, got {len(one & other)} that {first} and {name} share, "
        f"{len(one - other)} in {first} alone and {len(other - one)} in {name} alone; evaluate both on one "
        "dataset with the same edits and limit_sources"
    )
