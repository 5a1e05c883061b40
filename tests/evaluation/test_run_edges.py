"""What an evaluation does at the edges of what was measured: launderings of its own for val, distances."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.evaluation.conftest import CheckerScorer
from tests.evaluation.test_run import run

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.evaluation.figures.calibration import read_operating_point
from falseflaw.evaluation.figures.large_photos import LargePhoto, LargePhotos
from falseflaw.evaluation.figures.summary import read_summary
from falseflaw.evaluation.figures.unlike import FAMILIARITY_NAME, read_familiarity
from falseflaw.evaluation.prediction.predictions import read_predictions
from falseflaw.evaluation.prediction.scorers import Evidence
from falseflaw.evaluation.run import evaluate
from falseflaw.evaluation.settings import EvaluationSettings
from falseflaw.evaluation.target import DetectorUnderTest, Target
from falseflaw.imaging.laundering.base import Identity
from falseflaw.imaging.laundering.recompress import Jpeg
from falseflaw.imaging.laundering.resize import Resize
from falseflaw.types import OperatingPoint


class TellingScorer(CheckerScorer):
    """Tells mean and spread of every channel as features."""

    def evidence(self, images: np.ndarray) -> Evidence:
        logits, heats = self.score(images)
        flat = images.reshape(len(images), -1, 3).astype(np.float32) / 255
        features = np.concatenate([flat.mean(axis=1), flat.std(axis=1)], axis=1)
        return Evidence(logits, heats, features, np.full(len(images), np.nan))


SETTINGS = EvaluationSettings(progress=False, replicates=10, examples=0, calibrate_on=("identity",))


@pytest.fixture(scope="module")
def folder(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("telling")
    detector = DetectorUnderTest(TellingScorer())
    evaluate(detector, dataset, [Identity()], output, SETTINGS, [Identity(), Jpeg(70), Resize(1.5)])
    return output


def test_val_and_test_go_through_launderings_of_their_own(folder: Path) -> None:
    rows = read_predictions(folder)
    assert set(rows.loc[rows["fold"] == "val", "laundering"]) == {"identity", "jpeg70", "resize_1.5"}
    assert set(rows.loc[rows["fold"] == "test", "laundering"]) == {"identity"}
    summary = read_summary(folder)
    assert [entry.name for entry in summary.launderings] == ["identity"]
    assert summary.fitted is not None
    assert summary.fitted.launderings == ("identity", "jpeg70", "resize_1.5")
    assert summary.fitted.fpr_by_laundering.keys() == {"identity", "jpeg70", "resize_1.5"}


def test_distances_are_fitted_written_and_kept_when_run_again(dataset: Path, folder: Path) -> None:
    rows = read_predictions(folder)
    point, fitted = read_operating_point(folder / "operating_point.json")
    familiarity = read_familiarity(folder)
    assert familiarity is not None
    assert point.distance_threshold is not None
    assert fitted is not None
    assert fitted.guarantees[-1].threshold == "distance_threshold"
    features = np.stack([np.asarray(values, np.float32) for values in rows["features"]])
    np.testing.assert_allclose(rows["distance"], familiarity.distance(features))
    scorer = TellingScorer()
    evaluate(
        DetectorUnderTest(scorer),
        dataset,
        [Identity()],
        folder,
        SETTINGS,
        [Identity(), Jpeg(70), Resize(1.5)],
    )
    assert scorer.scored == 0
    assert read_operating_point(folder / "operating_point.json")[0] == point


def test_far_photos_are_counted_as_inconclusive_and_told(dataset: Path, folder: Path, tmp_path: Path) -> None:
    point, _ = read_operating_point(folder / "operating_point.json")
    none_known = replace(point, distance_threshold=1e-6)
    detector = DetectorUnderTest(TellingScorer(), none_known, (), read_familiarity(folder))
    summary = evaluate(detector, dataset, [Identity()], tmp_path, SETTINGS)
    (entry,) = summary.undecided
    assert (entry.population, entry.laundering) == ("simulated damage", "identity")
    assert entry.inconclusive.value == entry.unlike.value == 1
    assert summary.launderings[0].inpainted_verdicts["altered"].value == 0
    html = (tmp_path / "report.html").read_text()
    assert "How many of 100 honest photos are left to a person?" in html
    assert "unlike anything that was measured" in html


def test_a_scorer_that_tells_no_features_is_evaluated_without_distance(dataset: Path, tmp_path: Path) -> None:
    run(dataset, tmp_path, [Identity()], calibrate_on=("identity",), replicates=10, examples=0)
    point, _ = read_operating_point(tmp_path / "operating_point.json")
    assert point.distance_threshold is None
    assert not (tmp_path / FAMILIARITY_NAME).exists()
    assert read_predictions(tmp_path)["distance"].isna().all()


@pytest.mark.parametrize(
    ("further", "words"),
    [
        ([Identity(), Resize(0.5, unseen=True)], "marked unseen"),
        ([Resize(0.5), Jpeg(80, subsampling="4:4:4", unseen=True)], "marked unseen"),
    ],
)
def test_what_is_never_to_be_seen_is_not_fitted_on(
    dataset: Path, tmp_path: Path, further: list, words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        evaluate(DetectorUnderTest(CheckerScorer()), dataset, [Identity()], tmp_path, SETTINGS, further)
    assert "\n" not in str(caught.value)


def test_one_name_stands_for_one_laundering(dataset: Path, tmp_path: Path) -> None:
    measured = [Identity(), Resize(0.5, unseen=True)]
    with pytest.raises(ConfigurationError, match=r"one laundering called resize_0\.5"):
        evaluate(DetectorUnderTest(CheckerScorer()), dataset, measured, tmp_path, SETTINGS, [Resize(0.5)])


def test_a_limit_of_an_earlier_evaluation_needs_its_distances(tmp_path: Path) -> None:
    from falseflaw.evaluation.figures.calibration import write_operating_point

    write_operating_point(tmp_path / "operating_point.json", OperatingPoint(distance_threshold=2.0), None)
    with pytest.raises(MissingDataError, match=FAMILIARITY_NAME):
        Target("checkpoint", tmp_path / "best.ckpt").load(str(tmp_path), "cpu")


def large_photos(path: Path, checkpoint: str) -> Path:
    photos = tuple(LargePhoto(str(n), 12.0, 4000, 3000, 4, n / 30, 0) for n in range(120))
    LargePhotos(checkpoint, "runs/other", 0, photos).write(path)
    return path


def test_photos_in_tiles_get_a_limit_of_their_own(dataset: Path, tmp_path: Path) -> None:
    scorer = CheckerScorer()
    scores = large_photos(tmp_path / "large.json", scorer.fingerprint)
    settings = replace(SETTINGS, large_photos=scores)
    summary = evaluate(DetectorUnderTest(scorer), dataset, [Identity()], tmp_path / "out", settings)
    point, fitted = read_operating_point(tmp_path / "out/operating_point.json")
    assert point.tiled_threshold is not None
    assert point == summary.operating_point == read_summary(tmp_path / "out").operating_point
    assert fitted is not None
    assert fitted.guarantees[-1].threshold == "tiled_threshold"
    assert fitted.guarantees[-1].sources == 120
    assert fitted.guarantees[-1].text in fitted.rule


def test_large_photos_of_another_model_or_for_nothing_are_refused(dataset: Path, tmp_path: Path) -> None:
    settings = replace(SETTINGS, large_photos=large_photos(tmp_path / "large.json", "f" * 64))
    fixed = OperatingPoint(1.0, 0.5, 0.2, 128)
    for detector, kind, words in (
        (DetectorUnderTest(CheckerScorer()), InvalidDataError, "got those of runs/other"),
        (DetectorUnderTest(CheckerScorer(), fixed), ConfigurationError, "where thresholds are fitted"),
    ):
        with pytest.raises(kind, match=words) as caught:
            evaluate(detector, dataset, [Identity()], tmp_path / "out", settings)
        assert "\n" not in str(caught.value)
        assert detector.scorer.scored == 0


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1])
def test_a_share_of_missed_fakes_that_is_none_is_one_line(share: float) -> None:
    with pytest.raises(ConfigurationError, match="expected missed_share between 0 and 1"):
        replace(SETTINGS, missed_share=share)


def test_a_share_of_missed_fakes_beside_fixed_thresholds_is_refused(dataset: Path, tmp_path: Path) -> None:
    detector = DetectorUnderTest(CheckerScorer(), OperatingPoint(1.0, 0.5, 0.2, 128))
    with pytest.raises(ConfigurationError, match="missed_share= where thresholds are fitted"):
        evaluate(detector, dataset, [Identity()], tmp_path / "out", replace(SETTINGS, missed_share=0.2))
    assert detector.scorer.scored == 0
