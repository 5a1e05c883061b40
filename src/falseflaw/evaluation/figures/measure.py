"""Figures with intervals of any choice of predictions, at the thresholds of the operating point."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from falseflaw.evaluation.figures.calibration import calibrate
from falseflaw.evaluation.figures.groups import (
    HEADLINE_POSITIVES,
    MIXTURE,
    clusters_of,
    compared,
    values_of,
    with_groups,
)
from falseflaw.evaluation.figures.summary import (
    POOLED,
    Comparison,
    LaunderingFigures,
    OneKind,
    PixelFigures,
    Subset,
    Undecided,
)
from falseflaw.evaluation.prediction.predictions import completed, histograms
from falseflaw.evaluation.prediction.scorers import TILE_OVERLAP, TILE_PIXELS
from falseflaw.runtime.padding import STRIDE
from falseflaw.runtime.tiling import plan
from falseflaw.runtime.verdict import limits, unfamiliar, verdicts
from falseflaw.statistics import metrics
from falseflaw.statistics.bootstrap import Bootstrap, Estimate, Metric, Share, rate
from falseflaw.types import POSITIVES, Edit, OperatingPoint, Verdict

CAMERA_ORIGINALS = "camera originals"

VERDICTS = (Verdict.ALTERED, Verdict.INCONCLUSIVE, Verdict.NO_SIGN)


def prepare(rows: pd.DataFrame, point: OperatingPoint) -> pd.DataFrame:
    """Adds what the thresholds make of each prediction.

    Returns:
        The rows with probability, flagged (whether it reaches image_threshold or, of a large photo, the limit
        of its tiles), marked (whether a pixel reaches mask_threshold), verdict (as the runtime decides),
        unfamiliar (whether it is unlike anything that was measured), f1, iou and pixel_auroc (NaN without a
        mask), and the groups.
    """
    rows = with_groups(rows.reset_index(drop=True))
    probability = calibrate(rows["logit"].to_numpy(dtype=np.float64), point.temperature)
    inside, outside = histograms(rows)
    tiles = _tiles((inside + outside).sum(axis=1))
    flagged = probability >= limits(tiles, point)
    marked = np.asarray((inside + outside)[:, point.mask_threshold :].any(axis=1))
    distance = completed(rows)["distance"].to_numpy(dtype=np.float64)
    verdict = verdicts(probability, marked, rows["too_small"].to_numpy(dtype=bool), point, distance, tiles)
    rows = rows.assign(probability=probability, flagged=flagged, marked=marked, verdict=verdict)
    rows["unfamiliar"] = unfamiliar(distance, point)
    masked = rows["edit"].isin([str(edit) for edit in Edit if edit.masked]).to_numpy()
    inside, outside = inside[masked], outside[masked]
    figures = {
        "f1": metrics.pixel_f1(inside, outside)[:, point.mask_threshold],
        "iou": metrics.pixel_iou(inside, outside)[:, point.mask_threshold],
        "pixel_auroc": metrics.pixel_auroc(inside, outside),
    }
    for name, values in figures.items():
        column = np.full(len(rows), np.nan)
        column[masked] = values
        rows[name] = column
    return rows


def _tiles(pixels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns in how many tiles photos of so many pixels were scored, (N,); large ones as if square."""
    sides = np.ceil(np.sqrt(pixels)).astype(int)
    return np.array(
        [
            1 if count <= TILE_PIXELS else plan(side, side, TILE_PIXELS, TILE_OVERLAP, STRIDE).count
            for count, side in zip(pixels, sides, strict=True)
        ],
        np.int64,
    ).reshape(len(pixels))


def photos_by_edit(rows: pd.DataFrame) -> dict[str, int]:
    """Returns the number of photos of each edit, the most frequent first."""
    counts = rows.drop_duplicates("path")["edit"].value_counts()
    return {str(edit): int(count) for edit, count in counts.items()}


def image_metrics(rows: pd.DataFrame) -> dict[str, Metric]:
    """Image-level figures of positives against negatives as functions of weights (R, N) of the rows."""
    logits = rows["logit"].to_numpy(dtype=np.float64)  # ranks without the sigmoid's rounding
    flagged = rows["flagged"].to_numpy(dtype=bool)
    labels = rows["label"].to_numpy()
    return {
        "auroc": lambda weights: metrics.auroc(logits, labels, weights),
        "average_precision": lambda weights: metrics.average_precision(logits, labels, weights),
        "oracle_tpr_at_fpr_1": lambda weights: metrics.oracle_tpr(logits, labels, weights),
        "balanced_accuracy": lambda weights: metrics.balanced_accuracy(flagged, labels, weights),
    }


