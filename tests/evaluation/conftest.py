from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import uniform_filter
from tests.evaluation.made import summarized
from tests.helpers import make_dataset

from falseflaw.dataset.manifest import read_manifest
from falseflaw.evaluation.figures.summary import ComparisonSummary
from falseflaw.evaluation.prediction.predict import predict
from falseflaw.evaluation.prediction.selection import Selection
from falseflaw.imaging.laundering.base import Identity
from falseflaw.imaging.laundering.recompress import Jpeg
from falseflaw.imaging.laundering.resize import Resize
from falseflaw.types import OperatingPoint

SUITE = (Identity(), Jpeg(80), Resize(0.5))
NAMES = ("identity", "jpeg80", "resize_0.5")
POINT = OperatingPoint(temperature=2.0, image_threshold=0.6, clear_threshold=0.3, mask_threshold=70)


class CheckerScorer:
    """Scores the checkerboard that marks the tiny dataset's positives; counts what it is asked."""

    def __init__(self, version: str = "1") -> None:
        self.version = version
        self.scored = 0
        self.batches: list[tuple[int, ...]] = []
        self.stop_after: int | None = None

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.version.encode()).hexdigest()

    def describe(self) -> dict[str, str]:
        return {"kind": "fake", "path": "nowhere", "sha256": self.fingerprint}

    def score(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.batches.append(images.shape)
        self.scored += len(images)
        if self.stop_after is not None and self.scored > self.stop_after:
            raise KeyboardInterrupt
        gray = images.astype(np.float64).mean(axis=3)
        high = np.abs(4 * gray - sum(np.roll(gray, shift, axis) for axis in (1, 2) for shift in (1, -1)))
        smooth = uniform_filter(high, (1, 7, 7), mode="wrap")
        heat = np.clip(smooth * 3, 0, 255).astype(np.uint8)
        logits = np.percentile(heat.reshape(len(heat), -1), 97, axis=1) / 40 - 2
        return logits, heat


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve sources: three in val and three in test."""
    return make_dataset(tmp_path_factory.mktemp("tiny"), sources=12)


@pytest.fixture
def scorer() -> CheckerScorer:
    return CheckerScorer()


@pytest.fixture(scope="session")
def predictions(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    selection = Selection(dataset, read_manifest(dataset), SUITE)
    return predict(selection, CheckerScorer(), tmp_path_factory.mktemp("out"), progress=False)


@pytest.fixture(scope="session")
def summary(predictions: pd.DataFrame) -> ComparisonSummary:
    return summarized(predictions, POINT, replicates=50)
