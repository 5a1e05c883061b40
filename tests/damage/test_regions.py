from __future__ import annotations

import cv2
import numpy as np
import pytest

from falseflaw.damage.regions import SHARES, draw_region
from falseflaw.errors import InvalidDataError
from falseflaw.imaging.crop import bounding_box
from falseflaw.types import RegionShape


def speckled(rng, height=90, width=80, longest=60):
    """A flaw of separate pixels that may touch every edge of the photo."""
    mask = np.zeros((height, width), bool)
    tall, wide = rng.integers(1, longest, size=2)
    top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
    mask[top : top + tall, left : left + wide] = rng.random((tall, wide)) < 0.5
    mask[top, left] = True
    return mask


def disk(radius=12, side=160):
    y, x = np.ogrid[:side, :side]
    return (y - side / 2) ** 2 + (x - side / 2) ** 2 < radius**2


def drawn(flaw, count=300, limit=None):
    """Shape to the regions that were drawn as it."""
    found = {}
    for seed in range(count):
        shape, region = draw_region(flaw, np.random.default_rng(seed), limit)
        found.setdefault(shape, []).append(region)
    return found


def longest(mask):
    box = bounding_box(mask)
    return max(box.height, box.width)


def test_every_shape_occurs_as_often_as_its_share_says_and_they_add_up():
    assert set(SHARES) == set(RegionShape)
    assert sum(SHARES.values()) == pytest.approx(1)
    counts = {shape: len(regions) for shape, regions in drawn(disk(), 1500).items()}
    for shape, share in SHARES.items():
        assert counts[shape] / 1500 == pytest.approx(share, abs=0.04)


def test_every_region_holds_the_flaw_and_all_but_the_exact_one_some_pixels_around_it():
    cross = np.ones((3, 3), np.uint8)
    for seed in range(400):
        rng = np.random.default_rng(seed)
        flaw = speckled(rng)
        shape, region = draw_region(flaw, rng)
        assert region.dtype == bool
        assert region.shape == flaw.shape
        assert region[flaw].all()
        around = cv2.dilate(flaw.astype(np.uint8), cross) > 0
        if shape is RegionShape.EXACT:
            assert np.array_equal(region, flaw)
        else:
            assert region[around].all()
            assert region.sum() > flaw.sum()


def test_regions_of_every_shape_stay_near_the_flaw_and_in_one_piece():
    flaw = disk(12)
    for shape, regions in drawn(flaw).items():
        for region in regions:
            assert longest(region) < 2.2 * longest(flaw) + 20, shape
            assert cv2.connectedComponents(region.astype(np.uint8))[0] == 2, shape


def test_shapes_are_what_they_are_called():
    flaw = np.zeros((120, 120), bool)  # an L, which no convex outline follows
    flaw[30:80, 40:48] = flaw[72:80, 40:90] = True
    hollow = 45, 75  # inside the hull, far from the flaw
    found = drawn(flaw)
    assert not any(region[hollow] for region in found[RegionShape.CONTOUR])
    for shape in (RegionShape.HULL, RegionShape.BOX, RegionShape.ELLIPSE):
        assert all(region[60, 52] for region in found[shape]), shape
    box = bounding_box(flaw)
    assert all(region[box.slices].all() for region in found[RegionShape.BOX])
    assert not any(region[box.slices].all() for region in found[RegionShape.HULL])


@pytest.mark.parametrize("limit", [26, 34, 45])
def test_the_limit_is_kept_wherever_the_flaw_itself_fits(limit):
    for seed in range(200):
        rng = np.random.default_rng(seed)
        flaw = speckled(rng, longest=limit + 1)
        assert longest(draw_region(flaw, rng, limit)[1]) <= limit


def test_where_the_flaw_fills_the_limit_it_is_the_region_exactly():
    flaw = disk(12)
    assert longest(flaw) == 24 - 1
    for limit in (23, 10):
        assert {*drawn(flaw, 40, limit)} == {RegionShape.EXACT}
        assert all(np.array_equal(region, flaw) for region in drawn(flaw, 40, limit)[RegionShape.EXACT])


def test_a_generous_limit_changes_nothing():
    flaw = disk(12)
    for seed in range(60):
        one, other = (draw_region(flaw, np.random.default_rng(seed), limit) for limit in (None, 160))
        assert one[0] is other[0]
        assert np.array_equal(one[1], other[1])


def test_the_same_generator_draws_the_same_region_and_the_flaw_is_left_alone():
    flaw = speckled(np.random.default_rng(0))
    before = flaw.copy()
    for seed in range(40):
        one, other = (draw_region(flaw, np.random.default_rng(seed)) for _ in range(2))
        assert one[0] is other[0]
        assert np.array_equal(one[1], other[1])
        one[1][:] = True
        assert np.array_equal(flaw, before)


@pytest.mark.parametrize("spot", [(0, 0), (20, 39), (39, 17)])
def test_a_flaw_of_one_pixel_gets_every_shape(spot):
    flaw = np.zeros((40, 40), bool)
    flaw[spot] = True
    found = drawn(flaw, 150)
    assert set(found) == set(RegionShape)
    assert all(region[spot] for regions in found.values() for region in regions)


def test_a_region_needs_a_flaw():
    with pytest.raises(InvalidDataError, match="empty"):
        draw_region(np.zeros((9, 9), bool), np.random.default_rng(0))
