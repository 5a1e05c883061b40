"""Every figure of matched sets, computed from predictions and operating point and nothing else."""

from __future__ import annotations

import pandas as pd

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.figures.calibration import Fitted
from falseflaw.evaluation.figures.cost import CostAssumptions, savings
from falseflaw.evaluation.figures.groups import GROUPINGS, comparable, compared, headline
from falseflaw.evaluation.figures.measure import Measure, photos_by_edit
from falseflaw.evaluation.figures.parity import parity
from falseflaw.evaluation.figures.summary import POOLED, ComparisonSummary, Intervals, Provenance
from falseflaw.types import Edit


def summarize(
    rows: pd.DataFrame,
    measure: Measure,
    provenance: Provenance,
    fitted: Fitted | None = None,
    costs: CostAssumptions | None = None,
) -> ComparisonSummary:
    """Computes all figures of one fold.

    Args:
        rows: Of `measure.prepare`, one fold.
        measure: At the thresholds that the rows were prepared with; they are never refitted here.
        provenance: Taken over as it is.
        fitted: How the operating point came about; taken over as it is.
        costs: What the saving is told for; None for the defaults.

    Raises:
        InvalidDataError: There is no inpainted photo or no simulated damage.
    """
    photos = photos_by_edit(rows)
    if not comparable(rows):
        raise InvalidDataError(
            f"expected inpainted and simulated-damage photos, got {photos or 'none'}; build a larger dataset"
        )
    names = list(dict.fromkeys(rows["laundering"]))
    first = rows[rows["laundering"] == names[0]]
    point, replicates, seed = measure.point, measure.replicates, measure.seed
    return ComparisonSummary(
        fold=str(rows["fold"].iloc[0]),
        sources=int(rows["source_id"].nunique()),
        photos=photos,
        operating_point=point,
        fitted=fitted,
        intervals=Intervals("source", replicates, seed),
        parity=tuple(
            parity(name, subset[subset["edit"] == Edit.SIMULATED_DAMAGE], replicates, seed)
            for name, subset in ((names[0], first), (POOLED, rows))
        ),
        provenance=provenance,
        undecided=measure.undecided(rows),
        comparison=headline(rows["edit"]),
        launderings=tuple(measure.laundering(name, rows[rows["laundering"] == name]) for name in names),
        pooled=measure.laundering(POOLED, rows),
        groups={grouping: measure.groups(rows, grouping) for grouping in GROUPINGS},
        edits=measure.edits(first),
        networks=measure.networks(first),
        cost=savings(compared(rows), point, costs or CostAssumptions(), replicates, seed),
    )
