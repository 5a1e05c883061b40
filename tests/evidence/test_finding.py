import numpy as np
import pytest
from tests.evidence.stand_ins import prediction
from tests.runtime.red import POINT

from falseflaw.evidence.finding import Cause, find, regions_of
from falseflaw.types import OperatingPoint, Verdict

FAMILIAR = OperatingPoint(2.0, 0.9, 0.2, 200, distance_threshold=3.0)


@pytest.mark.parametrize(
    ("told", "point", "verdict", "cause"),
    [
        (prediction(0.95), POINT, Verdict.ALTERED, Cause.MARKED),
        (prediction(0.95, marked=False), POINT, Verdict.INCONCLUSIVE, Cause.NO_REGION),
        (prediction(0.5), POINT, Verdict.INCONCLUSIVE, Cause.BETWEEN),
        (prediction(0.1), POINT, Verdict.NO_SIGN, Cause.CLEAR),
        (prediction(0.95, side=63), POINT, Verdict.INCONCLUSIVE, Cause.TOO_SMALL),
        (prediction(0.95, distance=3.5), FAMILIAR, Verdict.INCONCLUSIVE, Cause.UNLIKE),
        (prediction(0.95, distance=2.5), FAMILIAR, Verdict.ALTERED, Cause.MARKED),
    ],
)
def test_every_rule_has_its_cause(told, point, verdict, cause) -> None:  # type: ignore[no-untyped-def]
    found = find(told, point)
    assert (found.verdict, found.cause) == (verdict, cause)


def test_more_tiles_may_raise_the_limit() -> None:
    point = OperatingPoint(2.0, 0.9, 0.2, 200, tiled_threshold=0.9)
    whole, tiled = find(prediction(0.95), point), find(prediction(0.95), point, tiles=6)
    assert (whole.verdict, whole.limit) == (Verdict.ALTERED, 0.9)
    assert (tiled.verdict, tiled.cause) == (Verdict.INCONCLUSIVE, Cause.BETWEEN)
    assert tiled.limit == pytest.approx(6 * 0.9 / (6 * 0.9 + 0.1))


def test_what_threads_may_change_is_rounded_away() -> None:
    found = find(prediction(0.95000012, distance=2.50000012), POINT)
    assert (found.probability, found.distance) == (0.95, 2.5)


def test_regions_lie_where_they_are_marked() -> None:
    marked = np.zeros((300, 600), bool)
    marked[280:300, 540:600] = True
    marked[0:10, 0:10] = True
    large, small = regions_of(marked)
    assert (large.left, large.top, large.width, large.height) == (
        0.9,
        round(280 / 300, 4),
        0.1,
        round(20 / 300, 4),
    )
    assert large.area == round(20 * 60 / marked.size, 4)
    assert (large.place, small.place) == ("lower_right", "upper_left")


@pytest.mark.parametrize(
    ("row", "column", "place"),
    [(5, 50, "upper"), (50, 5, "left"), (50, 50, "middle"), (95, 50, "lower"), (50, 95, "right")],
)
def test_places(row: int, column: int, place: str) -> None:
    marked = np.zeros((100, 100), bool)
    marked[row, column] = True
    assert [region.place for region in regions_of(marked)] == [place]


def test_a_ring_is_one_region_and_nothing_is_none() -> None:
    marked = np.zeros((200, 200), bool)
    marked[20:180, 20:180] = True
    marked[40:160, 40:160] = False
    (ring,) = regions_of(marked)
    assert ring.area == round((160**2 - 120**2) / 200**2, 4)
    assert regions_of(np.zeros((70, 90), bool)) == ()


def test_the_largest_five_of_many() -> None:
    marked = np.zeros((640, 640), bool)
    for index in range(9):
        marked[index * 70 : index * 70 + index + 1, 300] = True
    areas = [region.area for region in regions_of(marked)]
    assert len(areas) == 5
    assert areas == sorted(areas, reverse=True)
