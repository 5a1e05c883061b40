"""95 % intervals: a bootstrap that resamples sources, and Clopper-Pearson for counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from falseflaw.seeding import derive_rng

LEVEL = 0.95
_ROWS = 100  # replicates held in memory at once

Metric = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Takes weights (R, N) and returns a figure for each row, (R,)."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval.

    Attributes:
        value: The figure on the data as they are; None where undefined.
        lo: Lower end of the 95 % interval.
        hi: Upper end.
        n: Images it rests on.
    """

    value: float | None
    lo: float | None
    hi: float | None
    n: int


@dataclass(frozen=True)
class Share(Estimate):
    """A share of images with its interval.

    Attributes:
        count: Images that are counted, of `n`.
    """

    count: int


class Bootstrap:
    """Percentile bootstrap clustered by source (Efron and Tibshirani 1993, chapter 13).

    All images of a source are drawn together: they share photo, camera and flaw, so they are not
    independent. The draw depends on seed and sources alone, hence figures on the same sources are
    resampled alike.

    Args:
        clusters: Source of each image, (N,).
        replicates: Number of resamples.
        seed: Of the draw.
    """

    def __init__(self, clusters: NDArray[Any], replicates: int = 1000, seed: int = 0) -> None:
        names, self._index = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
        self.sources = len(names)
        self.replicates = replicates
        self._seed = seed

    def weights(self) -> Iterator[NDArray[np.float64]]:
        """Yields blocks (R, N) of how often each image stands in each resample."""
        rng = derive_rng("bootstrap", self._seed, self.sources)
        uniform = np.full(self.sources, 1 / max(1, self.sources))
        for start in range(0, self.replicates, _ROWS):
            rows = min(_ROWS, self.replicates - start)
            counts = rng.multinomial(self.sources, uniform, size=rows)  # (R, sources)
            yield counts[:, self._index].astype(np.float64)  # (R, N)

    def curve(self, metric: Metric) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Returns values, lower and upper ends, each (T,), of a metric that gives (R, T) for weights (R, N).

        Resamples on which a point is undefined are left out there; each point is at 95 % for itself.
        """
        values = metric(np.ones((1, len(self._index))))[0]
        draws = np.concatenate([metric(block) for block in self.weights()])  # (replicates, T)
        tail = 100 * (1 - LEVEL) / 2
        low, high = np.nanpercentile(draws, [tail, 100 - tail], axis=0)
        return values, low, high

    def estimate(self, metrics: dict[str, Metric], n: int | None = None) -> dict[str, Estimate]:
        """Returns value and interval of every metric; resamples on which one is undefined are left out."""
        size = len(self._index)
        if not size:
            return {name: Estimate(None, None, None, 0) for name in metrics}
        values = {name: _finite(metric(np.ones((1, size)))[0]) for name, metric in metrics.items()}
        draws: dict[str, list[NDArray[np.float64]]] = {name: [] for name in metrics}
        for block in self.weights():
            for name, metric in metrics.items():
                draws[name].append(metric(block))
        return {
            name: Estimate(value, *_percentiles(draws[name], value), size if n is None else n)
            for name, value in values.items()
        }


def clopper_pearson(count: int, total: int, level: float = LEVEL) -> tuple[float, float]:
    """Exact interval of a binomial rate (Clopper and Pearson 1934); (0, 1) for no trial at all."""
    if total == 0:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low = 0.0 if count == 0 else float(stats.beta.ppf(tail, count, total - count + 1))
    high = 1.0 if count == total else float(stats.beta.ppf(1 - tail, count + 1, total - count))
    return low, high


def rate(flagged: NDArray[np.bool_], clusters: NDArray[Any], replicates: int = 1000, seed: int = 0) -> Share:
    """Share of flagged images with its interval.

    Clopper-Pearson where every source stands once. Otherwise the clustered bootstrap, save that a
    rate of 0 or 1, on which resampling shows no spread, gets Clopper-Pearson on the number of sources.
    """
    total, count = len(flagged), int(flagged.sum())
    if total == 0:
        return Share(None, None, None, 0, 0)
    sources = len(set(clusters.tolist()))
    if sources == total:
        return Share(count / total, *clopper_pearson(count, total), total, count)
    if count in {0, total}:
        return Share(count / total, *clopper_pearson(sources * count // total, sources), total, count)
    hits = flagged.astype(np.float64)
    metrics: dict[str, Metric] = {"rate": lambda weights: (weights @ hits) / weights.sum(axis=1)}
    found = Bootstrap(clusters, replicates, seed).estimate(metrics)["rate"]
    return Share(found.value, found.lo, found.hi, total, count)


def difference(one: Estimate, other: Estimate) -> Estimate:
    """Interval of `one - other` from the intervals of two independent estimates (MOVER).

    The square root of the summed squares of the distances to the ends (Zou and Donner 2008); with Wilson's
    intervals it is Newcombe's (1998) for two proportions. Unlike a resampled difference it keeps its width
    where both rates are 0.
    """
    if one.value is None or other.value is None:
        return Estimate(None, None, None, one.n + other.n)
    value = one.value - other.value
    if one.lo is None or one.hi is None or other.lo is None or other.hi is None:
        return Estimate(value, None, None, one.n + other.n)
    below = np.hypot(one.value - one.lo, other.hi - other.value)
    above = np.hypot(one.hi - one.value, other.value - other.lo)
    return Estimate(value, float(value - below), float(value + above), one.n + other.n)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _percentiles(draws: list[NDArray[np.float64]], value: float | None) -> tuple[float | None, float | None]:
    drawn = np.concatenate(draws) if draws else np.empty(0)
    drawn = drawn[np.isfinite(drawn)]
    if value is None or not drawn.size:
        return None, None
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return float(low), float(high)
