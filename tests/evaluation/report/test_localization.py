import numpy as np
import pytest
from scipy.ndimage import binary_dilation, binary_erosion

from falseflaw.evaluation.report.gallery import heat_text
from falseflaw.evaluation.report.localization import SEAM, heat_shares


@pytest.fixture
def mask() -> np.ndarray:
    mask = np.zeros((60, 80), bool)
    mask[20:45, 30:60] = True
    return mask


def test_heat_in_one_place_is_found_there(mask) -> None:
    heat = np.zeros(mask.shape, np.uint8)
    for (row, column), expected in {
        (32, 45): (1, 0, 0),
        (32, 31): (0, 1, 0),
        (32, 27): (0, 1, 0),
        (32, 25): (0, 0, 1),
        (0, 0): (0, 0, 1),
    }.items():
        spot = heat.copy()
        spot[row, column] = 200
        shares = heat_shares(spot, mask)
        assert (shares.inside, shares.seam, shares.outside) == expected


def test_even_heat_has_the_shares_of_the_areas_and_the_seam_is_that_of_morphology(mask) -> None:
    shares = heat_shares(np.full(mask.shape, 7, np.uint8), mask)
    assert (shares.inside, shares.seam, shares.outside) == pytest.approx(shares.area)
    disk = np.hypot(*np.mgrid[-SEAM : SEAM + 1, -SEAM : SEAM + 1]) <= SEAM
    inside, within = binary_erosion(mask, disk), binary_dilation(mask, disk)
    assert shares.area == pytest.approx((inside.mean(), (within & ~inside).mean(), 1 - within.mean()))


@pytest.mark.slow
def test_a_sum_of_large_maps_does_not_overflow() -> None:
    mask = np.zeros((3000, 3000), bool)
    mask[:1500] = True
    shares = heat_shares(np.full(mask.shape, 255, np.uint8), mask)
    assert shares.inside + shares.seam + shares.outside == pytest.approx(1)


def test_nothing_is_said_where_there_is_nothing_to_share(mask) -> None:
    cold, warm = np.zeros(mask.shape, np.uint8), np.full(mask.shape, 9, np.uint8)
    for heat, region in ((cold, mask), (warm, np.zeros_like(mask)), (warm, np.ones_like(mask))):
        assert heat_shares(heat, region) is None
    assert heat_text(cold, mask) == "No heat anywhere."
    assert heat_text(warm, np.zeros_like(mask)) == "No region to compare the heat with; brightest 9 of 255."
    assert "brightest 9 of 255" in heat_text(warm, mask)
