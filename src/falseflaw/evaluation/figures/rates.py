"""Figures of photos that are in no matched set: how often each kind is flagged, product by product."""

from __future__ import annotations

from typing import Any

import pandas as pd

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation import answers
from falseflaw.evaluation.figures.measure import Measure, prepare
from falseflaw.evaluation.figures.parity import parity
from falseflaw.evaluation.figures.summary import POOLED, described
from falseflaw.statistics.bootstrap import LEVEL
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
        `parity` and `answers` are as in `summary.summarize`, of the honest from photos of real damage.

    Raises:
        InvalidDataError: The fold is empty.
    """
    rows = prepare(predictions[predictions["fold"] == str(fold)], point)
    if rows.empty:
        raise InvalidDataError(f"expected predictions of the {fold} fold, got none")
    measure = Measure(point, replicates, seed)
    names = list(dict.fromkeys(rows["laundering"]))
    real = rows[rows["edit"] == Edit.REAL_DAMAGE]
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
        "parity": [
            {"laundering": name}
            | parity(real if name == POOLED else real[real["laundering"] == name], replicates, seed)
            for name in (names[0], POOLED)
            if len(real)
        ],
        "answers": _answers(entries, names),
        "provenance": provenance,
    }


def _answers(entries: list[Json], names: list[str]) -> Json:
    """Answers from the rates over all products; where there is one product, over that."""
    overall = {(entry["laundering"], entry["edit"]): entry for entry in entries}  # all products stand last
    honest = overall.get((names[0], str(Edit.REAL_DAMAGE)))
    return {
        "honest_buyers": honest
        and answers.honest_buyers(honest["edit"], names[0], honest["flagged"], honest["verdicts"]),
        "fakes": [
            answers.fakes(name, overall[name, str(Edit.BY_OTHERS)]["verdicts"])
            for name in answers.asked(names)
            if (name, str(Edit.BY_OTHERS)) in overall
        ],
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
