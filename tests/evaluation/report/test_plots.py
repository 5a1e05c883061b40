import numpy as np
from sklearn.metrics import roc_curve as reference_curve
from tests.evaluation.conftest import NAMES, SUITE, CheckerScorer

from falseflaw.evaluation.figures.calibration import read_operating_point
from falseflaw.evaluation.figures.groups import MIXTURE
from falseflaw.evaluation.figures.measure import prepare
from falseflaw.evaluation.prediction.predictions import read_predictions
from falseflaw.evaluation.report.plots import reliability, roc_curve
from falseflaw.evaluation.run import evaluate


def test_roc_curve_by_hand_and_as_scikit_learn_draws_it() -> None:
    false, true = roc_curve(np.array([3.0, 2, 2, 1]), np.array([1, 1, 0, 0]))
    assert false.tolist() == [0, 0, 0.5, 1]
    assert true.tolist() == [0, 0.5, 1, 1]
    rng = np.random.default_rng(0)
    labels, values = rng.integers(0, 2, 200), rng.integers(0, 30, 200).astype(float)
    expected = reference_curve(labels, values, drop_intermediate=False)
    for mine, theirs in zip(roc_curve(values, labels), expected, strict=False):
        np.testing.assert_allclose(mine, theirs)


def test_reliability_is_drawn_over_what_was_calibrated(dataset, tmp_path) -> None:
    evaluate(CheckerScorer(), dataset, SUITE[:1], tmp_path, calibrate_on=NAMES[:1], replicates=10, examples=0,
             progress=False)  # fmt: skip
    point, _ = read_operating_point(tmp_path / "operating_point.json")
    rows = prepare(read_predictions(tmp_path), point)
    other = ~rows["edit"].isin(MIXTURE)
    assert other.any()
    drawn = reliability(rows)
    assert drawn == reliability(rows[~other])
