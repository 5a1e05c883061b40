import numpy as np
import pytest

from falseflaw.damage.free_regions import draw_free_region
from falseflaw.errors import InvalidDataError
from falseflaw.seeding import derive_rng


def test_regions_have_about_the_area_that_is_asked_for():
    for area in (0.003, 0.03, 0.2):
        middle = [draw_free_region(400, 300, area, (200, 150), derive_rng(n)).mean() for n in range(60)]
        assert 0.6 * area < np.median(middle) < 1.3 * area
        assert max(middle) < 2.5 * area


def test_regions_are_never_empty_and_lie_anywhere():
    regions = [draw_free_region(60, 90, 0.01, None, derive_rng(n)) for n in range(200)]
    assert all(region.sum() >= 10 and region.shape == (60, 90) for region in regions)
    covered = np.mean(regions, axis=0)
    assert covered[:8, :8].any()
    assert covered[-8:, -8:].any()


def test_a_region_lies_where_it_shall():
    for number in range(40):
        rows, columns = np.nonzero(draw_free_region(200, 200, 0.005, (60, 140), derive_rng(number)))
        assert abs(rows.mean() - 60) < 20
        assert abs(columns.mean() - 140) < 20


def test_equal_draws_give_equal_regions():
    one, two = (draw_free_region(50, 50, 0.1, None, derive_rng(3)) for _ in range(2))
    assert np.array_equal(one, two)


@pytest.mark.parametrize("area", [0, 0.6])
def test_an_area_out_of_range_is_refused(area):
    with pytest.raises(InvalidDataError, match="expected an area"):
        draw_free_region(50, 50, area, None, derive_rng(0))
