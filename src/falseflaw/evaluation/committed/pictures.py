"""Pictures that notebooks open with and no report has: what probes tell, and who gets which verdict."""

from __future__ import annotations

import numpy as np
import pandas as pd

from falseflaw.evaluation.committed.committed import DatasetAudit
from falseflaw.evaluation.figures.measure import VERDICTS
from falseflaw.evaluation.report.plotting import COLORS, GRID, INK, Drawn, canvas, png
from falseflaw.evidence.style import color
from falseflaw.types import Edit

_ACCENTS = tuple(f"#{bytes(color(name)).hex()}" for name in ("accent", "accent-tint"))
_SHADES = (*_ACCENTS, GRID)  # altered, inconclusive, no sign


def probes(audit: DatasetAudit) -> Drawn:
    """Draws how much each probe of an audit tells beside the trace of alteration, with 95 % intervals."""
    names = list(audit.probes)
    figure, axes = canvas(7.0, 0.6 + 0.36 * len(names))
    axes.axvline(0.5, color=INK, lw=1.2, ls=":")
    for place, name in enumerate(reversed(names)):
        found = audit.probes[name]
        value, low, high = (np.nan if end is None else end for end in (found.value, found.lo, found.hi))
        axes.plot([low, high], [place, place], color=COLORS[0], lw=2)
        axes.plot(value, place, "o", color=COLORS[0], ms=6)
    axes.set_yticks(range(len(names)), list(reversed(names)))
    axes.set(xlim=(0, 1), xlabel="AUROC; 0.5: nothing is told")
    told = [f"{name} {found.value:.2f}" for name, found in audit.probes.items() if found.value is not None]
    return Drawn(
        png(figure),
        "What tells beside the trace",
        "Small classifiers that never look for the trace of alteration; 95 % intervals.",
        f"AUROC of {', '.join(told)}.",
    )


def verdicts(rows: pd.DataFrame, title: str) -> Drawn:
    """Draws the shares of the three verdicts, edit by edit.

    Args:
        rows: Of `measure.prepare`, with `verdict`.
        title: Which photos they are.
    """
    edits = [str(edit) for edit in Edit if (rows["edit"] == str(edit)).any()]
    figure, axes = canvas(7.4, 0.9 + 0.36 * len(edits))
    shares = {
        edit: [float((rows.loc[rows["edit"] == edit, "verdict"] == str(word)).mean()) for word in VERDICTS]
        for edit in edits
    }
    for place, edit in enumerate(reversed(edits)):
        left = 0.0
        for shade, share in zip(_SHADES, shares[edit], strict=True):
            axes.barh(place, share, left=left, color=shade, height=0.72)
            left += share
    names = [edit.replace("_", " ") for edit in reversed(edits)]
    axes.set_yticks(range(len(edits)), names)
    axes.set(xlim=(0, 1), xlabel="share of photos")
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color=GRID, lw=0.7)
    for shade, word in zip(_SHADES, VERDICTS, strict=True):
        axes.barh(0, 0, color=shade, label=str(word))
    axes.legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    told = "; ".join(f"{edit.replace('_', ' ')} {values[0]:.2f}" for edit, values in shares.items())
    caption = f"{title}. An altered photo without violet got away; an honest one with violet was wronged."
    return Drawn(png(figure), "Verdicts", caption, f"Share called altered: {told}.")
