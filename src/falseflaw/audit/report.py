"""An audit as text to read."""

from __future__ import annotations

from falseflaw.audit.audit import GATES, PROBES, Audit
from falseflaw.statistics.text import figure_text

_SHOWN = 3


def text_report(audit: Audit) -> str:
    """Returns gates with their findings, probes with their intervals, and what a fold holds, in lines."""
    lines = ["gate             result  what it asks"]
    for name, question in GATES.items():
        found = audit.findings[name]
        lines.append(f"{name:16} {'passed' if not found else 'FAILED':7} {question}")
        lines += [f"{'':24} {line}" for line in found[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append(f"{'':24} and {len(found) - _SHOWN} more")
    lines += ["", "probe            AUROC                  what it looks at (reported; 0.5 tells nothing)"]
    lines += [f"{name:16} {figure_text(audit.probes[name]):22} {text}" for name, text in PROBES.items()]
    if audit.areas:
        shares = ", ".join(f"{name} {value:.2%}" for name, value in audit.areas.items())
        lines += ["", f"mask's share of the photo, quantiles: {shares}"]
    photos = "; ".join(f"{fold} {sum(cells.values())}" for fold, cells in audit.counts.items())
    number, smallest = min(
        (number, f"{fold}, {cell}") for fold, cells in audit.counts.items() for cell, number in cells.items()
    )
    return "\n".join([*lines, "", f"photos: {photos}", f"smallest cell: {smallest}: {number}"])
