"""The HTML report: one file, figures and photos inside, readable on a desk and on a phone."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import jinja2
import pandas as pd

from falseflaw.evaluation.figures.measure import VERDICTS
from falseflaw.evaluation.figures.parity import Parity
from falseflaw.evaluation.figures.summary import POOLED, ComparisonSummary, Rate, RatesSummary, Summary
from falseflaw.evaluation.prediction.scorers import Scorer
from falseflaw.evaluation.prediction.selection import Selection
from falseflaw.evaluation.report import breakdown, gallery, sentences
from falseflaw.evaluation.report import plots as figures
from falseflaw.evaluation.report.gallery import Example
from falseflaw.evaluation.report.other_evaluations import OtherEvaluation, rates_of
from falseflaw.evaluation.report.plotting import Drawn
from falseflaw.evaluation.report.tables import main_launderings, scope_text
from falseflaw.evidence import page
from falseflaw.imaging import codec
from falseflaw.statistics.bootstrap import Share
from falseflaw.types import INPAINTED, Edit

REPORT_NAME = "report.html"

_TEMPLATES = Path(__file__).with_name("templates")
_LOOK = Path(page.__file__).parent  # quiet.css: type, colors and spacing that all pages share

_CURVES, _SAVING = "severity_", "saving"  # figures with a place of their own
_ALONE = {
    "spliced": "Spliced only: every pixel outside the flaw is the original one",
    "feathered": "Feathered only: spliced with a soft seam",
    "regenerated": "Regenerated only: the whole photo went through the autoencoder",
}


def make_report(
    output: Path,
    summary: ComparisonSummary | RatesSummary,
    rows: pd.DataFrame,
    selection: Selection,
    scorer: Scorer,
    count: int,
    others: Sequence[OtherEvaluation] = (),
) -> Path:
    """Draws the figures, pictures the worst photos, and writes both with the report.

    Args:
        output: Evaluation folder; gets figures/ and report.html.
        summary: Of `rows`.
        rows: Of `measure.prepare`, of the fold measured.
        selection: That was predicted; the gallery shows its first laundering.
        scorer: The model.
        count: Misses and false alarms pictured, each.
        others: Other evaluations to show.

    Returns:
        Path of the report.
    """
    shown = rows[rows["laundering"] == selection.suite[0].name]
    if isinstance(summary, ComparisonSummary):
        drawn = figures.draw_all(rows, summary)
        altered = shown["edit"].isin([str(edit) for edit in INPAINTED])
        intact = shown["edit"] == Edit.SIMULATED_DAMAGE
    else:
        drawn = figures.draw_rates(rows, summary)
        altered, intact = shown["label"] == 1, shown["label"] == 0
    for name, figure in drawn.items():
        codec.write_atomic(output / "figures" / f"{name}.png", figure.png)
    missed = gallery.pick(shown[altered], count, highest=False)
    alarming = gallery.pick(shown[intact], count, highest=True)
    misses, alarms = (gallery.examples(selection, picked, scorer) for picked in (missed, alarming))
    return write_report(output, render(summary, drawn, misses, alarms, others))


def render(
    summary: ComparisonSummary | RatesSummary,
    drawn: Mapping[str, Drawn],
    misses: Sequence[Example],
    alarms: Sequence[Example],
    others: Sequence[OtherEvaluation] = (),
) -> str:
    """Returns the report as HTML.

    Args:
        summary: The layout follows from its kind.
        drawn: Of `figures.draw_all` or `figures.draw_rates`.
        misses: Positives of lowest probability.
        alarms: Negatives of highest probability.
        others: Other evaluations to show.
    """
    compares = isinstance(summary, ComparisonSummary)
    curves = [figure for name, figure in drawn.items() if name.startswith(_CURVES)]
    rest = [figure for name, figure in drawn.items() if not name.startswith(_CURVES) and name != _SAVING]
    last = [
        *([("misses", "Worst misses")] if misses else []),
        *([("alarms", "Worst false alarms")] if alarms else []),
        *([("others", "Not of this test split" if compares else "Other evaluations")] if others else []),
        ("limits", "Limits"),
        ("point", "Operating point"),
        ("provenance", "Provenance"),
    ]
    common = {
        "summary": summary,
        "scope": scope_text(summary),
        "verdicts": [str(verdict) for verdict in VERDICTS],
        "misses": misses,
        "alarms": alarms,
        "others": others,
        "parity": _parity(summary.parity),
        "fewest": breakdown.FEWEST,
        "main_rates": _main_rates,
        "limits": limits(summary, others),
        "provenance": json.dumps(asdict(summary.provenance), indent=2, ensure_ascii=False),
    }
    if isinstance(summary, RatesSummary):
        by_edit = _by_edit(summary.rates)
        titles = [(edit, edit.replace("_", " ").capitalize()) for edit in by_edit]
        return _template("rates").render(
            common,
            answers=sentences.of_rates(summary),
            sections=[*titles, ("figures", "Figures"), *last],
            photo_sets=", ".join(summary.provenance.photo_sets).replace("_", " "),
            first=summary.rates[0].laundering,
            by_edit=by_edit,
            figures=[*curves, *rest],
        )
    sections = [
        ("laundering", "By laundering"),
        *([("severity", "Severity")] if curves else []),
        ("figures", "ROC, reliability"),
        ("verdicts", "Verdicts"),
        ("alone", "Spliced, feathered, regenerated"),
        *([("kinds", "Alterations, networks")] if summary.edits or summary.networks else []),
        ("groups", "Products, flaws, areas"),
        ("cost", "What it saves"),
    ]
    return _template("comparison").render(
        common,
        answers=sentences.of_comparison(summary, others),
        sections=[*sections, *last],
        first=summary.launderings[0],
        hardest=min(summary.launderings, key=lambda entry: entry.headline.auroc.value or 0.0),
        edits=list(summary.launderings[0].flagged),
        curves=curves,
        figures=rest,
        savings=[*summary.cost.launderings.items(), (summary.pooled.name, summary.cost.pooled)],
        assumptions=asdict(summary.cost.assumptions),
        saving=[drawn[_SAVING]] if _SAVING in drawn else [],
        alone=_ALONE,
        tables=breakdown.groups(summary),
    )


def _template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader((_TEMPLATES, _LOOK)),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = _count_text
    environment.filters["whole"] = lambda value: "–" if value is None else f"{value:,.0f}"
    environment.filters["figures"] = breakdown.figures_of
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode()
    return environment.get_template(f"{name}.html.j2")


def limits(summary: Summary, others: Sequence[OtherEvaluation] = ()) -> list[str]:
    """Returns what the figures do not show, in sentences that depend on the evaluation at hand."""
    texts = []
    if isinstance(summary, ComparisonSummary):
        apart = rates_of(others, Edit.REAL_DAMAGE)
        texts += [
            "Simulated damage is painted by a program. How often photos of really damaged products are "
            "called altered, only photos of real damage can tell; "
            + ("those measured stand apart, in a frame of their own." if apart else "none are in here."),
            f"All inpainting comes from {_generators(summary)}. A detector knows the traces of the "
            "generators it learnt from; others may pass unseen.",
        ]
        negatives = summary.launderings[0].headline.fpr
        if negatives.hi is not None and negatives.hi > 0.02:
            texts.append(
                f"With {negatives.n} photos of simulated damage, a false-positive rate of up to "
                f"{100 * negatives.hi:.1f} % cannot be excluded."
            )
    else:
        texts.append(
            "These photos are in no matched set: there is nothing of the same scene to compare them with, so "
            "there are rates and no AUROC. A difference of two rates may come from what the photos show."
        )
    if any("SimulatedScreenshot" in text for text in summary.provenance.suite.launderings):
        texts.append("The screenshot is simulated; a real screen, browser and phone differ.")
    if summary.fitted and summary.fitted.small:
        texts.append(f"The operating point was {summary.fitted.rule}.")
    if limit := summary.provenance.limit_sources:
        texts.append(f"Only {limit} sources were measured (limit_sources={limit}).")
    return texts


def _parity(entries: Sequence[Parity]) -> Parity | None:
    """The false alarms by product over all launderings."""
    return next((entry for entry in entries if entry.laundering == POOLED), None)


def _by_edit(entries: Iterable[Rate]) -> dict[str, list[Rate]]:
    """Rates by edit, each in the summary's order."""
    found: dict[str, list[Rate]] = {}
    for entry in entries:
        found.setdefault(entry.edit, []).append(entry)
    return found


def _main_rates(summary: RatesSummary) -> dict[str, list[Rate]]:
    """Rates by edit under the first laundering and, if there are several, all pooled."""
    names = main_launderings(summary)
    return _by_edit(entry for entry in summary.rates if entry.laundering in names)


def _generators(summary: Summary) -> str:
    names = summary.provenance.generators or ("unnamed generators",)
    word = "the generator " if len(names) == 1 else "the generators "
    return word + ", ".join(names)


def _count_text(share: Share) -> str:
    """Returns `3 of 120`."""
    return f"{share.count} of {share.n}"


def write_report(folder: Path, html: str) -> Path:
    """Writes `report.html` atomically and returns its path."""
    path = folder / REPORT_NAME
    codec.write_atomic(path, html.encode("utf-8"))
    return path
