import pytest
from tests.evaluation.conftest import NAMES, SUITE, CheckerScorer

from falseflaw.evaluation.figures.calibration import read_operating_point
from falseflaw.evaluation.figures.groups import MIXTURE
from falseflaw.evaluation.figures.measure import prepare
from falseflaw.evaluation.prediction.predictions import read_predictions
from falseflaw.evaluation.report.plots import reliability
from falseflaw.evaluation.run import evaluate
from falseflaw.evaluation.settings import EvaluationSettings
from falseflaw.evaluation.target import DetectorUnderTest


@pytest.mark.slow
def test_reliability_is_drawn_over_what_was_calibrated(dataset, tmp_path) -> None:
    settings = EvaluationSettings(calibrate_on=NAMES[:1], replicates=10, examples=0, progress=False)
    evaluate(DetectorUnderTest(CheckerScorer()), dataset, SUITE[:1], tmp_path, settings)
    point, _ = read_operating_point(tmp_path / "operating_point.json")
    rows = prepare(read_predictions(tmp_path), point)
    other = ~rows["edit"].isin(MIXTURE)
    assert other.any()
    drawn = reliability(rows)
    assert drawn == reliability(rows[~other])
