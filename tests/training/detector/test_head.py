"""The head fitted on whole photos computes the regression that was fitted; nothing before it moves."""

import numpy as np
import pytest
import torch
from tests.training.conftest import DETECTOR

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.models.detector import Detector
from falseflaw.models.whole_image import WholeImageClassifier
from falseflaw.training.detector.head import (
    WholePhotoFeatures,
    check_has_head,
    collect_features,
    fit_head,
)
from falseflaw.training.detector.kept_features import KeptFeatures


@pytest.fixture
def seen() -> WholePhotoFeatures:
    rng = np.random.default_rng(0)
    detector = Detector()
    count = detector.head[0].in_features
    features = rng.normal(3, 2, (400, count)).astype(np.float32)
    features[1::2, 5] += 2.5  # what tells the positives
    return WholePhotoFeatures(features, rng.normal(size=400).astype(np.float32))


def test_the_head_becomes_the_regression_and_the_rest_stays(seen) -> None:
    torch.manual_seed(0)
    detector = Detector().eval()
    before = {name: value.clone() for name, value in detector.state_dict().items()}
    fitted = fit_head(detector, seen, 0.1)
    after = detector.state_dict()
    assert {name for name in after if not torch.equal(after[name], before[name])} == {
        "head.0.weight",
        "head.0.bias",
        "head.2.weight",
        "head.2.bias",
    }
    assert fitted.pairs == 200
    assert 0.4 < fitted.auroc_before < 0.6
    assert fitted.auroc > 0.75
    with torch.no_grad():
        logits = detector.head(torch.from_numpy(seen.features))[:, 0].numpy()
    from scipy.special import expit
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaled = StandardScaler().fit_transform(seen.features.astype(np.float64))
    model = LogisticRegression(C=0.1, max_iter=5000).fit(scaled, seen.labels)
    assert expit(logits) == pytest.approx(model.predict_proba(scaled)[:, 1], abs=1e-4)


@pytest.mark.slow
def test_features_are_what_the_network_shows_its_head(tmp_path) -> None:
    torch.manual_seed(1)
    detector = Detector(**DETECTOR).eval()
    rng = np.random.default_rng(2)
    photos = [
        None if number % 5 == 0 else tuple(rng.integers(0, 256, (2, 70, 90, 3), np.uint8))
        for number in range(70)
    ]
    seen = collect_features(detector, photos, "it", lanes=2)
    assert len(seen.logits) == len(seen.features) == 2 * 56
    with torch.no_grad():
        again = detector.head(torch.from_numpy(seen.features))[:, 0].numpy()
    assert again == pytest.approx(seen.logits, abs=1e-3)
    begun = KeptFeatures()
    collect_features(detector, photos[:65], "it", lanes=1, kept=begun)
    again = collect_features(detector, [None] * 65 + photos[65:], "it", lanes=1, kept=begun)
    assert np.array_equal(again.features, seen.features)
    assert np.array_equal(again.logits, seen.logits)
    with pytest.raises(InvalidDataError, match=r"50 pairs and more .*, got 8"):
        collect_features(detector, photos[60:], "it", lanes=1)


def test_a_classifier_without_such_a_head_is_told() -> None:
    with pytest.raises(ConfigurationError, match="WholeImageClassifier"):
        check_has_head(WholeImageClassifier(pretrained="none"))
