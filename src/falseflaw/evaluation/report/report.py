"""The HTML report: one file, figures and photos inside, readable on a desk and on a phone."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd

from falseflaw.evaluation.figures.measure import VERDICTS
from falseflaw.evaluation.figures.summary import POOLED
from falseflaw.evaluation.prediction.scorers import Scorer
from falseflaw.evaluation.report import breakdown, gallery, sentences
from falseflaw.evaluation.report import plots as figures
from falseflaw.evaluation.report.beside import Beside, rates_of
from falseflaw.evaluation.report.gallery import Example
from falseflaw.evaluation.report.plotting import Drawn
from falseflaw.evaluation.report.tables import rates_scope_text, scope_text
from falseflaw.imaging import codec
from falseflaw.imaging.laundering.base import Laundering
from falseflaw.types import INPAINTED, Edit

REPORT_NAME = "report.html"

_CURVES, _SAVING = "severity_", "saving"  # figures with a place of their own
_ALONE = {
    "spliced": "Spliced only: every pixel outside the flaw is the original one",
    "feathered": "Feathered only: spliced with a soft seam",
    "regenerated": "Regenerated only: the whole photo went through the autoencoder",
}

Json = dict[str, Any]


def make_report(
    output: Path,
    summary: Json,
    test: pd.DataFrame,
    dataset: Path,
    manifest: pd.DataFrame,
    suite: Sequence[Laundering],
    scorer: Scorer,
    count: int,
    besides: Sequence[Beside] = (),
) -> Path:
    """Draws the figures, pictures the worst photos, and writes both with the report.

    Args:
        output: Evaluation folder; gets figures/ and report.html.
        summary: Of `summary.summarize`, or of `rates.summarize` for photos in no matched set.
        test: Rows of `measure.prepare`, of the fold measured.
        dataset: Folder of the photos.
        manifest: Its rows.
        suite: Launderings; the gallery shows the first one.
        scorer: The model.
        count: Misses and false alarms pictured, each.
        besides: Other evaluations to show.

    Returns:
        Path of the report.
    """
    compares = "launderings" in summary
    drawn = figures.draw_all(test, summary) if compares else figures.draw_rates(test, summary)
    for name, figure in drawn.items():
        codec.write_atomic(output / "figures" / f"{name}.png", figure.png)
    shown = test[test["laundering"] == suite[0].name]
    if compares:
        altered = shown["edit"].isin([str(edit) for edit in INPAINTED])
        intact = shown["edit"] == Edit.SIMULATED_DAMAGE
    else:
        altered, intact = shown["label"] == 1, shown["label"] == 0
    missed = gallery.pick(shown[altered], count, highest=False)
    alarming = gallery.pick(shown[intact], count, highest=True)
    misses, alarms = (
        gallery.examples(dataset, manifest, picked, suite, scorer) for picked in (missed, alarming)
    )
    return write_report(output, render(summary, drawn, misses, alarms, besides))


def render(
    summary: Json,
    drawn: Mapping[str, Drawn],
    misses: Sequence[Example],
    alarms: Sequence[Example],
    besides: Sequence[Beside] = (),
) -> str:
    """Returns the report as HTML.

    Args:
        summary: Of `summary.summarize` or of `rates.summarize`; the layout follows from it.
        drawn: Of `figures.draw_all` or `figures.draw_rates`.
        misses: Positives of lowest probability.
        alarms: Negatives of highest probability.
        besides: Other evaluations to show.
    """
    compares = "launderings" in summary
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("falseflaw.evaluation.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = _count_text
    environment.filters["whole"] = lambda value: "–" if value is None else f"{value:,.0f}"
    environment.filters["steady"] = breakdown.steady
    environment.filters["base64"] = lambda data: base64.b64encode(data).decode()
    curves = [figure for name, figure in drawn.items() if name.startswith(_CURVES)]
    rest = [figure for name, figure in drawn.items() if not name.startswith(_CURVES) and name != _SAVING]
    common = {
        "summary": summary,
        "verdicts": [str(verdict) for verdict in VERDICTS],
        "misses": misses,
        "alarms": alarms,
        "besides": besides,
        "parity": _parity(summary),
        "fewest": breakdown.FEWEST,
        "beside_rates": _beside_rates,
        "limits": limits(summary, besides),
        "provenance": json.dumps(summary["provenance"], indent=2, ensure_ascii=False),
    }
    pictured = [
        *([("misses", "Worst misses")] if misses else []),
        *([("alarms", "Worst false alarms")] if alarms else []),
        *([("beside", "Not of this test split" if compares else "Other evaluations")] if besides else []),
        ("limits", "Limits"),
        ("point", "Operating point"),
        ("provenance", "Provenance"),
    ]
    if not compares:
        by_edit = _by_edit(summary["rates"])
        sections = [
            *((edit, edit.replace("_", " ").capitalize()) for edit in by_edit),
            ("figures", "Figures"),
        ]
        return environment.get_template("rates.html.j2").render(
            common,
            scope=rates_scope_text(summary),
            answers=sentences.of_rates(summary),
            sections=[*sections, *pictured],
            photo_sets=", ".join(summary["provenance"]["photo_sets"]).replace("_", " "),
            first=summary["rates"][0]["laundering"],
            by_edit=by_edit,
            figures=[*curves, *rest],
        )
    sections = [
        ("laundering", "By laundering"),
        *([("severity", "Severity")] if curves else []),
        ("figures", "ROC, reliability"),
        ("verdicts", "Verdicts"),
        ("alone", "Spliced, feathered, regenerated"),
        *([("kinds", "Alterations, networks")] if summary.get("edits") or summary.get("networks") else []),
        ("groups", "Products, flaws, areas"),
        *([("cost", "What it saves")] if "cost" in summary else []),
    ]
    return environment.get_template("comparison.html.j2").render(
        common,
        scope=scope_text(summary),
        answers=sentences.of_comparison(summary, besides),
        sections=[*sections, *pictured],
        first=summary["launderings"][0],
        hardest=min(summary["launderings"], key=lambda entry: entry["headline"]["auroc"]["value"] or 0.0),
        edits=list(summary["launderings"][0]["flagged"]),
        curves=curves,
        figures=rest,
        saving=[drawn[_SAVING]] if _SAVING in drawn else [],
        alone={edit: words for edit, words in _ALONE.items() if edit in summary["pooled"]},
        tables=[*breakdown.groups(summary), *breakdown.others(summary)],
    )


def limits(summary: Json, besides: Sequence[Beside] = ()) -> list[str]:
    """Returns what the figures do not show, in sentences that depend on the evaluation at hand."""
    compares = "launderings" in summary
    texts = []
    if compares:
        apart = rates_of(besides, Edit.REAL_DAMAGE)
        texts += [
            "Simulated damage is painted by a program. How often photos of really damaged products are "
            "called altered, only photos of real damage can tell; "
            + ("those measured stand apart, in a frame of their own." if apart else "none are in here."),
            f"All inpainting comes from {_generators(summary)}. A detector knows the traces of the "
            "generators it learnt from; others may pass unseen.",
        ]
        negatives = summary["launderings"][0]["headline"]["fpr"]
        if negatives["hi"] is not None and negatives["hi"] > 0.02:
            texts.append(
                f"With {negatives['n']} photos of simulated damage, a false-positive rate of up to "
                f"{100 * negatives['hi']:.1f} % cannot be excluded."
            )
    else:
        texts.append(
            "These photos are in no matched set: there is nothing of the same scene to compare them with, so "
            "there are rates and no AUROC. A difference of two rates may come from what the photos show."
        )
    if any("SimulatedScreenshot" in text for text in summary["provenance"]["suite"]["launderings"]):
        texts.append("The screenshot is simulated; a real screen, browser and phone differ.")
    if summary["fitted"].get("small"):
        texts.append(f"The operating point was {summary['fitted']['rule']}.")
    if limit := summary["provenance"].get("limit_sources"):
        texts.append(f"Only {limit} sources were measured (limit_sources={limit}).")
    return texts


def _parity(summary: Json) -> Json | None:
    """The false alarms by product over all launderings, or under the first one if that is all there is."""
    entries: list[Json] = summary.get("parity") or []
    pooled = [entry for entry in entries if entry["laundering"] == POOLED]
    return next(iter(pooled + entries), None)


def _by_edit(entries: Sequence[Json]) -> dict[str, list[Json]]:
    """Rates by edit, each in the summary's order."""
    found: dict[str, list[Json]] = {}
    for entry in entries:
        found.setdefault(entry["edit"], []).append(entry)
    return found


def _beside_rates(beside: Beside) -> dict[str, list[Json]]:
    """Rates by edit under the first laundering and, if there are several, all pooled."""
    entries = beside.summary["rates"]
    first = entries[0]["laundering"]
    single = {entry["laundering"] for entry in entries} == {first, POOLED}
    shown = {first} if single else {first, POOLED}
    return _by_edit([entry for entry in entries if entry["laundering"] in shown])


def _generators(summary: Json) -> str:
    names = summary["provenance"].get("generators") or ["unnamed generators"]
    word = "the generator " if len(names) == 1 else "the generators "
    return word + ", ".join(names)


def _count_text(estimate: Json) -> str:
    """Returns `3 of 120`."""
    return f"{estimate['count']} of {estimate['n']}"


def write_report(folder: Path, html: str) -> Path:
    """Writes `report.html` atomically and returns its path."""
    path = folder / REPORT_NAME
    codec.write_atomic(path, html.encode("utf-8"))
    return path
