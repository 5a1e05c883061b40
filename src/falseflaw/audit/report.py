"""An audit as text to read."""

from __future__ import annotations

from falseflaw.audit.audit import GATES, PROBES, Audit
from falseflaw.audit.ring import RingProbe
from falseflaw.statistics.text import aligned, figure_text

_SHOWN = 3


def text_report(audit: Audit) -> str:
    """Returns gates with their findings, probes with their intervals, and what a fold holds, in lines."""
    lines = ["gate             result  what it asks"]
    for name, question in GATES.items():
        failed, warned = audit.findings[name], audit.warnings.get(name, [])
        found = failed or warned
        result = "FAILED" if failed else "warned" if warned else "passed"
        lines.append(f"{name:16} {result:7} {question}")
        lines += [f"{'':24} {line}" for line in found[:_SHOWN]]
        if len(found) > _SHOWN:
            lines.append(f"{'':24} and {len(found) - _SHOWN} more")
    lines += ["", "probe            AUROC                  what it looks at (reported; 0.5 tells nothing)"]
    lines += [f"{name:16} {figure_text(audit.probes[name]):22} {text}" for name, text in PROBES.items()]
    if audit.ring is not None:
        lines += ["", *ring_lines(audit.ring)]
    if audit.composed is not None:
        lines += ["", "the same of pairs that training composes from layers", *ring_lines(audit.composed)]
    if audit.areas:
        shares = ", ".join(f"{name} {value:.2%}" for name, value in audit.areas.items())
        lines += ["", f"mask's share of the photo, quantiles: {shares}"]
    photos = "; ".join(f"{fold} {sum(cells.values())}" for fold, cells in audit.counts.items())
    number, smallest = min(
        (number, f"{fold}, {cell}") for fold, cells in audit.counts.items() for cell, number in cells.items()
    )
    return "\n".join([*lines, "", f"photos: {photos}", f"smallest cell: {smallest}: {number}"])


def ring_lines(ring: RingProbe) -> list[str]:
    """Returns the ring probes by edit and by writer: median ratio, and AUROC against honest photos."""
    cells = [["region against its ring", "photos", "ratio", "smoothness", "energy", "structure"]]
    for name, figures in {"positives": ring.positives, **ring.by_edit, **ring.by_writer}.items():
        ratio = "–" if figures.ratio is None else f"{figures.ratio:.2f}"
        estimates = (figures.smoothness, figures.energy, figures.structure)
        cells.append([name, str(figures.photos), ratio, *map(figure_text, estimates)])
    left_out = f"{ring.left_out} of {ring.measured + ring.left_out} photos left out: region or ring too small"
    return [*aligned(cells).splitlines(), left_out]
