"""A summary as text: the tables that the commands print and the README shows, and what they compare."""

from __future__ import annotations

from falseflaw.evaluation.figures.groups import HEADLINE_POSITIVES
from falseflaw.evaluation.figures.measure import VERDICTS
from falseflaw.evaluation.figures.paired import PairedComparison
from falseflaw.evaluation.figures.summary import POOLED, ComparisonSummary, RatesSummary, Summary
from falseflaw.machine import left_out_text
from falseflaw.statistics.text import aligned, figure_text, markdown_table
from falseflaw.types import Edit

_METRICS = {
    "auroc": "AUROC",
    "average_precision": "AP",
    "balanced_accuracy": "balanced accuracy",
    "tpr": "TPR",
    "fpr": "FPR",
    "pixel_f1": "pixel F1",
    "pixel_iou": "pixel IoU",
}


def table_rows(summary: ComparisonSummary) -> list[tuple[str, ...]]:
    """Returns the table that the command prints: a header, then one row per laundering."""
    rows: list[tuple[str, ...]] = [("laundering", "AUROC", "pixel F1", "TPR", "FPR", "honest inconclusive")]
    for entry in summary.launderings:
        headline = entry.headline
        figures = (headline.auroc, entry.pixel.f1, headline.tpr, headline.fpr, entry.left_open)
        name = entry.name + (" (unseen)" if entry.unseen else "")
        rows.append((name, *(figure_text(figure) for figure in figures)))
    return rows


def text_table(summary: ComparisonSummary | RatesSummary) -> str:
    """Returns the table in aligned columns."""
    return aligned(rates_rows(summary) if isinstance(summary, RatesSummary) else table_rows(summary))


def further_rows(summary: ComparisonSummary | RatesSummary) -> list[tuple[str, ...]]:
    """Returns header and rows of the metrics that the configuration added; none where it added none."""
    if isinstance(summary, RatesSummary) or not summary.pooled.further:
        return []
    entries = (*summary.launderings, summary.pooled)
    names = list(summary.pooled.further)
    return [
        ("laundering", *names),
        *((entry.name, *(figure_text(entry.further[name]) for name in names)) for entry in entries),
    ]


def results_table(summary: ComparisonSummary) -> str:
    """Returns the table in Markdown, with a line that says what was compared on how many photos."""
    header, *lines = table_rows(summary)
    return f"{markdown_table(header, lines)}\n\n{scope_text(summary)}"


def scope_text(summary: ComparisonSummary | RatesSummary) -> str:
    """Says in a sentence what the table compares or counts, and on how many photos."""
    if isinstance(summary, RatesSummary):
        return (
            f"Photos at or above the image threshold, which was fixed before ({summary.fold} fold, "
            f"{summary.sources} sources, {summary.objects} objects). Intervals are 95 %, clustered by "
            "object, and exact where every object stands once."
            + "".join(
                f" AUROC of altered photos against unaltered ones, {name}: {figure_text(auroc)}."
                for name, auroc in list(summary.auroc.items())[:1]
            )
            + _cut_text(summary)
        )
    inpainted = sum(summary.photos.get(edit, 0) for edit in HEADLINE_POSITIVES)
    return (
        f"{summary.comparison[0].upper()}{summary.comparison[1:]}: {inpainted} against "
        f"{summary.photos.get(str(Edit.SIMULATED_DAMAGE), 0)} photos of {summary.sources} unseen sources "
        f"({summary.fold} fold); pixel F1 is averaged over the inpainted ones. "
        "Thresholds were fixed on the validation fold. Intervals are 95 %, clustered by source."
        + _cut_text(summary)
    )


def _cut_text(summary: Summary) -> str:
    left = summary.provenance.left_out
    if not left:
        return ""
    text = left_out_text(left, summary.sources + left)
    return f" {text[0].upper()}{text[1:]}, drawn without regard to what they show."


def rates_rows(summary: RatesSummary) -> list[tuple[str, ...]]:
    """Returns the table of a summary of rates: a header, then the first laundering and all pooled."""
    header = ("laundering", "product", "edit", "photos", "flagged", *map(str, VERDICTS))
    return [
        header,
        *(
            (
                entry.laundering,
                entry.product,
                entry.edit,
                f"{entry.photos} of {entry.groups} objects",
                f"{entry.flagged.count} of {entry.flagged.n}: {figure_text(entry.flagged)}",
                *(str(entry.verdicts[str(verdict)].count) for verdict in VERDICTS),
            )
            for entry in summary.rates
            if entry.laundering in main_launderings(summary)
        ),
    ]


def main_launderings(summary: RatesSummary) -> set[str]:
    """Returns the first laundering and, if there are several, all pooled."""
    first = summary.rates[0].laundering
    single = {entry.laundering for entry in summary.rates} == {first, POOLED}
    return {first} if single else {first, POOLED}


def paired_rows(comparison: PairedComparison) -> list[tuple[str, ...]]:
    """Returns a header, then a row for each laundering and metric.

    Every evaluation has a column with value and interval, and every one after the first a column with its
    difference to the first and the paired interval.
    """
    first, *others = comparison.evaluations
    rows = [("laundering", "metric", first, *others, *(f"{name} - {first}" for name in others))]
    for entry in (*comparison.launderings, comparison.pooled):
        for metric, figures in entry.metrics.items():
            name = _METRICS.get(metric, metric.replace("_", " "))
            values = (figure_text(value) for value in figures.values)
            steps = (figure_text(step, sign="+") for step in figures.differences if step is not None)
            rows.append((entry.name, name, *values, *steps))
    return rows


def paired_text(comparison: PairedComparison) -> str:
    """Returns the table in aligned columns, and what it shows."""
    return f"{aligned(paired_rows(comparison))}\n\n{paired_scope(comparison)}"


def paired_markdown(comparison: PairedComparison) -> str:
    """Returns the table in Markdown, and what it shows."""
    header, *lines = paired_rows(comparison)
    return f"{markdown_table(header, lines)}\n\n{paired_scope(comparison)}\n"


def paired_scope(comparison: PairedComparison) -> str:
    """Says in a few sentences what was compared, and how to read the differences."""
    subject = comparison.comparison or "share of photos at or above the image threshold"
    photos = ", ".join(f"{count} {edit.replace('_', ' ')}" for edit, count in comparison.photos.items())
    text = (
        f"{subject[0].upper()}{subject[1:]}; photos of {comparison.sources} sources: {photos}. "
        "Every detector at its own thresholds, fixed before. Intervals are 95 %, clustered by source; "
        "differences were resampled in pairs on the same photos, each at 95 % for itself, not corrected for "
        "their number."
    )
    if comparison.left_out:
        text += f" Left out, since not all have them: {', '.join(comparison.left_out)}."
    return text
