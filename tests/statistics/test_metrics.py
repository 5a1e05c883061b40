import numpy as np
import pytest
from sklearn import metrics as reference

from falseflaw.statistics import metrics


def sample(seed: int, size: int = 200, levels: int = 23) -> tuple[np.ndarray, np.ndarray]:
    """Scores with many ties, better than chance."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(size) < 0.4).astype(int)
    scores = np.round((rng.normal(size=size) + labels) * levels / 6) / levels
    return scores, labels


def ones(size: int) -> np.ndarray:
    return np.ones((1, size))


@pytest.mark.parametrize("seed", range(5))
def test_auroc_and_average_precision_agree_with_scikit_learn(seed: int) -> None:
    scores, labels = sample(seed)
    expected = reference.roc_auc_score(labels, scores)
    assert metrics.auroc(scores, labels, ones(200))[0] == pytest.approx(expected, abs=1e-12)
    expected = reference.average_precision_score(labels, scores)
    assert metrics.average_precision(scores, labels, ones(200))[0] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_weights_mean_repetition(seed: int) -> None:
    scores, labels = sample(seed, 60)
    weights = np.random.default_rng(seed).integers(0, 4, (2, 60)).astype(float)
    flagged = scores > 0.3
    probability = 1 / (1 + np.exp(-scores))
    for row in range(2):
        times = weights[row].astype(int)
        many, truth = np.repeat(scores, times), np.repeat(labels, times)
        one = ones(len(many))
        for metric in (metrics.auroc, metrics.average_precision, metrics.oracle_tpr):
            assert metric(scores, labels, weights)[row] == pytest.approx(metric(many, truth, one)[0])
        got = metrics.balanced_accuracy(flagged, labels, weights)[row]
        assert got == pytest.approx(reference.balanced_accuracy_score(truth, np.repeat(flagged, times)))
    gap = metrics.expected_calibration_error(probability, labels, weights)
    index = metrics.calibration_bins(probability)
    for row in range(2):
        expected = 0.0
        for value in np.unique(index):
            mass = weights[row] * (index == value)
            if mass.sum():
                confidence = (mass * probability).sum() / mass.sum()
                expected += mass.sum() * abs(confidence - (mass * labels).sum() / mass.sum())
        assert gap[row] == pytest.approx(expected / weights[row].sum())


def test_oracle_tpr_by_hand() -> None:
    negatives = np.arange(200) / 200.0  # 1 % of 200 allows two
    positives = np.array([0.991, 0.985, 0.9849, 0.5])
    scores, labels = np.r_[negatives, positives], np.r_[np.zeros(200), np.ones(4)]
    # Above 0.985: two negatives (0.990, 0.995), the positive 0.991; at 0.985 a third negative ties.
    assert metrics.oracle_tpr(scores, labels, ones(204))[0] == pytest.approx(0.25)
    assert metrics.oracle_tpr(scores, labels, ones(204), rate=0.015)[0] == pytest.approx(0.75)  # 0.9849 too
    assert metrics.oracle_tpr(scores, labels, ones(204), rate=1.0)[0] == 1.0


def test_extremes_and_undefined_figures() -> None:
    labels = np.array([0, 0, 1, 1])
    assert metrics.auroc(np.array([0.0, 1, 2, 3]), labels, ones(4))[0] == 1
    assert metrics.auroc(np.array([3.0, 2, 1, 0]), labels, ones(4))[0] == 0
    assert metrics.auroc(np.zeros(4), labels, ones(4))[0] == 0.5
    without_positives = np.array([[1.0, 1, 0, 0]])
    for metric in (metrics.auroc, metrics.average_precision, metrics.oracle_tpr):
        assert np.isnan(metric(np.arange(4.0), labels, without_positives)[0])
    assert np.isnan(metrics.auroc(np.empty(0), np.empty(0), np.ones((1, 0)))[0])


def test_ece_by_hand() -> None:
    probabilities = np.repeat([0.1, 0.5, 0.9], 10)
    labels = np.r_[np.ones(2), np.zeros(8), np.ones(5), np.zeros(5), np.ones(6), np.zeros(4)]
    got = metrics.expected_calibration_error(probabilities, labels, ones(30), bins=3)
    assert got[0] == pytest.approx((0.1 + 0.0 + 0.3) / 3)


def test_bins_have_equal_mass_and_keep_ties_together() -> None:
    probabilities = np.random.default_rng(0).permutation(np.arange(150) / 150)
    assert set(np.bincount(metrics.calibration_bins(probabilities))) == {10}
    tied = np.r_[np.zeros(100), np.linspace(0.1, 1, 50)]
    assert len(set(metrics.calibration_bins(tied)[:100])) == 1


@pytest.mark.parametrize("seed", range(4))
def test_pixel_figures_agree_with_counting_pixels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((40, 50)) < 0.2
    heat = np.clip(rng.normal(90 + 60 * mask, 50), 0, 255).astype(np.uint8)
    inside = np.bincount(heat[mask], minlength=256)[None]
    outside = np.bincount(heat[~mask], minlength=256)[None]
    for threshold in (1, 77, 128, 255):
        said = heat >= threshold
        assert metrics.pixel_f1(inside, outside)[0, threshold] == pytest.approx(
            reference.f1_score(mask.ravel(), said.ravel())
        )
        assert metrics.pixel_iou(inside, outside)[0, threshold] == pytest.approx(
            reference.jaccard_score(mask.ravel(), said.ravel())
        )
    assert metrics.pixel_auroc(inside, outside)[0] == pytest.approx(
        reference.roc_auc_score(mask.ravel(), heat.ravel())
    )
