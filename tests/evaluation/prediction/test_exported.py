import numpy as np
import pytest
import torch
from tests.helpers import textured_photo
from tests.training.conftest import DETECTOR

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.prediction import scorers
from falseflaw.evaluation.prediction.exported import ExportedScorer
from falseflaw.evaluation.prediction.scorers import CheckpointScorer
from falseflaw.evaluation.target import Target
from falseflaw.models import exported
from falseflaw.models.checkpoint import save_detector_checkpoint
from falseflaw.models.detector import Detector
from falseflaw.seeding import derive_rng


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "best.ckpt"
    return save_detector_checkpoint(Detector(**DETECTOR), path, DETECTOR)


@pytest.mark.slow
def test_a_checkpoint_scores_in_onnxruntime_as_in_torch(checkpoint, monkeypatch) -> None:
    detector = Target("checkpoint", checkpoint).load(None, "onnx").scorer
    assert isinstance(detector, ExportedScorer)
    torch_scorer = CheckpointScorer(checkpoint, "cpu")
    photos = np.stack([textured_photo(derive_rng("exported", index), 70, 101) for index in range(3)])
    whole = torch_scorer.evidence(photos), detector.evidence(photos)
    monkeypatch.setattr(scorers, "TILE_PIXELS", 4096)
    monkeypatch.setattr(scorers, "TILE_OVERLAP", 0)
    tiled = torch_scorer.evidence(photos), detector.evidence(photos)
    for expected, found in (whole, tiled):
        assert found.logits == pytest.approx(expected.logits, abs=1e-3)
        assert found.features == pytest.approx(expected.features, abs=1e-3)
        assert found.features.shape[1] > 0
        assert np.abs(found.heat_maps.astype(int) - expected.heat_maps).max() <= 1
        assert np.isnan(found.distances).all()
    assert tiled[1].logits != pytest.approx(whole[1].logits, abs=1e-3)
    assert detector.fingerprint == torch_scorer.fingerprint
    assert detector.describe() == torch_scorer.describe() | {"device": "onnx"}
    assert scorers.lanes_of(detector) >= 1


@pytest.mark.slow
def test_an_export_that_answers_otherwise_is_refused(checkpoint, monkeypatch) -> None:
    monkeypatch.setattr(exported.ExportedNetwork, "run", lambda self, images: [np.array([99.0])])
    with pytest.raises(InvalidDataError, match="device=cpu"):
        ExportedScorer(checkpoint)
