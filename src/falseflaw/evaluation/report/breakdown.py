"""Tables of the breakdowns of a summary."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from falseflaw.evaluation.figures.groups import GROUPINGS
from falseflaw.evaluation.figures.summary import ComparisonSummary, Subset
from falseflaw.statistics.bootstrap import Estimate

FEWEST = 5
"""Sources below which a bootstrap interval is not shown."""

FIGURES = {"auroc": "AUROC", "tpr": "TPR", "fpr": "FPR", "pixel_f1": "pixel F1"}
"""Figures of a subset, with the words for them."""

E = TypeVar("E", bound=Estimate)


@dataclass(frozen=True)
class Table:
    """A table for the report.

    Attributes:
        title: What the rows are.
        header: Words for the columns.
        rows: Cells: text, or figures.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str | Estimate, ...], ...]


def groups(summary: ComparisonSummary) -> list[Table]:
    """Returns a table for every grouping of the summary that has rows."""
    tables = []
    for column, subsets in summary.groups.items():
        words = GROUPINGS[column]
        rows: tuple[tuple[str | Estimate, ...], ...] = tuple(
            (row.name, str(row.sources), *figures_of(row)) for row in subsets
        )
        if rows:
            tables.append(Table(f"By {words}", (words, "sources", *FIGURES.values()), rows))
    return tables


def figures_of(subset: Subset) -> tuple[Estimate, ...]:
    """Returns the figures of a subset in the order of `FIGURES`, as far as they may be shown."""
    return tuple(shown(getattr(subset, name), subset.sources) for name in FIGURES)


def shown(estimate: E, sources: int) -> E:
    """Returns a figure; of too few sources without the interval that a bootstrap gave it.

    Resampling one source always gives the same figure, and resampling two or three hardly more. The
    intervals of a rate of 0 or 1 are not resampled (see `bootstrap.rate`) and stay.
    """
    exact = estimate.value in {0, 1} and estimate.lo != estimate.hi
    return estimate if sources >= FEWEST or exact else replace(estimate, lo=None, hi=None)
