"""What of README.md and docs/results.md is written by machine: tables of results and of commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.figures.summary import ComparisonSummary
from falseflaw.evaluation.report.tables import results_table
from falseflaw.imaging import codec
from falseflaw.statistics.text import figure_text, markdown_table

MINUTES_NAME = "minutes.json"

SHORT = {
    "identity": "untouched",
    "jpeg60": "JPEG 60",
    "resize_0.5": "half as large",
    "screenshot": "screenshot",
    "screenshot_x2": "screenshot, pixel ratio 2",
    "chain_chat_app": "sent through a chat",
}
"""Launderings of the short table, and what people call them."""

Row = dict[str, Any]
"""What a figure takes: figure (what README calls it), command, and minutes (None: never measured)."""


def results_block(summary: ComparisonSummary) -> str:
    """Returns the table, what it compares, and where it comes from."""
    provenance, model = summary.provenance, summary.provenance.model
    return (
        f"{results_table(summary)}\n\n"
        f"From `{provenance.command}` on {', '.join(provenance.photo_sets)} photos; "
        f"{model['kind']} {model['sha256'][:12]}."
    )


def short_block(summary: ComparisonSummary) -> str:
    """Returns the table of a few launderings, probability alone, without what is told of pixels."""
    entries = {entry.name: entry for entry in summary.launderings}
    lines = []
    for name, words in SHORT.items():
        if entry := entries.get(name):
            figures = (entry.headline.auroc, entry.headline.tpr, entry.headline.fpr, entry.left_open)
            lines.append((words, *map(figure_text, figures)))
    return markdown_table(("photo", "AUROC", "fakes found", "honest accused", "honest inconclusive"), lines)


def figures_block(rows: list[Row]) -> str:
    """Returns the table of figures, commands and minutes."""
    lines = [(row["figure"], f"`{row['command']}`", _minutes(row["minutes"])) for row in rows]
    return markdown_table(("figure", "command", "minutes"), lines)


def _minutes(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.05 else "below 0.1"


def read_minutes(folder: Path) -> list[Row]:
    """Reads `minutes.json`; empty without one.

    Raises:
        InvalidDataError: It is broken.
    """
    path = folder / MINUTES_NAME
    if not path.is_file():
        return []
    try:
        rows: list[Row] = json.loads(path.read_text(encoding="utf-8"))
        for row in rows:
            row["figure"], row["command"], row["minutes"]
    except (ValueError, LookupError, TypeError) as error:
        raise InvalidDataError(
            f"expected a list of figure, command and minutes in {path}, got none to be read "
            f"({type(error).__name__}); restore it from git"
        ) from error
    return rows


def record_minutes(folder: Path, figure: str, command: str, minutes: float | None) -> None:
    """Writes what a figure took into `minutes.json`; None keeps a measurement of the same command."""
    rows = read_minutes(folder)
    found = next((row for row in rows if row["figure"] == figure), None)
    if found is None:
        found = {"figure": figure, "command": command, "minutes": None}
        rows.append(found)
    if minutes is not None or found["command"] != command:
        found |= {"command": command, "minutes": None if minutes is None else round(minutes, 1)}
    text = json.dumps(rows, indent=1, ensure_ascii=False)
    codec.write_atomic(folder / MINUTES_NAME, (text + "\n").encode())


def block_of(path: Path, name: str) -> str:
    """Returns what stands between the markers of a name.

    Raises:
        InvalidDataError: The markers are not there once each, in order.
    """
    text, begin, end = _marked(path, name)
    return text.split(begin)[1].split(end)[0].strip("\n")


def replace_block(path: Path, name: str, block: str) -> None:
    """Replaces what stands between the markers of a name.

    Raises:
        InvalidDataError: The markers are not there once each, in order.
    """
    text, begin, end = _marked(path, name)
    before, after = text.split(begin)[0], text.split(end)[1]
    codec.write_atomic(path, f"{before}{begin}\n{block}\n{end}{after}".encode())


def _marked(path: Path, name: str) -> tuple[str, str, str]:
    text = path.read_text(encoding="utf-8")
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    if text.count(begin) != 1 or text.count(end) != 1 or text.index(begin) > text.index(end):
        raise InvalidDataError(
            f"expected {begin} and {end} once each in {path}, in this order; put them there"
        )
    return text, begin, end
