"""Figures of merit as functions of scores, labels and a weight per image.

Every image-level function takes scores (N,), labels (N,) and weights (R, N), one row per bootstrap
replicate, and returns (R,). A row of ones gives the plain figure; integer multiplicities give that of
a resample. Undefined figures (a class without weight) are NaN.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ORACLE_RATE = 0.01
"""False-positive rate at which the oracle reads its threshold off the test set itself."""

CALIBRATION_BINS = 15


class ImageMetric(Protocol):
    """A figure of merit of images, see the module's first lines."""

    def __call__(self, scores: Floats, labels: NDArray[Any], weights: Floats, /) -> Floats:
        """Takes scores (N,), labels (N,) of 0 and 1, and weights (R, N); returns (R,)."""
        ...


def auroc(scores: Floats, labels: NDArray[Any], weights: Floats) -> Floats:
    """Probability that a positive outscores a negative, ties counting one half (Mann and Whitney 1947)."""
    positive, negative = _grouped(scores, labels, weights)  # (R, G), by rising score
    below = np.cumsum(negative, axis=1) - negative
    wins = (positive * (below + negative / 2)).sum(axis=1)
    return _ratio(wins, positive.sum(axis=1) * negative.sum(axis=1))


def average_precision(scores: Floats, labels: NDArray[Any], weights: Floats) -> Floats:
    """Sum over thresholds of precision times the step in recall, without interpolation."""
    positive, negative = (part[:, ::-1] for part in _grouped(scores, labels, weights))  # by falling score
    found = np.cumsum(positive, axis=1)
    precision = _ratio(found, found + np.cumsum(negative, axis=1), empty=0.0)
    return _ratio((precision * positive).sum(axis=1), positive.sum(axis=1))


def oracle_tpr(scores: Floats, labels: NDArray[Any], weights: Floats, rate: float = ORACLE_RATE) -> Floats:
    """Best true-positive rate at a false-positive rate of at most `rate`, threshold chosen on these data."""
    positive, negative = (part[:, ::-1] for part in _grouped(scores, labels, weights))
    alarms = _ratio(np.cumsum(negative, axis=1), negative.sum(axis=1, keepdims=True))
    found = _ratio(np.cumsum(positive, axis=1), positive.sum(axis=1, keepdims=True))
    allowed = np.where(alarms <= rate, found, 0.0).max(axis=1)
    return np.where(np.isnan(alarms[:, -1] + found[:, -1]), np.nan, allowed)


def mean(values: Floats, weights: Floats) -> Floats:
    """Weighted mean of values (N,) or (N, T) under weights (R, N): (R,) or (R, T)."""
    return _ratio((weights @ values).T, weights.sum(axis=1)).T


def balanced_accuracy(flagged: NDArray[np.bool_], labels: NDArray[Any], weights: Floats) -> Floats:
    """Mean of true-positive and true-negative rate."""
    positive = labels == 1
    hit = mean(flagged[positive].astype(float), weights[:, positive])
    alarm = mean(flagged[~positive].astype(float), weights[:, ~positive])
    return (hit + 1 - alarm) / 2


def calibration_bins(probabilities: Floats, bins: int = CALIBRATION_BINS) -> NDArray[np.int64]:
    """Assigns each probability (N,) one of at most `bins` bins of equal mass; equal values share a bin."""
    order = np.sort(probabilities)
    edges = order[(np.arange(1, bins) * len(order)) // bins] if len(order) else order
    return np.searchsorted(np.unique(edges), probabilities, side="right").astype(np.int64)


def expected_calibration_error(
    probabilities: Floats, labels: NDArray[Any], weights: Floats, bins: int = CALIBRATION_BINS
) -> Floats:
    """Mean distance of probability and frequency over equal-mass bins (Nguyen and O'Connor 2015).

    The bins are those of the unweighted data in every replicate.
    """
    index = calibration_bins(probabilities, bins)
    gap = np.zeros(len(weights))
    for value in np.unique(index):
        inside = index == value
        gap += np.abs(weights[:, inside] @ (probabilities[inside] - labels[inside]))
    return _ratio(gap, weights.sum(axis=1))


def pixel_counts(inside: NDArray[np.int64], outside: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """Returns true positives, false positives and false negatives, each (N, 256).

    Args:
        inside: Histograms (N, 256) of the 8-bit heat map over the true mask.
        outside: Histograms (N, 256) over the rest.

    Column t belongs to the decision `heat >= t`.
    """
    hit = np.cumsum(inside[:, ::-1], axis=1)[:, ::-1].astype(np.float64)
    alarm = np.cumsum(outside[:, ::-1], axis=1)[:, ::-1].astype(np.float64)
    return hit, alarm, hit[:, :1] - hit


def pixel_f1(inside: NDArray[np.int64], outside: NDArray[np.int64]) -> Floats:
    """Per-image F1 at every threshold, (N, 256); NaN where neither truth nor prediction has a pixel."""
    hit, alarm, missed = pixel_counts(inside, outside)
    return _ratio(2 * hit, 2 * hit + alarm + missed)


def pixel_iou(inside: NDArray[np.int64], outside: NDArray[np.int64]) -> Floats:
    """Per-image intersection over union at every threshold, (N, 256)."""
    hit, alarm, missed = pixel_counts(inside, outside)
    return _ratio(hit, hit + alarm + missed)


def pixel_auroc(inside: NDArray[np.int64], outside: NDArray[np.int64]) -> Floats:
    """Per-image AUROC (N,) of the heat map's 256 levels, pixels inside against outside, ties one half."""
    below = np.cumsum(outside, axis=1) - outside
    wins = (inside * (below + outside / 2)).sum(axis=1)
    return _ratio(wins, inside.sum(axis=1).astype(np.float64) * outside.sum(axis=1))


def _grouped(scores: Floats, labels: NDArray[Any], weights: Floats) -> tuple[Floats, Floats]:
    """Sums the weights of positives and of negatives over equal scores: two arrays (R, G), scores rising."""
    if not len(scores):
        return np.zeros((len(weights), 1)), np.zeros((len(weights), 1))
    order = np.argsort(scores, kind="stable")
    ranked = scores[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    sorted_weights = weights[:, order]
    positive = labels[order] == 1
    summed = np.add.reduceat(sorted_weights * positive, starts, axis=1)
    return summed, np.add.reduceat(sorted_weights * ~positive, starts, axis=1)


def _ratio(numerator: Any, denominator: Any, empty: float = np.nan) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.asarray(numerator, dtype=np.float64) / denominator
    return np.where(np.asarray(denominator) == 0, empty, value)
