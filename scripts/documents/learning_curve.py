"""Draws how validation figures grew over the steps of one training.

usage: scripts/run learning-curve RUN [CURVE.png]      default: docs/learning_curve.png
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import pandas as pd

mpl.use("Agg")
from matplotlib import pyplot as plt

ROOT = Path(__file__).resolve().parents[2]
FIGURES = {
    "val/score": "score (.7 laundered + .3 untouched)",
    "val/auroc_untouched": "AUROC, untouched",
    "val/auroc_laundered": "AUROC, laundered",
    "val/auroc_untouched_x0.5": "AUROC, ×0.5",
    "val/auroc_untouched_x2": "AUROC, ×2",
    "val/f1_untouched": "pixel F1, untouched",
}

LOSSES = {"train/loss": "on training crops, smoothed", "val/loss": "on fold val"}


def main(run: str, curve: str = "") -> int:
    """Draws one picture; returns the exit code."""
    path = Path(run) / "metrics.csv"
    if not path.is_file():
        print(f"learning-curve: expected a training's metrics.csv in {run}, found none", file=sys.stderr)
        return 1
    table = pd.read_csv(path)
    if "val/score" not in table or table["val/score"].dropna().empty:
        print(f"learning-curve: expected a validation in {path}, found none yet", file=sys.stderr)
        return 1
    figure, (axes, losses) = plt.subplots(
        1, 2, figsize=(10, 4.2), width_ratios=(3, 2), constrained_layout=True
    )
    for name, words in FIGURES.items():
        if name in table:
            rows = table[["step", name]].dropna()
            axes.plot(
                rows["step"], rows[name], marker=".", label=words, lw=2.2 if name == "val/score" else 1.2
            )
    axes.set(xlabel="optimizer step", ylabel="on a fixed choice of fold val", ylim=(None, 1))
    for name, words in LOSSES.items():
        if name in table:
            rows = table[["step", name]].dropna()
            # One batch says little: the mean of as many steps as lie between two validations.
            smooth = rows[name].rolling(max(1, len(rows) // 14), min_periods=1, center=True).mean()
            losses.plot(rows["step"], rows[name] if name == "val/loss" else smooth, label=words)
    losses.set(xlabel="optimizer step", ylabel="loss")
    for panel in (axes, losses):
        panel.grid(alpha=0.3)
        panel.legend(frameon=False, fontsize=8)
    figure.savefig(curve or ROOT / "docs" / "learning_curve.png", dpi=120)
    return 0


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3) or set(sys.argv) & {"-h", "--help"}:
        print(__doc__.strip())
        raise SystemExit(0 if len(sys.argv) > 1 else 2)
    raise SystemExit(main(*sys.argv[1:]))
