from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.evaluation.figures.test_calibration import predictions

from falseflaw.evaluation.figures import unlike
from falseflaw.evaluation.figures.groups import MIXTURE

LAUNDERINGS = ("identity", "jpeg80")


def with_features(frame: pd.DataFrame, seed: int = 0, shift: float = 0.0) -> pd.DataFrame:
    """Features of 24 numbers, most of which a source's photos share."""
    rng = np.random.default_rng(seed)
    common = {source: rng.normal(size=24) for source in sorted(set(frame["source_id"]))}
    features = [
        (shift + common[source] + 0.3 * rng.normal(size=24)).astype(np.float32)
        for source in frame["source_id"]
    ]
    return frame.assign(features=pd.Series(features, index=frame.index))


def test_few_photos_of_new_sources_are_unlike_and_others_are() -> None:
    found = unlike.fit_unlike(with_features(predictions(250)), LAUNDERINGS)
    assert found is not None
    new = with_features(predictions(150, fold="test"), seed=7)
    assert (unlike.distances(new, found.familiarity) >= found.threshold).mean() < 0.03
    strange = with_features(predictions(20, fold="test"), seed=8, shift=4.0)
    assert (unlike.distances(strange, found.familiarity) >= found.threshold).all()


def test_the_limit_rests_on_the_half_that_the_gaussian_has_not_seen() -> None:
    frame = with_features(predictions(60))
    found = unlike.fit_unlike(frame, LAUNDERINGS)
    assert found is not None
    assert found.guarantee.sources == 30
    assert found.guarantee.promised == pytest.approx(1 / 31)
    assert "all that n=30 sources can promise" in found.guarantee.text
    fitted_on = frame[frame["edit"].isin(MIXTURE)]
    distance = unlike.distances(fitted_on, found.familiarity)
    assert (distance >= found.threshold).sum() == 0  # too few for 1 %: the largest one stays below
    half = fitted_on.groupby("source_id")["path"].count().index
    assert len(half) == 60


def test_without_features_there_is_no_distance() -> None:
    frame = predictions(10)
    assert unlike.fit_unlike(frame, LAUNDERINGS) is None
    empty = frame.assign(features=pd.Series([np.zeros(0, np.float32)] * len(frame)))
    assert unlike.fit_unlike(empty, LAUNDERINGS) is None
    assert unlike.fit_unlike(with_features(predictions(1)), LAUNDERINGS) is None


def test_the_file_comes_and_goes(tmp_path: Path) -> None:
    frame = with_features(predictions(20))
    found = unlike.fit_unlike(frame, LAUNDERINGS)
    assert found is not None
    unlike.write_familiarity(tmp_path, found.familiarity)
    again = unlike.read_familiarity(tmp_path)
    assert again is not None
    np.testing.assert_allclose(unlike.distances(frame, again), unlike.distances(frame, found.familiarity))
    unlike.write_familiarity(tmp_path, None)
    assert unlike.read_familiarity(tmp_path) is None