def pixel_metrics(rows: pd.DataFrame) -> dict[str, Metric]:
    """Pixel-level figures at the fixed threshold, averaged over the rows, as functions of their weights."""
    means: dict[str, Metric] = {}
    for name, column in (("f1", "f1"), ("iou", "iou"), ("auroc", "pixel_auroc")):
        values = rows[column].to_numpy(dtype=np.float64)
        means[name] = lambda weights, values=values: metrics.mean(values, weights)  # type: ignore[misc]
    return means


class Measure:
    """Turns prepared rows into figures with intervals.

    Attributes:
        point: Thresholds that the rows were prepared with.
        replicates: Of the bootstrap.
        seed: Of the bootstrap.
        further: Metrics of logits and labels besides the built-in ones, by name.
    """

    def __init__(
        self,
        point: OperatingPoint,
        replicates: int = 1000,
        seed: int = 0,
        further: Mapping[str, metrics.ImageMetric] | None = None,
    ) -> None:
        self.point = point
        self.further = dict(further or {})
        self.replicates = replicates
        self.seed = seed

    def laundering(self, name: str, rows: pd.DataFrame) -> LaunderingFigures:
        """All figures of one laundering, or of all of them under the name `POOLED`."""
        edits = [edit for edit in Edit if str(edit) in set(rows["edit"])]
        simulated = rows["edit"] == Edit.SIMULATED_DAMAGE
        positive = rows["edit"].isin(HEADLINE_POSITIVES)
        first = rows.iloc[0]
        single = name == first["laundering"]
        return LaunderingFigures(
            name=name,
            severity=str(first["severity"]) if single else "",
            unseen=bool(first["unseen"]) if single else False,
            headline=self.comparison(rows[positive | simulated]),
            pixel=self.pixel(rows[positive]),
            spliced=self.one_kind(rows, Edit.SPLICED),
            feathered=self.one_kind(rows, Edit.FEATHERED),
            regenerated=self.one_kind(rows, Edit.REGENERATED),
            flagged={str(edit): self.flagged(rows[rows["edit"] == edit]) for edit in edits},
            verdicts={str(edit): self.verdicts(rows[rows["edit"] == edit]) for edit in edits},
            inpainted_verdicts=self.verdicts(rows[positive]),
            ece=self.calibration(rows),
            further=self._further(rows[positive | simulated]),
        )

    def _further(self, rows: pd.DataFrame) -> dict[str, Estimate]:
        logits, labels = rows["logit"].to_numpy(dtype=np.float64), rows["label"].to_numpy()

        def of_rows(metric: metrics.ImageMetric) -> Metric:
            return lambda weights: metric(logits, labels, weights)

        return self._estimated(rows, {name: of_rows(metric) for name, metric in self.further.items()})

    def one_kind(self, rows: pd.DataFrame, edit: Edit) -> OneKind:
        """The headline's figures with one kind of positive only."""
        chosen = rows["edit"] == edit
        simulated = rows["edit"] == Edit.SIMULATED_DAMAGE
        return OneKind(**vars(self.comparison(rows[chosen | simulated])), pixel=self.pixel(rows[chosen]))

    def edits(self, rows: pd.DataFrame) -> tuple[Subset, ...]:
        """Figures of every edit that is no negative, against negatives of the same sources that look alike.

        With a flaw that is simulated damage; without one, the authentic photo and the null edit. Local edits
        are left out: they are there to be confused, and old datasets lack them.
        """
        present = [edit for edit in Edit if edit.label != 0 and (rows["edit"] == edit).any()]
        return tuple(
            self._against_alike(str(edit), rows, rows["edit"] == edit, edit.flawed) for edit in present
        )

    def networks(self, rows: pd.DataFrame) -> tuple[Subset, ...]:
        """Figures of every network, over positives with a flaw that it wrote, against simulated damage."""
        flawed = [str(edit) for edit in POSITIVES if edit.flawed]
        positive = rows["edit"].isin(flawed)
        names = sorted(set(rows.loc[positive, "generator"]) - {""})
        return tuple(
            self._against_alike(name, rows, positive & (rows["generator"] == name), True) for name in names
        )

    def _against_alike(self, name: str, rows: pd.DataFrame, chosen: pd.Series, flawed: bool) -> Subset:
        alike = [
            str(edit)
            for edit in Edit
            if edit.label == 0 and edit.flawed == flawed and edit is not Edit.LOCAL_EDIT
        ]
        sources = rows.loc[chosen, "source_id"].unique()
        negatives = rows["edit"].isin(alike) & rows["source_id"].isin(sources)
        pair = rows[chosen | negatives].assign(label=chosen[chosen | negatives].astype(int))
        return self._subset(name, len(sources), pair)

    def groups(self, rows: pd.DataFrame, grouping: str) -> tuple[Subset, ...]:
        """Headline and pixel figures of each value of a grouping, all launderings pooled."""
        rows = compared(rows)
        values = values_of(rows, grouping)
        parts = {value: rows[rows[grouping] == value] for value in values}
        return tuple(
            self._subset(value, int(part["source_id"].nunique()), part) for value, part in parts.items()
        )

    def _subset(self, name: str, sources: int, rows: pd.DataFrame) -> Subset:
        figures = self.comparison(rows)
        pixel = self.pixel(rows[rows["label"] == 1])
        return Subset(name, sources, figures.auroc, figures.tpr, figures.fpr, pixel.f1)

    def comparison(self, rows: pd.DataFrame) -> Comparison:
        """Image-level figures of positives against negatives."""
        return Comparison(
            **self._estimated(rows, image_metrics(rows)),
            tpr=self.flagged(rows[rows["label"] == 1]),
            fpr=self.flagged(rows[rows["label"] == 0]),
        )

    def auroc(self, rows: pd.DataFrame) -> Estimate:
        """How well logits rank positives above negatives."""
        return self._estimated(rows, {"auroc": image_metrics(rows)["auroc"]})["auroc"]

    def calibration(self, rows: pd.DataFrame) -> Estimate:
        """Calibration error over positives and negatives as they were when it was fitted."""
        rows = rows[rows["edit"].isin(MIXTURE)]
        scores, labels = rows["probability"].to_numpy(dtype=np.float64), rows["label"].to_numpy()
        error: dict[str, Metric] = {
            "ece": lambda weights: metrics.expected_calibration_error(scores, labels, weights)
        }
        return self._estimated(rows, error)["ece"]

    def pixel(self, rows: pd.DataFrame) -> PixelFigures:
        """Pixel-level figures at the fixed threshold, averaged over positives."""
        return PixelFigures(**self._estimated(rows, pixel_metrics(rows)))

    def flagged(self, rows: pd.DataFrame) -> Share:
        """Share at or above image_threshold."""
        return self._rate(rows, rows["flagged"].to_numpy(dtype=bool))

    def verdicts(self, rows: pd.DataFrame) -> dict[str, Share]:
        """Share of each verdict."""
        given = rows["verdict"].to_numpy(dtype=str)
        return {str(verdict): self._rate(rows, given == str(verdict)) for verdict in VERDICTS}

    def undecided(self, rows: pd.DataFrame) -> tuple[Undecided, ...]:
        """How often honest photos are inconclusive or altered, by kind and laundering, all pooled last.

        Simulated damage, real damage, camera originals and, of gathered photos, every other unaltered kind.
        """
        names = list(dict.fromkeys(rows["laundering"]))
        matched = (rows["edit"] == Edit.SIMULATED_DAMAGE).any()
        kinds = {edit: rows["edit"] == edit for edit in Edit if edit.label == 0}
        if matched:
            kinds = {Edit.SIMULATED_DAMAGE: kinds[Edit.SIMULATED_DAMAGE]}
        populations = {str(edit).replace("_", " "): chosen for edit, chosen in kinds.items()}
        populations[CAMERA_ORIGINALS] = (rows["photo_set"] == "camera_originals") & (rows["label"] == 0)
        found = []
        for words, chosen in populations.items():
            for name in (*names, *([POOLED] if len(names) > 1 else [])):
                part = rows[chosen if name == POOLED else chosen & (rows["laundering"] == name)]
                if part.empty:
                    continue
                left = part["verdict"].to_numpy(dtype=str) == str(Verdict.INCONCLUSIVE)
                unlike = left & part["unfamiliar"].to_numpy(dtype=bool)
                altered = part["verdict"].to_numpy(dtype=str) == str(Verdict.ALTERED)
                shares = [self._rate(part, these) for these in (left, unlike, altered)]
                found.append(Undecided(words, name, int(part["path"].nunique()), *shares))
        return tuple(found)

    def _rate(self, rows: pd.DataFrame, chosen: NDArray[np.bool_]) -> Share:
        return rate(chosen, clusters_of(rows), self.replicates, self.seed)

    def _estimated(self, rows: pd.DataFrame, wanted: dict[str, Metric]) -> dict[str, Estimate]:
        return Bootstrap(clusters_of(rows), self.replicates, self.seed).estimate(wanted)
