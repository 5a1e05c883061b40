"""Thresholds with a guarantee that holds for finite samples: conformal quantiles of scores in clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-9  # of sums of shares such as 7 times 1 / 7


@dataclass(frozen=True)
class ConformalQuantile:
    """A score that few new ones exceed, and the promise that comes with it.

    Attributes:
        value: Of a new cluster that is exchangeable with those given, a score drawn at random exceeds it with
            a probability of at most `promised`.
        clusters: Number, n.
        rate: That was asked for.
        promised: `rate`, or 1 / (n + 1) where n clusters cannot promise less; `value` is then the largest
            score.
    """

    value: float
    clusters: int
    rate: float
    promised: float

    @property
    def enough(self) -> bool:
        """Whether there were clusters enough for the rate that was asked for."""
        return self.promised <= self.rate


def conformal_quantile(scores: NDArray[np.float64], clusters: NDArray[Any], rate: float) -> ConformalQuantile:
    """Returns the score that those of new clusters exceed at a rate of at most `rate`.

    Every cluster counts once and its scores share its weight: the value is the smallest score v for which the
    clusters' shares of scores at or below v sum to at least (n + 1)(1 - rate). With one score a cluster that
    is the score of rank ceil((n + 1)(1 - rate)) (Vovk et al. 2005; Lei et al. 2018); with several it promises
    what one drawn at random from each would promise, without depending on the draw (hierarchical conformal
    prediction, Lee, Barber and Willett 2023). Taking each cluster's largest score instead would promise that
    *all* scores of a new cluster stay below, and pay for it with every fake that scores lower.

    Args:
        scores: (N,), higher is stranger.
        clusters: What scores belong together, (N,).
        rate: In (0, 1).

    Raises:
        ValueError: No scores, or a rate out of range.
    """
    if len(scores) == 0:
        raise ValueError("expected scores, got none")
    if not 0 < rate < 1:
        raise ValueError(f"expected a rate between 0 and 1, got {rate}")
    _, which, sizes = np.unique(clusters, return_inverse=True, return_counts=True)
    count = len(sizes)
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(1 / sizes[which.reshape(-1)[order]])  # (N,) clusters at or below each score
    needed = (count + 1) * (1 - rate)
    if needed > count + _ROUNDING:
        return ConformalQuantile(float(scores[order[-1]]), count, rate, 1 / (count + 1))
    position = min(int(np.searchsorted(reached, needed - _ROUNDING)), len(scores) - 1)
    return ConformalQuantile(float(scores[order[position]]), count, rate, rate)


def clusters_needed(rate: float) -> int:
    """Returns how many clusters it takes at least to promise a rate."""
    return int(np.ceil(1 / rate - 1 - _ROUNDING))
