"""Ratios of paired measurements, for the benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats


def ratio(ratios: Sequence[float]) -> dict[str, Any]:
    """Geometric mean with a 95 % interval of Student's t over the repetitions, in logarithms."""
    logs = np.log(ratios)
    result: dict[str, Any] = {"value": float(np.exp(logs.mean())), "lo": None, "hi": None}
    if len(logs) > 1:
        half = stats.t.ppf(0.975, len(logs) - 1) * logs.std(ddof=1) / np.sqrt(len(logs))
        result |= {"lo": float(np.exp(logs.mean() - half)), "hi": float(np.exp(logs.mean() + half))}
    return result


def ratio_text(entry: dict[str, Any]) -> str:
    """Returns a ratio to read, with its interval if it has one."""
    interval = "" if entry["lo"] is None else f" (95 %: {entry['lo']:.2f} to {entry['hi']:.2f})"
    return f"{entry['value']:.2f}x{interval}"
