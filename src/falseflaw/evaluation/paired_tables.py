"""A comparison of evaluations as text."""

from __future__ import annotations

from typing import Any

from falseflaw.evaluation.report.tables import aligned, figure_text, markdown

_NAMES = {
    "auroc": "AUROC",
    "average_precision": "AP",
    "balanced_accuracy": "balanced accuracy",
    "tpr": "TPR",
    "fpr": "FPR",
    "pixel_f1": "pixel F1",
    "pixel_iou": "pixel IoU",
}

Json = dict[str, Any]


def comparison_rows(comparison: Json) -> list[tuple[str, ...]]:
    """Returns a header, then a row for each laundering and metric.

    Every evaluation has a column with value and interval, and every one after the first a column with its
    difference to the first and the paired interval.
    """
    first, *others = [entry["name"] for entry in comparison["evaluations"]]
    rows = [("laundering", "metric", first, *others, *(f"{name} - {first}" for name in others))]
    for entry in (*comparison["launderings"], comparison["pooled"]):
        for metric, figures in entry["metrics"].items():
            name = _NAMES.get(metric, metric.replace("_", " "))
            values = (figure_text(value) for value in figures["values"])
            differences = (figure_text(step, sign="+") for step in figures["differences"][1:])
            rows.append((entry["name"], name, *values, *differences))
    return rows


def comparison_text(comparison: Json) -> str:
    """Returns the table in aligned columns, and what it shows."""
    return f"{aligned(comparison_rows(comparison))}\n\n{comparison_scope(comparison)}"


def comparison_markdown(comparison: Json) -> str:
    """Returns the table in Markdown, and what it shows."""
    return f"{markdown(comparison_rows(comparison))}\n\n{comparison_scope(comparison)}\n"


def comparison_scope(comparison: Json) -> str:
    """Says in a few sentences what was compared, and how to read the differences."""
    subject = comparison["comparison"] or "share of photos at or above the image threshold"
    photos = ", ".join(f"{count} {edit.replace('_', ' ')}" for edit, count in comparison["photos"].items())
    text = (
        f"{subject[0].upper()}{subject[1:]}; photos of {comparison['sources']} sources: {photos}. "
        "Every detector at its own thresholds, fixed before. Intervals are 95 %, clustered by source; "
        "differences were resampled in pairs on the same photos, each at 95 % for itself, not corrected for "
        "their number."
    )
    if left_out := comparison["left_out"]:
        text += f" Left out, since not all have them: {', '.join(left_out)}."
    return text
