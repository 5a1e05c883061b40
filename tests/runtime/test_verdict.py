from dataclasses import replace

import numpy as np
import pytest

from falseflaw.runtime.verdict import SMALLEST_SIDE, decide, limits, verdicts
from falseflaw.types import OperatingPoint, Prediction, Verdict

POINT = OperatingPoint(temperature=1.0, image_threshold=0.9, clear_threshold=0.2, mask_threshold=200)


def prediction(probability: float, marked: int = 0, shape: tuple[int, int] = (100, 80)) -> Prediction:
    heat_map = np.full(shape, 199, np.uint8)
    heat_map.flat[:marked] = 200
    return Prediction(probability, heat_map)


@pytest.mark.parametrize(
    ("probability", "marked", "expected"),
    [
        (0.9, 1, Verdict.ALTERED),
        (1.0, 8000, Verdict.ALTERED),
        (0.9, 0, Verdict.INCONCLUSIVE),
        (np.nextafter(0.9, 0), 50, Verdict.INCONCLUSIVE),
        (0.2, 0, Verdict.INCONCLUSIVE),
        (np.nextafter(0.2, 0), 0, Verdict.NO_SIGN),
        (0.0, 8000, Verdict.NO_SIGN),
    ],
)
def test_the_rule_holds_at_its_borders(probability: float, marked: int, expected: Verdict) -> None:
    verdict, reason, area = decide(prediction(probability, marked), POINT)
    assert verdict is expected
    assert area == marked / 8000
    assert reason
    assert "\n" not in reason


@pytest.mark.parametrize("shape", [(SMALLEST_SIDE - 1, 500), (500, SMALLEST_SIDE - 1), (1, 1)])
def test_tiny_photos_are_never_judged(shape: tuple[int, int]) -> None:
    for probability in (0.0, 0.5, 1.0):
        verdict, reason, _ = decide(prediction(probability, shape[0] * shape[1], shape), POINT)
        assert verdict is Verdict.INCONCLUSIVE
        assert f"{shape[1]}x{shape[0]}" in reason


def test_the_smallest_judged_photo_is_judged() -> None:
    shape = (SMALLEST_SIDE, SMALLEST_SIDE)
    assert decide(prediction(0.99, 5, shape), POINT)[0] is Verdict.ALTERED


def test_the_reason_never_shows_equal_numbers_for_different_ones() -> None:
    verdict, reason, _ = decide(prediction(0.8999999, 5), POINT)
    assert verdict is Verdict.INCONCLUSIVE
    assert "89.99999%" in reason
    assert "90.00000%" in reason


def test_the_reason_never_claims_certainty() -> None:
    _, reason, _ = decide(prediction(0.999999, 8000), POINT)
    assert "over 99.9%" in reason
    _, reason, _ = decide(prediction(1e-7), POINT)
    assert "under 0.1%" in reason


def test_the_reason_says_how_a_large_photo_was_judged() -> None:
    assert "6 overlapping tiles" in decide(prediction(0.95, 3), POINT, tiles=6)[1]
    assert "tiles" not in decide(prediction(0.95, 3), POINT)[1]


def test_clear_and_altered_may_meet() -> None:
    point = OperatingPoint(image_threshold=0.5, clear_threshold=0.5, mask_threshold=1)
    assert decide(prediction(0.5, 1), point)[0] is Verdict.ALTERED
    assert decide(prediction(np.nextafter(0.5, 0), 1), point)[0] is Verdict.NO_SIGN


def test_many_photos_get_the_verdicts_of_each() -> None:
    probability = np.array([0.95, 0.95, 0.5, 0.1, 0.95, 0.1])
    marked = np.array([True, False, True, True, True, False])
    too_small = np.array([False, False, False, False, True, True])
    assert verdicts(probability, marked, too_small, POINT).tolist() == [
        Verdict.ALTERED,
        Verdict.INCONCLUSIVE,
        Verdict.INCONCLUSIVE,
        Verdict.NO_SIGN,
        Verdict.INCONCLUSIVE,
        Verdict.INCONCLUSIVE,
    ]


FAR = OperatingPoint(1.0, 0.9, 0.2, 200, distance_threshold=1.5)


