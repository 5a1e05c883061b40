"""A bundle that tells how unlike a photo is to those that were measured."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from tests.release.tiny import PHOTOS, ColorfulDetector, make_bundle
from tests.runtime.red import POINT, gray_photo, spotted_photo

from falseflaw.evaluation.prediction.scorers import BundleScorer, evidence_of, run_with_features
from falseflaw.models.detector import Detector
from falseflaw.models.onnx import ExportedDetector
from falseflaw.release.bundle import Release
from falseflaw.runtime.predictor import Predictor
from falseflaw.runtime.verdict import decide
from falseflaw.statistics.familiarity import Familiarity, fit_familiarity
from falseflaw.types import Image, Verdict

LIMIT = 3.0


def features(photos: list[Image]) -> np.ndarray:
    found = [run_with_features(ColorfulDetector().eval(), photo[None])[2] for photo in photos]
    return np.concatenate([values.numpy() for values in found])


@pytest.fixture(scope="module")
def familiarity() -> Familiarity:
    """Of gray photos, some with a red spot."""
    gray = [gray_photo(64, 80, key) for key in range(20)]
    return fit_familiarity(features([*gray, *(spotted_photo(64, 80, 8 + key, 20) for key in range(20))]))


@pytest.fixture(scope="module")
def release(familiarity: Familiarity, tmp_path_factory: pytest.TempPathFactory) -> Release:
    return make_bundle(
        tmp_path_factory.mktemp("distance") / "bundle",
        detector=ColorfulDetector(),
        familiarity=familiarity,
        operating_point=replace(POINT, distance_threshold=LIMIT),
        guarantees=({"threshold": "distance_threshold", "promised": 0.01},),
    )


def test_the_graph_tells_what_numpy_does(release: Release, familiarity: Familiarity) -> None:
    predictor = Predictor(release.folder)
    assert predictor.info.guarantees[0]["promised"] == 0.01
    for photo in PHOTOS:
        expected = familiarity.distance(features([photo]))
        np.testing.assert_allclose(predictor.infer(photo[None]).distance, expected, rtol=1e-4)
    assert release.info.parity["distance"] < 1e-3
    names = [item.name for item in onnx.load(release.folder / "model.onnx").graph.output]
    assert names == ["probability", "heat_map", "logit", "distance"]


def test_far_photos_are_inconclusive_and_never_altered(release: Release) -> None:
    predictor = Predictor(release.folder)
    known = spotted_photo(64, 80, 20, 20)
    verdict, _, _ = decide(predictor.predict(known), predictor.operating_point)
    assert verdict is Verdict.ALTERED
    strange = np.zeros((64, 80, 3), np.uint8)
    strange[..., 0] = 255  # as red as can be: the highest probability there is
    prediction = predictor.predict(strange)
    assert prediction.probability >= predictor.predict(known).probability
    verdict, reason, _ = decide(prediction, predictor.operating_point)
    assert verdict is Verdict.INCONCLUSIVE
    assert "unlike anything that was measured" in reason


def test_of_tiles_the_one_that_decides_tells_the_distance(release: Release) -> None:
    photo = gray_photo(300, 600)
    photo[:, 300:] = 255  # most of it is white: strange, but nothing in it looks altered
    photo[40:72, 40:72] = (255, 0, 0)
    tiled = Predictor(release.folder, tile_pixels=288 * 320)
    assert tiled.tiling(300, 600).count > 1
    found = tiled.predict(photo)
    white, decides = tiled.infer(photo[None, :, 320:]), tiled.infer(photo[None, :288, :320])
    assert white.distance[0] > 2 * decides.distance[0]
    assert found.distance is not None
    assert found.distance < white.distance[0] / 2


def test_the_evaluation_sees_the_distances_of_a_bundle(release: Release) -> None:
    found = evidence_of(BundleScorer(release.folder), np.stack(PHOTOS[:1]))
    assert found.distances == pytest.approx(Predictor(release.folder).predict(PHOTOS[0]).distance)
    assert found.features.shape == (1, 0)


def test_the_reference_network_tells_its_features_and_scores_as_before() -> None:
    detector = Detector(decoder_channels=8, head_channels=8).eval()
    image = torch.from_numpy(gray_photo(64, 96)).permute(2, 0, 1)[None]
    valid = torch.ones(1, 1, 64, 96, dtype=torch.uint8)
    with torch.inference_mode():
        logit, mask_logit, seen = detector.with_features(image, valid)
        again = detector(image, valid)
        assert torch.equal(logit, again[0])
        assert torch.equal(mask_logit, again[1])
        torch.testing.assert_close(detector.head(seen).squeeze(1), logit)
        known = fit_familiarity(np.random.default_rng(0).normal(size=(50, seen.shape[1])).astype(np.float32))
        *_, distance = ExportedDetector(detector, 1.0, known)(image, valid)
    np.testing.assert_allclose(distance.numpy(), known.distance(seen.numpy()), rtol=1e-4)


def test_a_bundle_without_distances_judges_as_before(red_bundle: Path) -> None:
    predictor = Predictor(red_bundle)
    prediction = predictor.predict(spotted_photo(64, 80, 20, 20))
    assert prediction.distance is None
    assert decide(prediction, predictor.operating_point)[0] is Verdict.ALTERED
