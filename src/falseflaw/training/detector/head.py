"""Fits a detector's image head on whole photos; everything before the head stays as it was trained."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler
from torch.utils.data import DataLoader, Subset

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.models.architectures import AnyDetector
from falseflaw.models.detector import Detector
from falseflaw.models.exported import ExportedNetwork
from falseflaw.training.detector.kept_features import KeptFeatures
from falseflaw.training.detector.whole_photos import WholePhotoPairs
from falseflaw.training.loader_workers import prepare_worker
from falseflaw.types import Image

_FEWEST = 50
"""Pairs below which nothing is fitted."""


@dataclass(frozen=True, eq=False)
class WholePhotoFeatures:
    """What the head sees of whole photos, two rows a pair: the negative, then the positive.

    Attributes:
        features: float32 (2 P, F).
        logits: Of the head as it was, float32 (2 P,).
    """

    features: NDArray[np.float32]
    logits: NDArray[np.float32]

    @property
    def labels(self) -> NDArray[np.int64]:
        """0 and 1 in turn, (2 P,)."""
        return np.tile([0, 1], len(self.logits) // 2)


@dataclass(frozen=True)
class FittedHead:
    """What a fit came to, on the pairs it was fitted on.

    Attributes:
        pairs: Number.
        auroc_before: Of the head as it was.
        auroc: Of the fitted one.
    """

    pairs: int
    auroc_before: float
    auroc: float


def check_has_head(detector: AnyDetector) -> Detector:
    """Returns the detector if it has an image head over features.

    Raises:
        ConfigurationError: It has none.
    """
    if not isinstance(detector, Detector):
        raise ConfigurationError(
            f"expected a detector with an image head of its own, got {type(detector).__name__}; "
            "evaluate it as it is"
        )
    return detector


def collect_features(
    detector: Detector,
    pairs: WholePhotoPairs,
    name: str,
    lanes: int,
    workers: int = 0,
    kept: KeptFeatures | None = None,
    show: Callable[[Iterable[Any], int], Iterable[Any]] = lambda items, total: items,
) -> WholePhotoFeatures:
    """Runs the network on whole photos, in onnxruntime.

    Args:
        detector: On the CPU, in eval mode.
        pairs: What to run it on.
        name: Of the detector, for errors.
        lanes: Photos at once, each on one core.
        workers: Processes that compose and launder; 0 for none.
        kept: What was collected before: those pairs are not looked at again. Gets the others.
        show: Wraps the pairs that are left, of which it is told the number, in a progress bar.

    Raises:
        InvalidDataError: Too few pairs show anything that a network wrote.
        ExportError: The network cannot be exported.
    """
    network = ExportedNetwork(detector, name)
    kept = kept or KeptFeatures()
    wanted = range(min(kept.looked, len(pairs)), len(pairs))

    def judge(photo: Image) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        logit, _, seen = network.run(photo[None])
        return logit, seen

    loader = DataLoader(
        Subset(pairs, wanted),
        batch_size=None,
        num_workers=workers,
        collate_fn=_as_it_is,
        worker_init_fn=prepare_worker if workers else None,
    )
    with ThreadPoolExecutor(lanes) as pool:
        for pair in show(loader, len(wanted)):
            kept.add(list(pool.map(judge, pair or ())))
    if len(kept.logits) < 2 * _FEWEST:
        raise InvalidDataError(
            f"expected {_FEWEST} pairs and more that show what a network wrote, got {len(kept.logits) // 2}; "
            "pass more pairs"
        )
    return WholePhotoFeatures(np.stack(kept.features), np.concatenate(kept.logits))


def _as_it_is(pair: Any) -> Any:
    return pair


def fit_head(detector: Detector, seen: WholePhotoFeatures, strength: float) -> FittedHead:
    """Puts a logistic regression on whole photos' features in the place of a detector's head.

    The head's two layers compute it exactly: w x + b = relu(w x + b) - relu(-w x - b).

    Args:
        detector: Its head is changed in place.
        seen: What to fit on.
        strength: Inverse of the L2 penalty on standardized features (scikit-learn's C).
    """
    scaler = StandardScaler().fit(seen.features.astype(np.float64))
    labels = seen.labels
    model = LogisticRegression(C=strength, max_iter=5000)
    model.fit(scaler.transform(seen.features.astype(np.float64)), labels)
    weight = model.coef_[0] / scaler.scale_
    bias = float(model.intercept_[0] - weight @ scaler.mean_)
    state = {name: torch.zeros_like(tensor) for name, tensor in detector.head.state_dict().items()}
    for row, sign in enumerate((1.0, -1.0)):
        state["0.weight"][row] = torch.from_numpy(sign * weight)
        state["0.bias"][row] = sign * bias
        state["2.weight"][0, row] = sign
    detector.head.load_state_dict(state)
    after = seen.features.astype(np.float64) @ weight + bias
    return FittedHead(
        len(labels) // 2,
        float(roc_auc_score(labels, seen.logits)),
        float(roc_auc_score(labels, after)),
    )
