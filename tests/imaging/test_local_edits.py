from __future__ import annotations

import numpy as np
import pytest
from tests.helpers import detail, textured_photo

from falseflaw.errors import InvalidDataError
from falseflaw.imaging.local_edits import NAMES, apply_local_edit


def square(height: int, width: int, top: int, left: int, side: int) -> np.ndarray:
    region = np.zeros((height, width), bool)
    region[top : top + side, left : left + side] = True
    return region


def test_only_the_region_changes_all_edits_occur_and_a_seed_repeats(rng):
    photo, region = textured_photo(rng, 90, 120), square(90, 120, 30, 40, 32)
    before, seen, changed = photo.copy(), set(), 0
    for seed in range(200):
        edited, name = apply_local_edit(photo, region, np.random.default_rng(seed))
        assert edited.shape == photo.shape
        assert edited.dtype == np.uint8
        assert np.array_equal(edited[~region], photo[~region])
        seen.update(name.split("+"))
        changed += not np.array_equal(edited, photo)
    assert np.array_equal(photo, before)
    assert seen == {*NAMES, "grain"}
    assert changed > 190
    again = [apply_local_edit(photo, region, np.random.default_rng(7)) for _ in range(2)]
    assert again[0][1] == again[1][1]
    assert np.array_equal(again[0][0], again[1][0])


def test_detail_spreads_from_smooth_to_sharp(rng):
    photo, region = textured_photo(rng, 90, 120), square(90, 120, 24, 34, 44)
    inside = (slice(28, 64), slice(38, 74))
    ratios = [
        detail(apply_local_edit(photo, region, np.random.default_rng(seed))[0][inside])
        / detail(photo[inside])
        for seed in range(200)
    ]
    low, middle, high = np.percentile(ratios, [10, 50, 97])
    assert low < 0.6
    assert 0.6 < middle < 1.05
    assert high > 1.15


@pytest.mark.parametrize(
    "region",
    [
        np.ones((9, 12), bool),
        square(9, 12, 0, 0, 1),
        square(9, 12, 6, 9, 3),
        square(48, 40, 0, 0, 40),
        np.ones((200, 190), bool),
    ],
    ids=["all of a tiny photo", "one pixel", "corner", "edge", "all of a photo"],
)
def test_regions_of_any_size_and_place_can_be_edited(region, rng):
    photo = textured_photo(rng, *region.shape)
    for seed in range(40):
        edited, _ = apply_local_edit(photo, region, np.random.default_rng(seed))
        assert np.array_equal(edited[~region], photo[~region])


def test_an_empty_region_is_refused(rng):
    with pytest.raises(InvalidDataError, match="at least one pixel"):
        apply_local_edit(textured_photo(rng, 20, 20), np.zeros((20, 20), bool), rng)
