from pathlib import Path

import numpy as np
import pytest

from falseflaw.errors import InvalidDataError
from falseflaw.statistics.familiarity import MOST_DIRECTIONS, Familiarity, fit_familiarity


def photos(count: int, seed: int, width: int = 40) -> np.ndarray:
    """Features that mostly move along three directions, one of them constant."""
    shape = np.random.default_rng(1).normal(size=(3, width))
    rng = np.random.default_rng(seed)
    found = 5 + rng.normal(size=(count, 3)) @ shape + 0.1 * rng.normal(size=(count, width))
    found[:, 7] = 2.0
    return found.astype(np.float32)


def test_it_is_the_mahalanobis_distance_of_the_covariance_it_stands_for() -> None:
    found = fit_familiarity(photos(400, 2))
    directions = found.directions.astype(np.float64)
    width = len(found.mean)
    covariance = directions.T @ np.diag(found.variances - found.rest) @ directions + found.rest * np.eye(
        width
    )
    new = photos(5, 3)
    standard = (new - found.mean) / found.scale
    expected = np.sqrt(np.einsum("nf,fg,ng->n", standard, np.linalg.inv(covariance), standard) / width)
    np.testing.assert_allclose(found.distance(new), expected, rtol=1e-4)


def test_photos_alike_are_near_and_others_far() -> None:
    found = fit_familiarity(photos(400, 2))
    near = found.distance(photos(200, 3))
    assert near.mean() == pytest.approx(1, abs=0.15)
    extreme = photos(200, 4) + 4 * (photos(200, 4) - 5)  # more of the same
    beside = photos(200, 5)
    beside[:, :20] += np.random.default_rng(0).normal(size=20).astype(np.float32)  # of a kind never seen
    for far in (extreme, beside):
        assert np.quantile(found.distance(far), 0.1) > near.max()


def test_few_photos_give_few_directions() -> None:
    assert len(fit_familiarity(photos(12, 0)).directions) == 1
    assert np.isfinite(fit_familiarity(photos(2, 0)).distance(photos(3, 1))).all()
    noise = np.random.default_rng(0).normal(size=(3000, 200)).astype(np.float32)
    assert len(fit_familiarity(noise).directions) == MOST_DIRECTIONS


def test_the_file_holds_it_all(tmp_path: Path) -> None:
    found = fit_familiarity(photos(50, 0))
    path = tmp_path / "familiarity.npz"
    path.write_bytes(found.to_bytes())
    np.testing.assert_allclose(
        Familiarity.read(path).distance(photos(4, 1)), found.distance(photos(4, 1)), rtol=1e-6
    )


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"nonsense"])
def test_a_damaged_file_is_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "familiarity.npz"
    path.write_bytes(data)
    with pytest.raises(InvalidDataError, match="cannot read") as caught:
        Familiarity.read(path)
    assert "\n" not in str(caught.value)
