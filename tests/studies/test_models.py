"""What a study asks: a bundle with its own thresholds or given ones, a run with its evaluation's."""

from pathlib import Path

import numpy as np
import pytest
from tests.helpers import textured_photo
from tests.runtime.red import write_bundle
from tests.training.conftest import DETECTOR

from falseflaw.errors import MissingDataError
from falseflaw.evaluation.figures.calibration import OPERATING_POINT_NAME, write_operating_point
from falseflaw.evaluation.figures.unlike import write_familiarity
from falseflaw.runtime.verdict import verdicts
from falseflaw.seeding import derive_rng
from falseflaw.statistics.familiarity import fit_familiarity
from falseflaw.studies.models import StudiedModel, open_model, verdicts_of
from falseflaw.types import OperatingPoint, Verdict

POINT = OperatingPoint(temperature=2.0, image_threshold=0.9, clear_threshold=0.1, mask_threshold=100)


def test_a_bundle_has_its_own_thresholds_unless_others_are_given(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle", tile_pixels=300 * 300, checkpoint_sha256="a" * 64)
    model = open_model(folder)
    assert model.checkpoint == "a" * 64
    assert model.operating_point is not None
    assert model.operating_point != POINT
    assert model.tiling(300, 300).count == 1
    assert model.tiling(300, 330).count > 1
    write_operating_point(tmp_path / OPERATING_POINT_NAME, POINT, None)
    for given in (tmp_path, tmp_path / OPERATING_POINT_NAME):
        assert open_model(folder, given).operating_point == POINT


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="expected a bundle, run or checkpoint"):
        open_model(tmp_path / "none")


@pytest.mark.slow
def test_a_run_has_the_thresholds_of_its_evaluation_and_tells_distances(tmp_path: Path) -> None:
    from falseflaw.models.checkpoint import save_detector_checkpoint
    from falseflaw.models.detector import Detector
    from falseflaw.provenance import file_sha256

    path = save_detector_checkpoint(Detector(**DETECTOR), tmp_path / "checkpoints/best.ckpt", DETECTOR)
    photo = textured_photo(derive_rng("models"), 96, 64)
    bare = open_model(tmp_path)
    assert bare.operating_point is None
    assert bare.checkpoint == file_sha256(path)
    assert np.isnan(bare.ask(photo).distance)
    features = bare.scorer.evidence(photo[None]).features
    evaluation = tmp_path / "evaluation"
    write_operating_point(evaluation / OPERATING_POINT_NAME, POINT, None)
    spread = derive_rng("spread").normal(size=(40, features.shape[1])).astype(np.float32)
    familiarity = fit_familiarity(features + spread)
    write_familiarity(evaluation, familiarity)
    model = open_model(tmp_path)
    assert model.operating_point == POINT
    assert model.ask(photo).distance == pytest.approx(familiarity.distance(features)[0])
    assert model.ask(photo).logit == bare.ask(photo).logit


def test_verdicts_are_the_runtimes(tmp_path: Path) -> None:
    logits = np.array([-9.0, 0.0, 9.0, 9.0])
    hottest, distances = np.array([0, 255, 255, 99]), np.full(4, np.nan)
    probability, given = verdicts_of(logits, hottest, distances, POINT)
    assert np.allclose(probability, 1 / (1 + np.exp(-logits / 2)))
    assert list(given) == [Verdict.NO_SIGN, Verdict.INCONCLUSIVE, Verdict.ALTERED, Verdict.INCONCLUSIVE]
    runtime = verdicts(probability, hottest >= 100, np.zeros(4, bool), POINT)
    assert list(runtime) == list(given)


def test_lanes_are_the_scorers() -> None:
    class Fast:
        lanes = 3

    assert StudiedModel(Fast()).lanes == 3  # type: ignore[arg-type]