@pytest.mark.parametrize("probability", [0.0, 0.5, 0.9, 1.0])
def test_what_is_unlike_anything_measured_is_inconclusive_for_that_reason(probability: float) -> None:
    strange = replace(prediction(probability, 50), distance=1.5)
    verdict, reason, _ = decide(strange, FAR)
    assert verdict is Verdict.INCONCLUSIVE
    assert "unlike anything that was measured" in reason
    near = replace(strange, distance=float(np.nextafter(1.5, 0)))
    assert decide(near, FAR) == decide(replace(near, distance=None), FAR) == decide(near, POINT)


def test_far_photos_are_never_altered_or_clear_however_many_at_once() -> None:
    rng = np.random.default_rng(0)
    probability, distance = rng.random(500), rng.uniform(0, 3, 500)
    given = verdicts(probability, rng.random(500) < 0.5, np.zeros(500, bool), FAR, distance)
    assert set(given[distance >= 1.5]) == {Verdict.INCONCLUSIVE}
    assert set(given[distance < 1.5]) == {Verdict.ALTERED, Verdict.INCONCLUSIVE, Verdict.NO_SIGN}


@pytest.mark.parametrize("limit", [0.0, -1.0])
def test_a_distance_needs_a_limit_above_zero(limit: float) -> None:
    with pytest.raises(ValueError, match="distance_threshold"):
        replace(FAR, distance_threshold=limit)


TILED = replace(POINT, tiled_threshold=0.95)


def test_more_tiles_need_as_many_times_the_odds() -> None:
    counts = np.arange(1, 400)
    found = limits(counts, TILED)
    assert found[0] == TILED.image_threshold
    np.testing.assert_allclose(found[1:] / (1 - found[1:]), counts[1:] * 19, rtol=1e-3)
    assert (np.diff(found) >= 0).all()
    assert (found[1:].astype(np.float32) == found[1:]).all()
    assert (limits(counts, POINT) == POINT.image_threshold).all()


@pytest.mark.parametrize("tiled", [POINT.image_threshold, 0.999999, 1.0])
def test_limits_of_tiles_stay_between_that_of_one_and_certainty(tiled: float) -> None:
    found = limits(np.arange(1, 300), replace(POINT, tiled_threshold=tiled))
    assert found.min() == POINT.image_threshold
    assert found.max() <= 1
    assert (np.diff(found) >= 0).all()


def test_a_photo_in_tiles_is_held_to_its_limit_and_told_so() -> None:
    (limit,) = limits(np.array([9]), TILED)
    verdict, reason, _ = decide(prediction(limit, 50), TILED, tiles=9)
    assert verdict is Verdict.ALTERED
    assert "the limit is 99.4% for so many tiles" in reason
    verdict, reason, _ = decide(prediction(0.97, 50), TILED, tiles=9)
    assert verdict is Verdict.INCONCLUSIVE
    assert "97.0% (judged in 9 overlapping tiles, the highest counts), lies between 20.0%" in reason
    assert decide(prediction(0.97, 50), TILED)[0] is Verdict.ALTERED
    assert decide(prediction(0.97, 50), POINT, tiles=9)[0] is Verdict.ALTERED
    assert decide(prediction(0.97, 50), TILED)[1] == decide(prediction(0.97, 50), POINT)[1]
    assert decide(prediction(limit, 0), TILED, tiles=9)[1].endswith("no region of the photo supports it")


def test_many_photos_are_held_to_the_limits_of_their_tiles() -> None:
    tiles = np.array([1, 2, 9, 9])
    probability, marked = np.array([0.97, 0.97, 0.97, 0.999]), np.ones(4, bool)
    given = verdicts(probability, marked, ~marked, TILED, tiles=tiles)
    assert [verdict is Verdict.ALTERED for verdict in given] == [True, False, False, True]


@pytest.mark.parametrize("tiled", [0.89, 1.01])
def test_a_limit_of_tiles_is_no_lower_than_that_of_one(tiled: float) -> None:
    with pytest.raises(ValueError, match="tiled_threshold"):
        replace(POINT, tiled_threshold=tiled)
