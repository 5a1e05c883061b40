"""Every figure of an evaluation, computed from its predictions and operating point and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation import answers
from falseflaw.evaluation.figures.cost import CostAssumptions, savings
from falseflaw.evaluation.figures.groups import GROUPINGS, HEADLINE_POSITIVES
from falseflaw.evaluation.figures.measure import Measure, prepare
from falseflaw.evaluation.figures.parity import parity
from falseflaw.imaging import codec
from falseflaw.statistics.bootstrap import LEVEL
from falseflaw.types import INPAINTED, Edit, Fold, OperatingPoint

SUMMARY_NAME = "summary.json"
POOLED = "all launderings pooled"

Json = dict[str, Any]


def headline(edits: Iterable[str]) -> str:
    """Returns the words for what is compared, naming the inpainted edits that were measured."""
    measured = set(edits)
    names = [
        str(edit).removeprefix("inpainted_") for edit in Edit if edit in INPAINTED and str(edit) in measured
    ]
    words = " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
    return f"inpainted ({words}) against simulated damage"


def summarize(
    predictions: pd.DataFrame,
    point: OperatingPoint,
    provenance: Json,
    *,
    fitted: Json | None = None,
    fold: str = Fold.TEST,
    replicates: int = 1000,
    seed: int = 0,
    costs: CostAssumptions | None = None,
) -> Json:
    """Computes all figures of one fold.

    Args:
        predictions: Columns of `predictions.SCHEMA`.
        point: Thresholds; never refitted here.
        provenance: Taken over as it is.
        fitted: How the operating point came about; taken over as it is.
        fold: To measure on.
        replicates: Of the bootstrap.
        seed: Of the bootstrap.
        costs: What the saving is told for; None for the defaults.

    Returns:
        What `summary.json` holds: figures as value, lo, hi (95 %) and n.

    Raises:
        InvalidDataError: The fold has no inpainted photo or no simulated damage.
    """
    rows = prepare(predictions[predictions["fold"] == str(fold)], point)
    if not comparable(rows):
        raise InvalidDataError(
            f"expected inpainted and simulated-damage photos in the {fold} fold, got "
            f"{_photos(rows)}; build a larger dataset"
        )
    names = list(dict.fromkeys(rows["laundering"]))
    measure = Measure(point, replicates, seed)
    launderings = []
    for name in names:
        subset = rows[rows["laundering"] == name]
        first = subset.iloc[0]
        facts = {"name": name, "severity": first["severity"], "unseen": bool(first["unseen"])}
        launderings.append(facts | measure.laundering(subset))
    return {
        "comparison": headline(rows["edit"]),
        **described(rows, point, fitted, fold),
        "intervals": {"level": LEVEL, "clustered_by": "source", "replicates": replicates, "seed": seed},
        "launderings": launderings,
        "pooled": {"name": POOLED} | measure.laundering(rows),
        "groups": {grouping: measure.groups(rows, grouping) for grouping in GROUPINGS},
        "edits": measure.edits(rows[rows["laundering"] == names[0]]),
        "networks": measure.networks(rows[rows["laundering"] == names[0]]),
        "parity": [
            {"laundering": name} | parity(subset[subset["edit"] == Edit.SIMULATED_DAMAGE], replicates, seed)
            for name, subset in ((names[0], rows[rows["laundering"] == names[0]]), (POOLED, rows))
        ],
        "cost": savings(_compared(rows), point, costs or CostAssumptions(), replicates, seed),
        "answers": _answers(launderings),
        "provenance": provenance,
    }


def described(rows: pd.DataFrame, point: OperatingPoint, fitted: Json | None, fold: str) -> Json:
    """Returns what every summary opens with: fold, sources, photos of each edit, and the operating point."""
    return {
        "fold": str(fold),
        "sources": int(rows["source_id"].nunique()),
        "photos": _photos(rows),
        "operating_point": asdict(point),
        "fitted": fitted or {},
    }


def _photos(rows: pd.DataFrame) -> dict[str, int]:
    counts = rows.drop_duplicates("path")["edit"].value_counts()
    return {str(edit): int(count) for edit, count in counts.items()}


def _compared(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the two sides of the headline."""
    compared: pd.DataFrame = rows[rows["edit"].isin([*HEADLINE_POSITIVES, str(Edit.SIMULATED_DAMAGE)])]
    return compared


def _answers(launderings: list[Json]) -> Json:
    first = launderings[0]
    honest = str(Edit.SIMULATED_DAMAGE)
    names = answers.asked([entry["name"] for entry in launderings])
    return {
        "honest_buyers": answers.honest_buyers(
            honest, first["name"], first["flagged"][honest], first["verdicts"][honest]
        ),
        "fakes": [
            answers.fakes(entry["name"], entry["inpainted_verdicts"])
            for entry in launderings
            if entry["name"] in names
        ],
    }


def comparable(rows: pd.DataFrame) -> bool:
    """Whether there are both inpainted photos and simulated damage among manifest rows or predictions."""
    edits = set(rows["edit"])
    return bool(edits & set(HEADLINE_POSITIVES)) and str(Edit.SIMULATED_DAMAGE) in edits


def write_summary(folder: Path, summary: Json) -> Path:
    """Writes `summary.json` atomically and returns its path."""
    path = folder / SUMMARY_NAME
    codec.write_atomic(path, (json.dumps(summary, indent=1, allow_nan=False) + "\n").encode())
    return path


def read_summary(folder: Path) -> Json:
    """Reads `summary.json` of an evaluation folder.

    Raises:
        InvalidDataError: It is missing or not one.
    """
    path = folder / SUMMARY_NAME
    try:
        summary: Json = json.loads(path.read_text(encoding="utf-8"))
        if "rates" in summary and "launderings" not in summary:
            raise InvalidDataError(
                f"expected a comparison of inpainted photos with simulated damage in {path}, got rates only; "
                "evaluate on a dataset of matched sets"
            )
        summary["launderings"][0]["headline"]["auroc"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InvalidDataError(f"cannot read {path}: {error}; run `falseflaw evaluate` again") from error
    return summary
