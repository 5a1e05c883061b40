import os

import numpy as np
import pytest
import torch
from tests.helpers import textured_photo
from tests.runtime.red import POINT, mask_logit, spotted_photo, write_bundle

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.evaluation.prediction.scorers import BundleScorer, CheckpointScorer, lanes_of
from falseflaw.models.checkpoint import save_detector_checkpoint
from falseflaw.models.detector import Detector
from falseflaw.provenance import file_sha256
from falseflaw.seeding import derive_rng


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    return save_detector_checkpoint(Detector(), tmp_path_factory.mktemp("model") / "best.ckpt")


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    return np.stack([textured_photo(derive_rng("scorer", index), 70, 101) for index in range(3)])


@pytest.mark.slow
def test_checkpoint_scores_as_the_network_does_and_batchmates_do_not_matter(checkpoint, photos) -> None:
    scorer = CheckpointScorer(checkpoint, "cpu")
    logits, heats = scorer.score(photos)
    assert logits.dtype == np.float64
    assert heats.shape == (3, 70, 101)
    assert heats.dtype == np.uint8
    for index in range(3):
        alone, heat = scorer.score(photos[index : index + 1])
        assert alone[0] == pytest.approx(logits[index], abs=1e-4)
        assert np.abs(heat[0].astype(int) - heats[index]).max() <= 1
    assert np.ptp(logits) > 1e-4
    assert scorer.fingerprint == file_sha256(checkpoint)
    assert scorer.describe()["kind"] == "checkpoint"


def test_bundle_scores_as_its_network_does_and_brings_its_own_thresholds(tmp_path) -> None:
    scorer = BundleScorer(write_bundle(tmp_path / "red"))
    photos = np.stack([spotted_photo(70, 90, 20, 30), spotted_photo(70, 90, 1, 2)])
    logits, heats = scorer.score(photos)
    expected = np.stack([mask_logit(photo) for photo in photos])
    assert logits == pytest.approx(expected.max(axis=(1, 2)), abs=1e-4)
    assert logits.dtype == np.float64
    assert np.abs(heats - 255 / (1 + np.exp(-expected))).max() <= 0.51
    assert scorer.operating_point == POINT
    for index in range(2):
        alone, heat = scorer.score(photos[index : index + 1])
        assert np.array_equal(alone, logits[index : index + 1])
        assert np.array_equal(heat, heats[index : index + 1])
    assert scorer.fingerprint == file_sha256(tmp_path / "red" / "model.onnx")
    assert scorer.describe()["kind"] == "bundle"


def test_a_scorer_says_how_many_calls_pay_off_at_once(checkpoint, tmp_path) -> None:
    write_bundle(tmp_path / "red")
    assert lanes_of(BundleScorer(tmp_path / "red", lanes=3)) == 3
    assert 1 <= lanes_of(BundleScorer(tmp_path / "red")) <= (os.cpu_count() or 1)
    assert lanes_of(CheckpointScorer(checkpoint, "cpu")) == 1


def test_what_is_no_checkpoint_is_told_in_one_line(tmp_path) -> None:
    with pytest.raises(MissingDataError, match="falseflaw train"):
        CheckpointScorer(tmp_path / "none.ckpt")
    broken = tmp_path / "broken.ckpt"
    broken.write_bytes(b"nonsense")
    with pytest.raises(InvalidDataError) as raised:
        CheckpointScorer(broken)
    assert "\n" not in str(raised.value)
    with pytest.raises(MissingDataError):
        BundleScorer(tmp_path)


@pytest.mark.slow
def test_a_network_of_nans_is_refused(checkpoint, photos, tmp_path) -> None:
    torch.manual_seed(0)
    detector = Detector()
    with torch.no_grad():
        next(iter(detector.head.parameters())).fill_(float("nan"))
    path = save_detector_checkpoint(detector, tmp_path / "nan.ckpt")
    with pytest.raises(InvalidDataError, match="finite"):
        CheckpointScorer(path, "cpu").score(photos)
