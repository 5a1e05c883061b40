"""A summary as text: the tables that the commands print and the README shows, and what they compare."""

from __future__ import annotations

from collections.abc import Sequence

from falseflaw.evaluation.figures.groups import HEADLINE_POSITIVES
from falseflaw.evaluation.figures.measure import VERDICTS
from falseflaw.evaluation.figures.summary import POOLED, Json
from falseflaw.types import Edit


def figure_text(estimate: Json, digits: int = 3, sign: str = "") -> str:
    """Returns `0.912 [0.890, 0.930]`, with `sign="+"` all signed; a dash where the figure is undefined."""
    if estimate["value"] is None:
        return "–"
    value, lo, hi = (
        "" if estimate[name] is None else f"{estimate[name]:{sign}.{digits}f}"
        for name in ("value", "lo", "hi")
    )
    return f"{value} [{lo}, {hi}]" if lo else value


def table_rows(summary: Json) -> list[tuple[str, ...]]:
    """Returns the table that the command prints: a header, then one row per laundering."""
    rows: list[tuple[str, ...]] = [("laundering", "AUROC", "pixel F1", "TPR", "FPR")]
    for entry in summary["launderings"]:
        headline = entry["headline"]
        figures = (headline["auroc"], entry["pixel"]["f1"], headline["tpr"], headline["fpr"])
        name = entry["name"] + (" (unseen)" if entry["unseen"] else "")
        rows.append((name, *(figure_text(figure) for figure in figures)))
    return rows


def text_table(summary: Json) -> str:
    """Returns the table in aligned columns."""
    return aligned(table_rows(summary))


def aligned(rows: Sequence[tuple[str, ...]]) -> str:
    """Returns rows of cells as text in aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


def markdown_table(summary: Json) -> str:
    """Returns the table in Markdown, with a line that says what was compared on how many photos."""
    return f"{markdown(table_rows(summary))}\n\n{scope_text(summary)}"


def markdown(rows: Sequence[tuple[str, ...]]) -> str:
    """Returns rows of cells as a table in Markdown; the first one is the header."""
    header, *others = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in others)])


def scope_text(summary: Json) -> str:
    """Says in a sentence what the table compares and on how many photos."""
    photos = summary["photos"]
    inpainted = sum(photos.get(edit, 0) for edit in HEADLINE_POSITIVES)
    return (
        f"{summary['comparison'][0].upper()}{summary['comparison'][1:]}: {inpainted} against "
        f"{photos.get(str(Edit.SIMULATED_DAMAGE), 0)} photos of {summary['sources']} unseen sources "
        f"({summary['fold']} fold); pixel F1 is averaged over the inpainted ones. "
        "Thresholds were fixed on the validation fold. Intervals are 95 %, clustered by source."
    )


def rates_rows(summary: Json) -> list[tuple[str, ...]]:
    """Returns the table of a summary of rates: a header, then the first laundering and all pooled."""
    header = ("laundering", "product", "edit", "photos", "flagged", *map(str, VERDICTS))
    first = summary["rates"][0]["laundering"]
    single = {entry["laundering"] for entry in summary["rates"]} == {first, POOLED}
    shown = (first,) if single else (first, POOLED)
    return [
        header,
        *(
            (
                entry["laundering"],
                entry["product"],
                entry["edit"],
                f"{entry['photos']} of {entry['groups']} objects",
                f"{entry['flagged']['count']} of {entry['flagged']['n']}: {figure_text(entry['flagged'])}",
                *(str(entry["verdicts"][str(verdict)]["count"]) for verdict in VERDICTS),
            )
            for entry in summary["rates"]
            if entry["laundering"] in shown
        ),
    ]


def rates_scope_text(summary: Json) -> str:
    """Says in a sentence what the table of rates counts."""
    return (
        f"Photos at or above the image threshold, which was fixed before ({summary['fold']} fold, "
        f"{summary['sources']} sources, {summary['groups']} objects). Intervals are 95 %, clustered by "
        "object, and exact where every object stands once."
    )


def answer_lines(summary: Json) -> list[str]:
    """Says how many honest buyers would be refused, how many fakes survive, and how sure we are of both."""
    answers, lines = summary["answers"], []
    if honest := answers["honest_buyers"]:
        lines.append(
            f"Of 1,000 honest buyers, {_per_thousand(honest['refused'])} would be refused and "
            f"{_per_thousand(honest['inconclusive'])} left to a person "
            f"({honest['edit'].replace('_', ' ')}, {honest['laundering']})."
        )
    lines += [
        f"Of 1,000 fakes, {_per_thousand(fakes['passed'])} pass and "
        f"{_per_thousand(fakes['inconclusive'])} are left to a person ({fakes['laundering']})."
        for fakes in answers["fakes"]
    ]
    if "cost" in summary:
        lines.append(_saving_text(summary["cost"]))
    gaps = [entry for entry in summary["parity"] if entry["gap"] and entry["gap"]["difference"]["value"] > 0]
    return lines + [_gap_text(entry) for entry in gaps]


def _saving_text(cost: Json) -> str:
    entry, given = cost["launderings"][0], cost["assumptions"]
    text = f"Saved per 1,000 claims against paying every one: {_per_thousand(entry['saving'])}"
    if entry["pessimistic"] is not None:
        text += (
            f", {entry['pessimistic']:,.0f} if both shares of refused lay at the bad ends of their intervals"
        )
    return (
        f"{text} ({entry['name']}; {100 * given['fraud_share']:g} % fraud, a claim of "
        f"{given['claim_value']:g}, a wrong refusal of {given['wrong_refusal']:g}; "
        "inconclusive claims are paid)."
    )


def _gap_text(entry: Json) -> str:
    gap = entry["gap"]
    points = {name: 100 * gap["difference"][name] for name in ("value", "lo", "hi")}
    return (
        f"Largest gap in false alarms, {entry['laundering']}: {gap['highest']} over {gap['lowest']} by "
        f"{points['value']:.1f} points [{points['lo']:.1f}, {points['hi']:.1f}]; "
        f"were all products alike, it would stay below {100 * gap['by_chance']:.1f} in 95 of 100 cases."
    )


def _per_thousand(estimate: Json) -> str:
    if estimate["per_1000"] is None:
        return "–"
    text = f"{estimate['per_1000']:,.0f}"
    return text if estimate["lo"] is None else f"{text} [{estimate['lo']:,.0f}, {estimate['hi']:,.0f}]"
