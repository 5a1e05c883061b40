"""What the notebooks share: reading an evaluation, figures as text and tables, small pictures."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from falseflaw.evaluation.committed.committed import DatasetAudit, others_of, read_audit, read_facts
from falseflaw.evaluation.figures import paired
from falseflaw.evaluation.figures.groups import HEADLINE_POSITIVES
from falseflaw.evaluation.figures.measure import prepare
from falseflaw.evaluation.figures.summary import POOLED, ComparisonSummary, Subset, read_summary
from falseflaw.evaluation.prediction.predictions import COPIED, read_predictions
from falseflaw.evaluation.report import breakdown
from falseflaw.evaluation.report.other_evaluations import OtherEvaluation, read_other_evaluations
from falseflaw.evaluation.report.plotting import Drawn, resolution
from falseflaw.evaluation.report.severity import UNTOUCHED
from falseflaw.paths import find_existing
from falseflaw.statistics.bootstrap import Estimate
from falseflaw.statistics.text import figure_text
from falseflaw.types import Edit, OperatingPoint

VARIABLE = "FALSEFLAW_EVALUATION"
"""Environment variable that names another evaluation folder than the committed one."""

_COMMITTED = "notebooks/reference"
_DPI = 80  # of pictures in a notebook: it is committed with them
_PAIRED = "the same photos"


@dataclass(frozen=True)
class CommittedEvaluation:
    """An evaluation as the notebooks read it.

    Attributes:
        summary: What it found.
        predictions: All of them, columns of `predictions.SCHEMA`.
        rows: Of `measure.prepare`, the fold that the summary is of.
        point: The thresholds.
        facts: What is known of the dataset's images: `committed.FACTS`, or if that is not there what the
            predictions say of those that were predicted.
        whole: Whether `facts` is of the whole dataset.
        audit: Of the dataset, or None.
        others: Evaluations of other photos with the same detector.
    """

    summary: ComparisonSummary
    predictions: pd.DataFrame
    rows: pd.DataFrame
    point: OperatingPoint
    facts: pd.DataFrame
    whole: bool
    audit: DatasetAudit | None
    others: list[OtherEvaluation]


def read() -> CommittedEvaluation:
    """Reads the committed evaluation, or the one that `FALSEFLAW_EVALUATION` names.

    From then on pandas shows tables whole.

    Raises:
        MissingDataError, InvalidDataError: It is not there or not one.
    """
    pd.set_option("display.max_colwidth", None, "display.max_rows", None)
    folder = find_existing(os.environ.get(VARIABLE, _COMMITTED), "an evaluation", "run `falseflaw evaluate`")
    summary, predictions = read_summary(folder), read_predictions(folder)
    point = summary.operating_point
    committed = read_facts(folder)
    facts = committed[0] if committed else predictions.drop_duplicates("path")[list(COPIED)]
    return CommittedEvaluation(
        summary,
        predictions,
        prepare(predictions[predictions["fold"] == summary.fold], point),
        point,
        facts.reset_index(drop=True),
        committed is not None,
        read_audit(folder),
        [
            OtherEvaluation(Path(other.folder).name, other.summary)
            for other in read_other_evaluations(others_of(folder), folder)
        ],
    )


def losses(evaluation: CommittedEvaluation, replicates: int = 1000) -> paired.PairedComparison:
    """Compares every laundering with the first one, on the same photos.

    Returns:
        Of `paired.compare`: its evaluations are the launderings.
    """
    sides = [*HEADLINE_POSITIVES, str(Edit.SIMULATED_DAMAGE)]
    rows = evaluation.rows[evaluation.rows["edit"].isin(sides)]
    return paired.compare(
        [
            paired.Evaluation(str(name), part.assign(laundering=_PAIRED), evaluation.point)
            for name, part in rows.groupby("laundering", sort=False)
        ],
        replicates,
        evaluation.summary.intervals.seed,
    )


def small(draw: Callable[..., Drawn], *arguments: Any) -> Drawn:
    """Draws a figure of the report in the resolution of a notebook."""
    with resolution(_DPI):
        return draw(*arguments)


def frame(rows: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """Returns a header and rows as a table whose rows go by their first cell."""
    header, *lines = rows
    cells = [[_cell(value) for value in line] for line in lines]
    return pd.DataFrame(cells, columns=list(header)).set_index(header[0])


def frame_of(table: breakdown.Table) -> pd.DataFrame:
    """Returns a table of the report, figures with their intervals as text."""
    return frame([table.header, *table.rows])


def percent(share: Estimate) -> str:
    """Returns `98.8 % [97.3, 100.0]`, or a dash where it is undefined."""
    value, *interval = share_text(share, 100, 1).split(" ", 1)
    return value if share.value is None else " ".join([value, "%", *interval])


def share_text(share: Estimate, per: int, digits: int = 0) -> str:
    """Returns a share with its interval as so many of 10, 100 or 1,000."""
    value, lo, hi = (None if end is None else per * end for end in (share.value, share.lo, share.hi))
    return figure_text(Estimate(value, lo, hi, share.n), digits)


def extremes(rows: Sequence[Subset], figure: str) -> tuple[Subset, Subset] | None:
    """Returns the rows with the highest and the lowest figure, of at least two of enough sources.

    They are picked because they differ most: of many groups that are alike, two lie apart by chance.

    Args:
        rows: A summary's groups, networks or edits.
        figure: Such as `tpr`.
    """
    values = [(getattr(row, figure).value, row) for row in rows if row.sources >= breakdown.FEWEST]
    known = [(value, row) for value, row in values if value is not None]
    if len(known) < 2:
        return None
    ordered = sorted(known, key=lambda pair: pair[0], reverse=True)
    return ordered[0][1], ordered[-1][1]


def under(laundering: str) -> str:
    """Returns `untouched`, `under jpeg80` or `all launderings pooled`."""
    if laundering == POOLED:
        return POOLED
    return "untouched" if laundering == UNTOUCHED else f"under {laundering}"


def _cell(value: Any) -> Any:
    return figure_text(value) if isinstance(value, Estimate) else value
