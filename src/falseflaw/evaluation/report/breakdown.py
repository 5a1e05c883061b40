"""Tables of whatever breakdowns a summary holds, those included that this version does not know by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from falseflaw.evaluation.figures.groups import GROUPINGS

Json = dict[str, Any]

_SHOWN_ELSEWHERE = frozenset(
    {"comparison", "fold", "sources", "photos", "operating_point", "fitted", "intervals", "launderings",
     "pooled", "groups", "edits", "networks", "provenance", "rates", "answers", "parity", "cost"}
)  # fmt: skip
FEWEST = 5
"""Sources below which a bootstrap interval is not shown."""

_WORDS = {"auroc": "AUROC", "tpr": "TPR", "fpr": "FPR", "pixel_f1": "pixel F1", "ece": "ECE"}


@dataclass(frozen=True)
class Table:
    """A table for the report.

    Attributes:
        title: What the rows are.
        header: Words for the columns.
        rows: Cells: text, or figures with value, lo and hi.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str | Json, ...], ...]


def groups(summary: Json) -> list[Table]:
    """Returns a table for every grouping of the summary that has rows."""
    tables = []
    for column, rows in summary.get("groups", {}).items():
        words = GROUPINGS.get(column, column.replace("_", " "))
        tables.append(_table(f"By {words}", rows, {"group": words}))
    return [table for table in tables if table]


def others(summary: Json) -> list[Table]:
    """Returns a table for every further part of the summary that is one: rows of texts, numbers and figures.

    What is built otherwise is left out rather than guessed at; summary.json has it.
    """
    tables = []
    for key, part in summary.items():
        if key in _SHOWN_ELSEWHERE:
            continue
        title = key.replace("_", " ").capitalize()
        if isinstance(part, Mapping) and part and all(_is_figure(value) for value in part.values()):
            part = [{"figure": name.replace("_", " "), "value": value} for name, value in part.items()]
        if isinstance(part, Mapping):
            tables += [_table(f"{title}: {name.replace('_', ' ')}", rows, {}) for name, rows in part.items()]
        else:
            tables.append(_table(title, part, {}))
    return [table for table in tables if table]


def steady(row: Json, key: str) -> Any:
    """Returns a cell of a row; of too few sources without the interval that a bootstrap gave it.

    Resampling one source always gives the same figure, and resampling two or three hardly more. The
    intervals of a rate of 0 or 1 are not resampled (see `bootstrap.rate`) and stay.
    """
    value: Any = row.get(key)
    sources = row.get("sources", row.get("groups"))
    if not _is_figure(value) or sources is None or sources >= FEWEST:
        return value
    exact = value["value"] in {0, 1} and value["lo"] != value["hi"]
    return value if exact else {**value, "lo": None, "hi": None}


def _table(title: str, rows: Any, words: Mapping[str, str]) -> Table | None:
    """Returns rows of equal keys as a table, or None if they are not."""
    if not isinstance(rows, Sequence) or isinstance(rows, str) or not rows:
        return None
    if not all(isinstance(row, Mapping) and row.keys() == rows[0].keys() for row in rows):
        return None
    keys = [key for key in rows[0] if all(_is_cell(row[key]) for row in rows)]
    if len(keys) < 2:
        return None
    rows = [{key: steady(row, key) for key in keys} for row in rows]
    header = tuple(words.get(key) or _WORDS.get(key) or str(key).replace("_", " ") for key in keys)
    return Table(title, header, tuple(tuple(_cell(row[key]) for key in keys) for row in rows))


def _is_figure(value: Any) -> bool:
    return isinstance(value, Mapping) and {"value", "lo", "hi"} <= value.keys()


def _is_cell(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float) or _is_figure(value)


def _cell(value: Any) -> str | Json:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3f}"
    return "–" if value is None else str(value)
