"""Figures of photos that are in no matched set: how often each kind is flagged, product by product."""

from __future__ import annotations

import pandas as pd

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.figures.calibration import Fitted
from falseflaw.evaluation.figures.measure import Measure, photos_by_edit
from falseflaw.evaluation.figures.parity import parity
from falseflaw.evaluation.figures.summary import POOLED, Intervals, Provenance, Rate, RatesSummary
from falseflaw.types import Edit

ALL = "all products"


def summarize(
    rows: pd.DataFrame, measure: Measure, provenance: Provenance, fitted: Fitted | None = None
) -> RatesSummary:
    """Computes the rates of one fold, by the same code as those of matched sets.

    Args:
        rows: Of `measure.prepare`, one fold.
        measure: At the thresholds that the rows were prepared with; they are never refitted here.
        provenance: Taken over as it is.
        fitted: How the operating point came about; taken over as it is.

    Returns:
        Rates, and the parity of photos of real damage.

    Raises:
        InvalidDataError: There are no rows.
    """
    if rows.empty:
        raise InvalidDataError("expected predictions of the fold to measure on, got none")
    names = list(dict.fromkeys(rows["laundering"]))
    parts = {name: rows[rows["laundering"] == name] for name in names} | {POOLED: rows}
    real = rows[rows["edit"] == Edit.REAL_DAMAGE]
    damaged = {names[0]: real[real["laundering"] == names[0]], POOLED: real} if len(real) else {}
    return RatesSummary(
        fold=str(rows["fold"].iloc[0]),
        sources=int(rows["source_id"].nunique()),
        photos=photos_by_edit(rows),
        operating_point=measure.point,
        fitted=fitted,
        intervals=Intervals("group", measure.replicates, measure.seed),
        parity=tuple(parity(name, part, measure.replicates, measure.seed) for name, part in damaged.items()),
        provenance=provenance,
        undecided=measure.undecided(rows),
        objects=int(rows["group"].nunique()),
        rates=tuple(rate for name, part in parts.items() for rate in _rates(name, part, measure)),
        auroc={
            name: measure.auroc(part[part["label"].isin((0, 1))])
            for name, part in parts.items()
            if {0, 1} <= set(part["label"])
        },
    )


def _rates(laundering: str, rows: pd.DataFrame, measure: Measure) -> list[Rate]:
    products = sorted(set(rows["product"]))
    found = []
    for product in [*products, *([ALL] if len(products) > 1 else [])]:
        chosen = rows if product == ALL else rows[rows["product"] == product]
        for edit in [edit for edit in Edit if (chosen["edit"] == edit).any()]:
            subset = chosen[chosen["edit"] == edit]
            found.append(
                Rate(
                    laundering=laundering,
                    product=product,
                    edit=str(edit),
                    photos=int(subset["path"].nunique()),
                    groups=int(subset["group"].nunique()),
                    flagged=measure.flagged(subset),
                    verdicts=measure.verdicts(subset),
                    pixel_f1=measure.pixel(subset).f1 if edit.masked else None,
                )
            )
    return found
