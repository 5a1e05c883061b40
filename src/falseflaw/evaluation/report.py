"""The HTML report: one file, figures and photos inside, readable on a desk and on a phone."""

from __future__ import annotations

import base64
import importlib.resources
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jinja2

from falseflaw.evaluation.gallery import Example
from falseflaw.evaluation.groups import GROUPINGS
from falseflaw.evaluation.measure import VERDICTS
from falseflaw.evaluation.tables import scope_text
from falseflaw.imaging import codec

REPORT_NAME = "report.html"

_FIGURES = {
    "robustness": ("Robustness", "Each figure under each laundering, with 95 % intervals."),
    "roc": ("ROC", "Inpainted against simulated damage. Dots: the operating point fixed on validation."),
    "reliability": (
        "Reliability",
        "Inpainted photos and negatives pooled, as in a matched set: on the diagonal, the probability fits "
        "that mixture.",
    ),
    "scores": ("Scores", "Simulated damage left of the threshold is right, inpainted right of it."),
}


def render(
    summary: dict[str, Any],
    figures: dict[str, bytes],
    misses: Sequence[Example],
    alarms: Sequence[Example],
) -> str:
    """Returns the report as HTML.

    Args:
        summary: Of `summary.summarize`.
        figures: PNG bytes of `figures.draw_all`.
        misses: Positives of lowest probability.
        alarms: Simulated damage of highest probability.
    """
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["count"] = _count_text
    template = importlib.resources.files("falseflaw.evaluation").joinpath("report.html.j2")
    return environment.from_string(template.read_text(encoding="utf-8")).render(
        summary=summary,
        scope=scope_text(summary),
        first=summary["launderings"][0],
        hardest=min(summary["launderings"], key=lambda entry: entry["headline"]["auroc"]["value"] or 0.0),
        figures=[
            (title, text, base64.b64encode(figures[name]).decode())
            for name, (title, text) in _FIGURES.items()
        ],
        edits=list(summary["launderings"][0]["flagged"]),
        verdicts=[str(verdict) for verdict in VERDICTS],
        groupings=GROUPINGS,
        misses=misses,
        alarms=alarms,
        limits=limits(summary),
        provenance=json.dumps(summary["provenance"], indent=2, ensure_ascii=False),
    )


def limits(summary: dict[str, Any]) -> list[str]:
    """Returns what the figures do not show, in sentences that depend on the evaluation at hand."""
    texts = [
        "Simulated damage is painted by a program. How often photos of really damaged products are called "
        "altered, only photos of real damage can tell; none are in here.",
        f"All inpainting comes from {_generators(summary)}. A detector knows the traces of the generators "
        "it learnt from; others may pass unseen.",
        "The screenshot is simulated; a real screen, browser and phone differ.",
    ]
    if summary["fitted"].get("small"):
        texts.append(f"The operating point was {summary['fitted']['rule']}.")
    negatives = summary["launderings"][0]["headline"]["fpr"]
    if negatives["hi"] is not None and negatives["hi"] > 0.02:
        texts.append(
            f"With {negatives['n']} photos of simulated damage, a false-positive rate of up to "
            f"{100 * negatives['hi']:.1f} % cannot be excluded."
        )
    if limit := summary["provenance"].get("limit_sources"):
        texts.append(f"Only {limit} sources per fold were measured (limit_sources={limit}).")
    return texts


def _generators(summary: dict[str, Any]) -> str:
    names = summary["provenance"].get("generators") or ["unnamed generators"]
    word = "the generator " if len(names) == 1 else "the generators "
    return word + ", ".join(names)


def _count_text(estimate: dict[str, Any]) -> str:
    """Returns `3 of 120`."""
    return f"{estimate['count']} of {estimate['n']}"


def write_report(folder: Path, html: str) -> Path:
    """Writes `report.html` atomically and returns its path."""
    path = folder / REPORT_NAME
    codec.write_atomic(path, html.encode("utf-8"))
    return path
