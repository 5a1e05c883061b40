"""Plots of an evaluation, drawn from its predictions and summary with matplotlib's Agg canvas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from falseflaw.evaluation.figures.cost import Savings
from falseflaw.evaluation.figures.groups import MIXTURE, clusters_of, compared
from falseflaw.evaluation.figures.summary import ComparisonSummary, LaunderingFigures, RatesSummary
from falseflaw.evaluation.report import severity
from falseflaw.evaluation.report.plotting import COLORS, DASHES, GRID, INK, Drawn, canvas, plain, png
from falseflaw.statistics.bootstrap import Estimate, Share, rate
from falseflaw.statistics.metrics import calibration_bins
from falseflaw.types import Edit

_ZOOM = 0.1  # false-positive rate up to which the second ROC plot goes


def roc(rows: pd.DataFrame, launderings: Sequence[LaunderingFigures], image_threshold: float) -> Drawn:
    """ROC of every laundering with the fixed operating point on it, whole and near the left edge.

    Args:
        rows: Of `measure.prepare`, one fold.
        launderings: To draw.
        image_threshold: Of the operating point.
    """
    height = 5.4 + 0.25 * -(-len(launderings) // 4)  # four names a line of the legend
    figure = Figure(figsize=(10.4, height), layout="constrained")
    FigureCanvasAgg(figure)
    whole, near = figure.subplots(1, 2)
    whole.plot([0, 1], [0, 1], color=GRID, zorder=1)
    spoken = []
    for index, entry in enumerate(launderings):
        subset = compared(rows[rows["laundering"] == entry.name])
        false_rate, true_rate, _ = roc_curve(subset["label"], subset["logit"], drop_intermediate=False)
        auroc, fpr, tpr = entry.headline.auroc, entry.headline.fpr, entry.headline.tpr
        unseen = " (unseen)" if entry.unseen else ""
        label = f"{entry.name}{unseen}  {_number(auroc.value):.3f}"
        color, dash = COLORS[index % len(COLORS)], DASHES[index // len(COLORS) % len(DASHES)]
        for axes in (whole, near):
            axes.plot(false_rate, true_rate, dash, color=color, lw=1.8, label=label, zorder=2)
            axes.plot(fpr.value, tpr.value, "o", color=color, ms=8, mec="white", mew=1.2, zorder=5,
                      clip_on=axes is near)  # fmt: skip
        near.plot([fpr.lo, fpr.hi], [tpr.value] * 2, color=color, lw=1.2, zorder=4)
        near.plot([fpr.value] * 2, [tpr.lo, tpr.hi], color=color, lw=1.2, zorder=4)
        spoken.append(
            f"{entry.name}: AUROC {_number(auroc.value):.3f}, at the threshold {_number(tpr.value):.3f} "
            f"found and {_number(fpr.value):.3f} false alarms"
        )
    for axes, text in ((whole, "whole"), (near, f"false-positive rates to {_ZOOM:g}")):
        plain(axes)
        axes.set(ylim=(0, 1), xlabel="false-positive rate, simulated damage")
        axes.set_title(text, fontsize=10, color=INK, loc="left")
    whole.set(xlim=(0, 1), ylabel="true-positive rate, inpainted")
    whole.set_aspect("equal")
    near.set(xlim=(-0.03 * _ZOOM, _ZOOM), ylim=(0, 1.02))
    lines, labels = near.get_legend_handles_labels()
    figure.legend(
        lines, labels, title="laundering, AUROC", loc="outside lower center", ncols=4, frameon=False
    )
    caption = (
        "Inpainted against simulated damage. Dots: the operating point, one threshold "
        f"({image_threshold:.3f}) fixed before and the same for every "
        "laundering; crosses, on the right: its 95 % intervals."
    )
    return Drawn(
        png(figure), "ROC with the operating point", caption, "ROC. " + "; ".join(spoken) + ".", wide=True
    )


def reliability(rows: pd.DataFrame) -> Drawn:
    """Frequency of inpainting over calibrated probability, all launderings pooled.

    Over the edits that the temperature was fitted on: another mixture has another frequency.
    """
    rows = rows[rows["edit"].isin(MIXTURE)]
    figure = Figure(figsize=(5.4, 6.0), layout="constrained")
    FigureCanvasAgg(figure)
    axes, below = figure.subplots(2, 1, height_ratios=(5, 1), sharex=True)
    plain(axes)
    plain(below)
    axes.plot([0, 1], [0, 1], color=GRID, lw=2, zorder=1)
    probability, label, clusters = rows["probability"].to_numpy(), rows["label"].to_numpy(), clusters_of(rows)
    bins = calibration_bins(probability)
    expected, estimates = [], []
    for value in np.unique(bins):
        inside = bins == value
        expected.append(float(probability[inside].mean()))
        estimates.append(rate(label[inside] == 1, clusters[inside]))
    found = np.array([estimate.value for estimate in estimates], dtype=float)
    ends = np.array([[estimate.lo, estimate.hi] for estimate in estimates], dtype=float).T
    bars = np.maximum([found - ends[0], ends[1] - found], 0)
    axes.errorbar(expected, found, yerr=bars, fmt="-o", color=COLORS[0], lw=1.6, ms=6, mec="white",
                  capsize=2.5, elinewidth=1.2, clip_on=False)  # fmt: skip
    axes.set(xlim=(0, 1), ylim=(0, 1), ylabel="share that is inpainted")
    below.hist(probability, bins=40, range=(0, 1), color=COLORS[6])
    below.set(xlabel="calibrated probability (points: mean of bin)", ylabel="photos")
    counts = [estimate.n for estimate in estimates]
    caption = (
        f"{len(counts)} bins of {min(counts)} to {max(counts)} photos, with 95 % intervals clustered by "
        "source. Inpainted photos and negatives pooled, as in a matched set: on the diagonal, the "
        "probability fits that mixture; where fakes are rarer, it is too high. Below, how many photos get "
        "which probability."
    )
    pairs = ", ".join(f"{share:.2f} at {place:.2f}" for place, share in zip(expected, found, strict=True))
    return Drawn(png(figure), "Reliability", caption, f"Share inpainted by calibrated probability: {pairs}.")


def robustness(summary: ComparisonSummary) -> Drawn:
    """AUROC, pixel F1, TPR and FPR by laundering, with 95 % intervals."""
    entries = summary.launderings
    # One row each: side by side, twenty names overlap, and a phone shows nothing of so wide a picture.
    figure, axes = canvas(6.4, 0.42 * len(entries) + 1.2)
    markers = "os^v"
    for index, (name, estimates) in enumerate(series_of(summary).items()):
        place = np.arange(len(entries)) + (index - 1.5) * 0.18
        ordered = [estimates[entry.name] for entry in entries]
        values, lows, highs = (
            np.array([_number(getattr(estimate, end)) for estimate in ordered])
            for end in ("value", "lo", "hi")
        )
        # a percentile interval need not hold the value
        bars = np.nan_to_num(np.maximum(np.stack([values - lows, highs - values]), 0))
        axes.errorbar(values, place, xerr=bars, fmt=markers[index], color=COLORS[index], ms=5, lw=1.4,
                      capsize=2, label=name)  # fmt: skip
    axes.axvline(0.5, color=GRID, lw=1.2, zorder=0)
    names = [entry.name + (" (unseen)" if entry.unseen else "") for entry in entries]
    axes.set_yticks(range(len(entries)), names, fontsize=9)
    axes.set(xlim=(-0.02, 1.02), ylim=(len(entries) - 0.4, -0.6))
    axes.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    worst = min(entries, key=lambda entry: _number(entry.headline.auroc.value))
    alt = (
        f"Four figures under {len(entries)} launderings, as in the tables above; lowest AUROC "
        f"{_number(worst.headline.auroc.value):.3f} under {worst.name}."
    )
    return Drawn(
        png(figure),
        "Every laundering",
        "Each figure under each laundering, with 95 % intervals.",
        alt,
    )


def scores(rows: pd.DataFrame, threshold: float) -> Drawn:
    """Where the calibrated probabilities of each edit lie, all launderings pooled, and the threshold."""
    figure, axes = canvas(6.4, 4.8)
    edges = np.linspace(0, 1, 41)
    present = [edit for edit in Edit if (rows["edit"] == edit).any()]
    for index, edit in enumerate(present):
        values = rows.loc[rows["edit"] == edit, "probability"].to_numpy()
        heights, _ = np.histogram(values, edges)
        name = str(edit).replace("_", " ")
        color, dash = COLORS[index % len(COLORS)], DASHES[index // len(COLORS) % len(DASHES)]
        axes.stairs(heights / len(values), edges, color=color, ls=dash, lw=1.8, label=name)
    axes.axvline(threshold, color=INK, lw=1.2, ls=":")
    axes.text(threshold, 0.98, " image threshold ", transform=axes.get_xaxis_transform(), color=INK,
              fontsize=9, va="top", ha="left" if threshold < 0.5 else "right")  # fmt: skip
    axes.set(xlim=(0, 1), xlabel="calibrated probability", ylabel="share of photos")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8)
    flagged = rows.groupby("edit")["flagged"].mean()
    shares = "; ".join(f"{str(edit).replace('_', ' ')} {flagged[str(edit)]:.3f}" for edit in present)
    caption = "All launderings pooled. Negatives left of the threshold are right, altered photos right of it."
    return Drawn(png(figure), "Scores", caption, f"Share at or above the image threshold: {shares}.")


def saving(cost: Savings) -> Drawn:
    """What a shop saves per 1,000 claims, over the threshold."""
    figure, axes = canvas(6.4, 4.8)
    # Calibrated probabilities crowd at both ends, which this scale draws apart; 0 and 1 lie at infinity.
    places = np.clip(cost.thresholds, 1e-4, 1 - 1e-4)
    curve = {name: np.array(values, dtype=float) for name, values in asdict(cost.pooled.curve).items()}
    axes.fill_between(places, curve["lo"], curve["hi"], color=COLORS[0], alpha=0.15, lw=0)
    axes.plot(places, curve["saving"], color=COLORS[0], lw=1.8)
    axes.axhline(0, color=INK, lw=0.8)
    axes.axvline(float(np.clip(cost.image_threshold, 1e-4, 1 - 1e-4)), color=INK, lw=1.2, ls=":")
    axes.set_xscale("logit")
    axes.minorticks_off()
    axes.set(xlabel="image threshold (dotted: the shipped one)", ylabel="saved per 1,000 claims")
    words = ", ".join(
        f"{name.replace('_', ' ')} {value:g}" for name, value in asdict(cost.assumptions).items()
    )
    caption = (
        f"All launderings pooled, each point with its own 95 % interval, if: {words}. The highest point was "
        "found on these very photos and promises too much; the dotted threshold was fixed before."
    )
    now = cost.pooled.saving.value
    said = "undefined" if now is None else f"{now:.0f}"
    return Drawn(
        png(figure), "Saving", caption, f"Saving per 1,000 claims by threshold; {said} at the shipped one."
    )


def draw_all(rows: pd.DataFrame, summary: ComparisonSummary) -> dict[str, Drawn]:
    """Draws every figure of a comparison; returns them by file name without ending."""
    series = series_of(summary)
    threshold = summary.operating_point.image_threshold
    caption = (
        "Inpainted against simulated damage, one threshold throughout; 95 % intervals clustered by source."
    )
    drawn = {
        f"severity_{family}": severity.draw(family, steps, series, caption)
        for family, steps in severity.families(suite_of(summary)).items()
    }
    drawn["robustness"] = robustness(summary)
    drawn["roc"] = roc(rows, summary.launderings, threshold)
    drawn["reliability"] = reliability(rows)
    drawn["scores"] = scores(rows, threshold)
    drawn["saving"] = saving(summary.cost)
    return drawn


def draw_rates(rows: pd.DataFrame, summary: RatesSummary) -> dict[str, Drawn]:
    """Draws the figures of photos in no matched set: rates over severity, and scores.

    Args:
        rows: Of `measure.prepare`, one fold.
        summary: Of the same rows.
    """
    launderings = rows.drop_duplicates("laundering")[["laundering", "severity", "unseen"]]
    suite = launderings.itertuples(index=False, name=None)
    last = summary.rates[-1].product  # all products, or the only one
    series: dict[str, dict[str, Share]] = {}
    for entry in summary.rates:
        if entry.product == last:
            name = f"{entry.edit.replace('_', ' ')}, flagged"
            series.setdefault(name, {})[entry.laundering] = entry.flagged
    caption = "Share at or above the image threshold; 95 % intervals clustered by object."
    drawn = {
        f"severity_{family}": severity.draw(family, steps, series, caption)
        for family, steps in severity.families(suite).items()
    }
    drawn["scores"] = scores(rows, summary.operating_point.image_threshold)
    return drawn


def suite_of(summary: ComparisonSummary) -> list[tuple[str, str, bool]]:
    """Returns name, severity and whether it is unseen of every laundering."""
    return [(entry.name, entry.severity, entry.unseen) for entry in summary.launderings]


def series_of(summary: ComparisonSummary) -> dict[str, dict[str, Estimate]]:
    """Returns the four figures that the report plots, by name and by laundering."""
    entries = summary.launderings
    return {
        "AUROC": {entry.name: entry.headline.auroc for entry in entries},
        "pixel F1": {entry.name: entry.pixel.f1 for entry in entries},
        "TPR": {entry.name: entry.headline.tpr for entry in entries},
        "FPR": {entry.name: entry.headline.fpr for entry in entries},
    }


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
