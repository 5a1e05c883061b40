import numpy as np
import pytest
from tests.helpers import textured_photo

from falseflaw.synthesis.hand_edits import borrow, clone, paste

HEIGHT, WIDTH = 96, 128


def place(rows, columns):
    region = np.zeros((HEIGHT, WIDTH), bool)
    region[rows, columns] = True
    return region


REGIONS = {
    "inside": place(slice(30, 70), slice(40, 90)),
    "corner": place(slice(0, 24), slice(0, 30)),
    "last corner": place(slice(70, HEIGHT), slice(100, WIDTH)),
    "across": place(slice(40, 60), slice(0, WIDTH)),
    "everywhere": np.ones((HEIGHT, WIDTH), bool),
    "odd": place(slice(31, 62), slice(41, 88)),
}
THIN = {
    **{f"{width} rows": place(slice(50, 50 + width), slice(20, 90)) for width in (1, 2, 3, 6)},
    "at the edge": place(slice(0, 2), slice(20, 90)),
    "one pixel": place(slice(50, 51), slice(60, 61)),
}


@pytest.fixture(scope="module")
def photo():
    return textured_photo(np.random.default_rng(0), HEIGHT, WIDTH)


def with_spot(photo, region):
    """Dark in the middle of the region, or all over it where it is thin."""
    rows, columns = np.nonzero(region)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    reach = max(np.ptp(rows), np.ptp(columns)) / 2 + 1
    spot = region & ((y - rows.mean()) ** 2 + (x - columns.mean()) ** 2 < reach**2)
    return np.where(spot[..., None], photo // 3, photo).astype(np.uint8)


@pytest.mark.parametrize("name", [*REGIONS, *THIN])
def test_hand_edits_change_the_region_and_no_bit_outside(photo, name):
    region = (REGIONS | THIN)[name]
    borrowed = borrow(with_spot(photo, region), region, np.random.default_rng(1))
    for edited in (clone(photo, borrowed, region), paste(photo, borrowed, region, np.random.default_rng(2))):
        assert edited.dtype == np.uint8
        assert np.array_equal(edited[~region], photo[~region])
        assert (edited != photo).any(axis=-1)[region].mean() > 0.5


@pytest.mark.parametrize("name", REGIONS)
def test_cloning_a_photo_into_itself_changes_next_to_nothing(photo, name):
    """So gradients are taken from the very place that they come back to."""
    assert np.abs(clone(photo, photo, REGIONS[name]).astype(int) - photo).max() <= 2


def test_cloning_takes_over_gradients_and_not_brightness(photo):
    brighter = np.clip(photo.astype(int) + 30, 0, 255).astype(np.uint8)
    region = REGIONS["inside"]
    assert np.abs(clone(photo, brighter, region).astype(int) - photo)[region].mean() < 2
    assert (
        np.abs(paste(photo, brighter, region, np.random.default_rng(0)).astype(int) - photo)[region].mean()
        > 20
    )


def test_what_is_borrowed_stays_where_it_was_and_was_saved_and_resized(photo):
    region = REGIONS["inside"]
    damaged = photo.copy()
    damaged[48:52, 63:67] = 0  # about the region's center, whatever the factor
    sizes = set()
    for seed in range(12):
        borrowed = borrow(damaged, region, np.random.default_rng(seed))
        dark = np.argwhere(borrowed.max(axis=-1) < 60)
        assert np.abs(dark.mean(axis=0) - (49.5, 64.5)).max() < 1
        assert not np.array_equal(borrowed, damaged)
        sizes.add(len(dark))
    assert len(sizes) > 2


def test_the_same_generator_draws_the_same_edit(photo):
    region = REGIONS["odd"]
    one, other, third = (borrow(photo, region, np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, third)
