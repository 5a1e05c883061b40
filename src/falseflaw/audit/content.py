"""The content probe: can inpainted and simulated flaws be told apart by what they show, blurred and small?"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from falseflaw.audit.flaws import Flaws
from falseflaw.statistics.bootstrap import Bootstrap, Estimate
from falseflaw.statistics.metrics import auroc
from falseflaw.types import Image, Mask

SHRINK = 4
_SIGMA = 2.0  # of the blur before shrinking, pixels: no trace of a pixel's making survives both
_FOLDS = 5
_STRENGTH = 0.02  # of the fit, the inverse of its penalty: a few hundred windows carry no more


def content_probe(fakes: Flaws, simulated: Flaws) -> Estimate:
    """Returns the AUROC of a logistic regression on low-frequency features, cross-validated by source.

    Both members of a pair lie in the same part. One half is the ideal: content does not tell.

    Args:
        fakes: Inpainted flaws.
        simulated: Painted flaws of the same sources, kinds and regions, in the same order.
    """
    features = np.concatenate([describe(fakes), describe(simulated)])  # (2 N, F)
    labels = np.repeat([1, 0], [len(fakes), len(simulated)])
    sources = np.concatenate([fakes.sources, simulated.sources])
    scores = np.zeros(len(labels))
    parts = min(_FOLDS, len(set(sources.tolist())))
    if parts < 2:
        return Estimate(None, None, None, len(labels))
    for learn, judge in GroupKFold(parts).split(features, labels, sources):
        model = make_pipeline(
            StandardScaler(),
            PolynomialFeatures(2, include_bias=False),
            StandardScaler(),
            LogisticRegression(C=_STRENGTH, max_iter=500),
        )
        model.fit(features[learn], labels[learn])
        scores[judge] = model.decision_function(features[judge])
    # Rounded, so that equal windows tie whatever the order of sums.
    return Bootstrap(sources).estimate(
        {"auroc": lambda weights: auroc(np.round(scores, 9), labels, weights)}
    )["auroc"]


def describe(flaws: Flaws) -> NDArray[np.float64]:
    """Returns features of the blurred, shrunk windows: colors and contrasts inside against around, (N, F)."""
    return np.stack(
        [_describe(image, region) for image, region in zip(flaws.images, flaws.regions, strict=True)]
    )


def _describe(image: Image, region: Mask) -> NDArray[np.float64]:
    side = image.shape[0] // SHRINK
    blurred = cv2.GaussianBlur(image, (0, 0), _SIGMA)
    small = cv2.resize(blurred, (side, side), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB).astype(np.float64)
    cover = cv2.resize(region.astype(np.float32), (side, side), interpolation=cv2.INTER_AREA)
    inside = cover >= min(0.5, float(cover.max()))
    near = cv2.dilate(inside.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    around = near & ~inside if (near & ~inside).any() else ~near | inside
    base = lab[around].mean(axis=0)
    change = lab[inside] - base  # (pixels, 3)
    slope = np.hypot(cv2.Sobel(lab[..., 0], -1, 1, 0), cv2.Sobel(lab[..., 0], -1, 0, 1))
    edge = inside & (cv2.erode(inside.astype(np.uint8), np.ones((3, 3), np.uint8)) == 0)
    return np.concatenate(
        [
            base,
            change.mean(axis=0),
            change.std(axis=0),
            *np.quantile(change, (0.1, 0.9), axis=0),
            [float(slope[part].mean()) if part.any() else 0.0 for part in (inside, edge, around)],
        ]
    )
