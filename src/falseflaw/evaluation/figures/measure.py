"""Figures with intervals of any choice of predictions, at the thresholds of the operating point."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from falseflaw.evaluation.figures.calibration import calibrate
from falseflaw.evaluation.figures.groups import (
    HEADLINE_POSITIVES,
    MIXTURE,
    clusters_of,
    values_of,
    with_groups,
)
from falseflaw.evaluation.prediction.predictions import histograms
from falseflaw.statistics import metrics
from falseflaw.statistics.bootstrap import Bootstrap, Metric, rate
from falseflaw.types import POSITIVES, Edit, OperatingPoint, Verdict

VERDICTS = (Verdict.ALTERED, Verdict.INCONCLUSIVE, Verdict.NO_SIGN)

Json = dict[str, Any]


def prepare(rows: pd.DataFrame, point: OperatingPoint) -> pd.DataFrame:
    """Adds what the thresholds make of each prediction.

    Returns:
        The rows with probability, flagged (whether it reaches image_threshold), marked (whether a pixel
        reaches mask_threshold), verdict (as the runtime decides), f1, iou and pixel_auroc (NaN without a
        mask), and the groups.
    """
    rows = with_groups(rows.reset_index(drop=True))
    probability = calibrate(rows["logit"].to_numpy(dtype=np.float64), point.temperature)
    flagged = probability >= point.image_threshold
    inside, outside = histograms(rows)
    marked = np.asarray((inside + outside)[:, point.mask_threshold :].any(axis=1))
    verdict = np.where(probability < point.clear_threshold, Verdict.NO_SIGN, Verdict.INCONCLUSIVE)
    verdict = np.where(flagged & marked, Verdict.ALTERED, np.where(flagged, Verdict.INCONCLUSIVE, verdict))
    rows = rows.assign(probability=probability, flagged=flagged, marked=marked, verdict=verdict)
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
    """Turns prepared rows into figures with intervals."""

    def __init__(self, point: OperatingPoint, replicates: int, seed: int) -> None:
        self._point = point
        self._replicates = replicates
        self._seed = seed

    def laundering(self, rows: pd.DataFrame) -> Json:
        """All figures of one laundering: headline, each positive alone, pixels, rates by edit."""
        edits = [edit for edit in Edit if str(edit) in set(rows["edit"])]
        simulated = rows["edit"] == Edit.SIMULATED_DAMAGE
        positive = rows["edit"].isin(HEADLINE_POSITIVES)
        return {
            "headline": self.comparison(rows[positive | simulated]),
            "pixel": self.pixel(rows[positive]),
            "spliced": self.positive_alone(rows, Edit.SPLICED),
            "feathered": self.positive_alone(rows, Edit.FEATHERED),
            "regenerated": self.positive_alone(rows, Edit.REGENERATED),
            "flagged": {str(edit): self.flagged(rows[rows["edit"] == edit]) for edit in edits},
            "verdicts": {str(edit): self.verdicts(rows[rows["edit"] == edit]) for edit in edits},
            "inpainted_verdicts": self.verdicts(rows[positive]),
            "ece": self.calibration(rows),
        }

    def positive_alone(self, rows: pd.DataFrame, edit: Edit) -> Json:
        """The headline's figures with one kind of positive only."""
        chosen = rows["edit"] == edit
        simulated = rows["edit"] == Edit.SIMULATED_DAMAGE
        return self.comparison(rows[chosen | simulated]) | {"pixel": self.pixel(rows[chosen])}

    def edits(self, rows: pd.DataFrame) -> list[Json]:
        """Figures of every edit that is no negative, against negatives of the same sources that look alike.

        With a flaw that is simulated damage; without one, the authentic photo and the null edit.
        """
        present = [edit for edit in Edit if edit.label != 0 and (rows["edit"] == edit).any()]
        return [
            {"edit": str(edit), "label": edit.label}
            | self._against_alike(rows, (rows["edit"] == edit), edit.flawed)
            for edit in present
        ]

    def networks(self, rows: pd.DataFrame) -> list[Json]:
        """Figures of every network, over positives with a flaw that it wrote, against simulated damage."""
        flawed = [str(edit) for edit in POSITIVES if edit.flawed]
        positive = rows["edit"].isin(flawed)
        names = sorted(set(rows.loc[positive, "generator"]) - {""})
        return [
            {"network": name} | self._against_alike(rows, positive & (rows["generator"] == name), True)
            for name in names
        ]

    def _against_alike(self, rows: pd.DataFrame, chosen: pd.Series, flawed: bool) -> Json:
        alike = [str(edit) for edit in Edit if edit.label == 0 and edit.flawed == flawed]
        sources = rows.loc[chosen, "source_id"].unique()
        negatives = rows["edit"].isin(alike) & rows["source_id"].isin(sources)
        pair = rows[chosen | negatives].assign(label=chosen[chosen | negatives].astype(int))
        figures = self.comparison(pair)
        return {
            "photos": int(chosen.sum()),
            "sources": len(sources),
            **{name: figures[name] for name in ("auroc", "tpr", "fpr")},
            "pixel_f1": self.pixel(rows[chosen])["f1"],
        }

    def comparison(self, rows: pd.DataFrame) -> Json:
        """Image-level figures of positives against negatives."""
        figures = self._estimated(rows, image_metrics(rows))
        figures["tpr"] = self.flagged(rows[rows["label"] == 1])
        figures["fpr"] = self.flagged(rows[rows["label"] == 0])
        return figures

    def calibration(self, rows: pd.DataFrame) -> Json:
        """Calibration error over positives and negatives as they were when it was fitted."""
        rows = rows[rows["edit"].isin(MIXTURE)]
        scores, labels = rows["probability"].to_numpy(dtype=np.float64), rows["label"].to_numpy()
        error: dict[str, Metric] = {
            "ece": lambda weights: metrics.expected_calibration_error(scores, labels, weights)
        }
        return dict(self._estimated(rows, error)["ece"])

    def pixel(self, rows: pd.DataFrame) -> Json:
        """Pixel-level figures at the fixed threshold, averaged over positives."""
        return self._estimated(rows, pixel_metrics(rows))

    def flagged(self, rows: pd.DataFrame) -> Json:
        """Share at or above image_threshold, with the count."""
        return self._rate(rows, rows["flagged"].to_numpy(dtype=bool))

    def verdicts(self, rows: pd.DataFrame) -> Json:
        """Share of each verdict, with the count."""
        given = rows["verdict"].to_numpy(dtype=str)
        return {str(verdict): self._rate(rows, given == str(verdict)) for verdict in VERDICTS}

    def groups(self, rows: pd.DataFrame, grouping: str) -> list[Json]:
        """Headline and pixel figures of each value of a grouping, all launderings pooled."""
        rows = rows[rows["edit"].isin([*HEADLINE_POSITIVES, str(Edit.SIMULATED_DAMAGE)])]
        found = []
        for value in values_of(rows, grouping):
            subset = rows[rows[grouping] == value]
            figures = self.comparison(subset)
            found.append(
                {
                    "group": value,
                    "sources": int(subset["source_id"].nunique()),
                    **{name: figures[name] for name in ("auroc", "tpr", "fpr")},
                    "pixel_f1": self.pixel(subset[subset["label"] == 1])["f1"],
                }
            )
        return found

    def _rate(self, rows: pd.DataFrame, chosen: NDArray[np.bool_]) -> Json:
        estimate = rate(chosen, clusters_of(rows), self._replicates, self._seed)
        return estimate.to_json() | {"count": int(chosen.sum())}

    def _estimated(self, rows: pd.DataFrame, wanted: dict[str, Metric]) -> Json:
        found = Bootstrap(clusters_of(rows), self._replicates, self._seed).estimate(wanted)
        return {name: estimate.to_json() for name, estimate in found.items()}
