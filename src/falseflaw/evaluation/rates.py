"""Figures of photos that are in no matched set: how often each kind is flagged, product by product."""

from __future__ import annotations

from typing import Any

import pandas as pd

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.bootstrap import LEVEL
from falseflaw.evaluation.summary import POOLED, Measure, described, prepare
from falseflaw.types import Edit, Fold, OperatingPoint

ALL = "all products"

Json = dict[str, Any]


def summarize(
    predictions: pd.DataFrame,
    point: OperatingPoint,
    provenance: Json,
    *,
    fitted: Json | None = None,
    fold: str = Fold.TEST,
    replicates: int = 1000,
    seed: int = 0,
) -> Json:
    """Computes the rates of one fold, by the same code as those of matched sets.

    Args:
        predictions: Columns of `predictions.SCHEMA`.
        point: Thresholds; never refitted here.
        provenance: Taken over as it is.
        fitted: How the operating point came about; taken over as it is.
        fold: To measure on.
        replicates: Of the bootstrap.
        seed: Of the bootstrap.

    Returns:
        What `summary.json` holds: `rates` has an entry for every laundering and for all pooled, every product
        and for all together, and every edit. Its shares have value, lo, hi (95 %), n and count; see
        `bootstrap.rate` for when they are Clopper-Pearson's. `pixel_f1` is None where there is no true mask.

    Raises:
        InvalidDataError: The fold is empty.
    """
    rows = prepare(predictions[predictions["fold"] == str(fold)], point)
    if rows.empty:
        raise InvalidDataError(f"expected predictions of the {fold} fold, got none")
    measure = Measure(point, replicates, seed)
    names = list(dict.fromkeys(rows["laundering"]))
    entries = [
        {"laundering": name} | entry
        for name in (*names, POOLED)
        for entry in _rates(rows if name == POOLED else rows[rows["laundering"] == name], measure)
    ]
    return {
        **described(rows, point, fitted, fold),
        "groups": int(rows["group"].nunique()),
        "intervals": {"level": LEVEL, "clustered_by": "group", "replicates": replicates, "seed": seed},
        "rates": entries,
        "provenance": provenance,
    }


def _rates(rows: pd.DataFrame, measure: Measure) -> list[Json]:
    products = sorted(set(rows["product"]))
    found = []
    for product in [*products, *([ALL] if len(products) > 1 else [])]:
        chosen = rows if product == ALL else rows[rows["product"] == product]
        for edit in [edit for edit in Edit if (chosen["edit"] == edit).any()]:
            subset = chosen[chosen["edit"] == edit]
            found.append(
                {
                    "product": product,
                    "edit": str(edit),
                    "label": edit.label,
                    "photos": int(subset["path"].nunique()),
                    "groups": int(subset["group"].nunique()),
                    "flagged": measure.flagged(subset),
                    "verdicts": measure.verdicts(subset),
                    "pixel_f1": measure.pixel(subset)["f1"] if edit.masked else None,
                }
            )
    return found
