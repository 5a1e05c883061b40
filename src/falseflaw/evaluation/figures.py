"""Plots of an evaluation, drawn from its predictions and summary with matplotlib's Agg canvas."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from falseflaw.evaluation.groups import HEADLINE_POSITIVES, MIXTURE
from falseflaw.evaluation.metrics import calibration_bins
from falseflaw.types import Edit

# Distinguishable in order with color vision deficiencies (Okabe and Ito 2008).
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#5d5d5d", "#000000")
_DASHES = ("-", "--", "-.", ":")
_INK, _GRID = "#33373d", "#dfe3e8"
_DPI = 160


def roc(rows: pd.DataFrame, summary: dict[str, Any]) -> bytes:
    """ROC of every laundering with the fixed operating point on it; returns a PNG.

    Args:
        rows: Of `summary.prepare`, one fold.
        summary: Of `summary.summarize`.
    """
    figure, axes = _canvas(5.4, 5.4)
    axes.plot([0, 1], [0, 1], color=_GRID, zorder=1)
    for index, entry in enumerate(summary["launderings"]):
        subset = _compared(rows[rows["laundering"] == entry["name"]])
        false_rate, true_rate = roc_curve(subset["logit"].to_numpy(), subset["label"].to_numpy())
        headline = entry["headline"]
        label = f"{entry['name']}  {headline['auroc']['value']:.3f}"
        color, dash = _COLORS[index % len(_COLORS)], _DASHES[index // len(_COLORS) % len(_DASHES)]
        axes.plot(false_rate, true_rate, dash, color=color, lw=1.8, label=label)
        point = headline["fpr"]["value"], headline["tpr"]["value"]
        axes.plot(*point, "o", color=color, ms=7, mec="white", mew=1.2, zorder=5, clip_on=False)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="false-positive rate, simulated damage")
    axes.set_ylabel("true-positive rate, inpainted")
    axes.set_aspect("equal")
    axes.legend(title="laundering, AUROC", loc="lower right", frameon=True, framealpha=0.9, edgecolor="none")
    return _png(figure)


def reliability(rows: pd.DataFrame) -> bytes:
    """Frequency of inpainting over calibrated probability, all launderings pooled; returns a PNG.

    Over the edits that the temperature was fitted on: another mixture has another frequency.
    """
    rows = rows[rows["edit"].isin(MIXTURE)]
    figure, axes = _canvas(5.4, 5.4)
    axes.plot([0, 1], [0, 1], color=_GRID, zorder=1)
    probability, label = rows["probability"].to_numpy(), rows["label"].to_numpy()
    bins = calibration_bins(probability)
    found, expected, counts = [], [], []
    for value in np.unique(bins):
        inside = bins == value
        found.append(label[inside].mean())
        expected.append(probability[inside].mean())
        counts.append(int(inside.sum()))
    axes.plot(expected, found, "-o", color=_COLORS[0], lw=1.8, ms=6, mec="white", clip_on=False)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="calibrated probability (mean of bin)")
    axes.set_ylabel("share that is inpainted")
    axes.set_aspect("equal")
    axes.set_title(
        f"{len(counts)} bins of {min(counts)} to {max(counts)} photos", fontsize=9, color=_INK, loc="left"
    )
    return _png(figure)


def robustness(summary: dict[str, Any]) -> bytes:
    """AUROC, pixel F1, TPR and FPR by laundering, with 95 % intervals; returns a PNG."""
    entries = summary["launderings"]
    figure, axes = _canvas(max(6.4, 1.0 * len(entries) + 1.8), 4.2)
    series = (
        ("AUROC", [entry["headline"]["auroc"] for entry in entries], "o"),
        ("pixel F1", [entry["pixel"]["f1"] for entry in entries], "s"),
        ("TPR", [entry["headline"]["tpr"] for entry in entries], "^"),
        ("FPR", [entry["headline"]["fpr"] for entry in entries], "v"),
    )
    for index, (name, estimates, marker) in enumerate(series):
        place = np.arange(len(entries)) + (index - 1.5) * 0.14
        values = [_number(estimate["value"]) for estimate in estimates]
        spread = np.array(
            [
                [_number(item["value"]) - _number(item["lo"]), _number(item["hi"]) - _number(item["value"])]
                for item in estimates
            ]
        ).T
        bars = np.nan_to_num(np.maximum(spread, 0))  # a percentile interval need not hold the value
        axes.errorbar(
            place, values, yerr=bars, fmt=marker, color=_COLORS[index], ms=6, lw=1.4, capsize=2.5, label=name
        )
    axes.axhline(0.5, color=_GRID, lw=1.2, zorder=0)
    names = [entry["name"] + ("\n(unseen)" if entry["unseen"] else "") for entry in entries]
    axes.set_xticks(range(len(entries)), [name.replace("+", "\n+") for name in names], fontsize=9)
    axes.set_ylim(-0.02, 1.02)
    axes.legend(ncols=4, loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False)
    return _png(figure)


def scores(rows: pd.DataFrame, summary: dict[str, Any]) -> bytes:
    """Where the calibrated probabilities of each edit lie, all launderings pooled; returns a PNG."""
    figure, axes = _canvas(6.4, 4.2)
    edges = np.linspace(0, 1, 41)
    for index, edit in enumerate(Edit):
        values = rows.loc[rows["edit"] == edit, "probability"].to_numpy()
        if len(values):
            heights, _ = np.histogram(values, edges)
            name = str(edit).replace("_", " ")
            color, dash = _COLORS[index % len(_COLORS)], _DASHES[index // len(_COLORS) % len(_DASHES)]
            axes.stairs(heights / len(values), edges, color=color, ls=dash, lw=1.8, label=name)
    threshold = summary["operating_point"]["image_threshold"]
    axes.axvline(threshold, color=_INK, lw=1.2, ls=":")
    axes.text(threshold, 0.98, " image threshold ", transform=axes.get_xaxis_transform(), color=_INK,
              fontsize=9, va="top", ha="left" if threshold < 0.5 else "right")  # fmt: skip
    axes.set(xlim=(0, 1), xlabel="calibrated probability", ylabel="share of photos")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=9)
    return _png(figure)


def roc_curve(values: NDArray[Any], labels: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Returns false- and true-positive rates at every distinct threshold, from (0, 0) to (1, 1)."""
    order = np.argsort(-values, kind="stable")
    ends = np.flatnonzero(np.r_[np.diff(values[order]) != 0, True])
    positive = labels[order] == 1
    true, false = np.cumsum(positive)[ends], np.cumsum(~positive)[ends]
    return np.r_[0, false / max(1, false[-1])], np.r_[0, true / max(1, true[-1])]


def draw_all(rows: pd.DataFrame, summary: dict[str, Any]) -> dict[str, bytes]:
    """Draws every figure; returns PNG bytes by name."""
    return {
        "robustness": robustness(summary),
        "roc": roc(rows, summary),
        "reliability": reliability(rows),
        "scores": scores(rows, summary),
    }


def _compared(rows: pd.DataFrame) -> pd.DataFrame:
    """The two sides of the headline."""
    chosen: pd.DataFrame = rows[rows["edit"].isin([*HEADLINE_POSITIVES, str(Edit.SIMULATED_DAMAGE)])]
    return chosen


def _canvas(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.grid(color=_GRID, lw=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_INK, length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure, axes


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=_DPI, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
