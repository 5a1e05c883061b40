"""How figures and tables of them are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from falseflaw.statistics.bootstrap import Estimate


def figure_text(estimate: Estimate, digits: int = 3, sign: str = "") -> str:
    """Returns `0.912 [0.890, 0.930]`, with `sign="+"` all signed; a dash where the figure is undefined."""
    if estimate.value is None:
        return "–"
    value = f"{estimate.value:{sign}.{digits}f}"
    if estimate.lo is None or estimate.hi is None:
        return value
    return f"{value} [{estimate.lo:{sign}.{digits}f}, {estimate.hi:{sign}.{digits}f}]"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Returns rows of cells as text in aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def markdown_table(header: Sequence[object], lines: Iterable[Sequence[object]]) -> str:
    """Returns a table in Markdown."""
    rows = ["".join(f" {_escaped(cell)} |" for cell in row) for row in (header, *lines)]
    return "\n".join(f"|{row}" for row in (rows[0], "---|" * len(header), *rows[1:]))


def _escaped(cell: object) -> str:
    return str(cell).replace("|", "\\|")
