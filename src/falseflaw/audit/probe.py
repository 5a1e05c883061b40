"""The probe: can two classes be told apart by some numbers a photo, on photos of sources it has not seen?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import GroupKFold

from falseflaw.statistics.bootstrap import Bootstrap, Estimate
from falseflaw.statistics.metrics import auroc

ABSENT = -1.0
"""Stands for a fact that a file does not have; no fact is negative."""

_FOLDS = 5
_TREES = 60
_LEAF = 3
_DIGITS = 9  # equal numbers must tie, whatever the order of sums


def table_of(facts: Sequence[Mapping[str, float]]) -> NDArray[np.float64]:
    """Returns facts as columns (N, F), in the order of their names."""
    names = sorted({name for fact in facts for name in fact})
    return np.array([[fact.get(name, ABSENT) for name in names] for fact in facts], np.float64)


def probe(
    features: NDArray[np.float64], labels: NDArray[np.int64], sources: NDArray[np.str_], seed: int = 0
) -> Estimate:
    """Returns the AUROC of randomized trees, cross-validated and resampled by source.

    Members of a set with equal features get equal scores and tell nothing, so a dataset whose members are
    treated alike gives exactly one half.

    Args:
        features: (N, F).
        labels: 0 or 1, (N,).
        sources: Source of each photo, (N,).
        seed: Of the trees.
    """
    parts = min(_FOLDS, len(set(sources.tolist())))
    if parts < 2 or len(set(labels.tolist())) < 2:
        return Estimate(None, None, None, len(labels))
    scores = np.zeros(len(labels))
    for learn, judge in GroupKFold(parts).split(features, labels, sources):
        if len(set(labels[learn].tolist())) < 2:
            continue
        model = ExtraTreesClassifier(_TREES, min_samples_leaf=_LEAF, random_state=seed)
        scores[judge] = model.fit(features[learn], labels[learn]).predict_proba(features[judge])[:, 1]
    rounded = np.round(scores, _DIGITS)
    return Bootstrap(sources).estimate({"auroc": lambda weights: auroc(rounded, labels, weights)})["auroc"]
