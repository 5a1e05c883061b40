from __future__ import annotations

import cv2
import numpy as np
import pytest

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging.crop import (
    Box,
    bounding_box,
    feather,
    plan_crop,
    resize_crop,
    resize_mask_by_touch,
    splice,
)


def random_mask(rng: np.random.Generator, height: int, width: int, longest: int) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    tall, wide = rng.integers(1, longest, size=2)
    top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
    mask[top : top + tall, left : left + wide] = rng.random((tall, wide)) < 0.5
    mask[top, left] = True
    return mask


@pytest.mark.parametrize("drawn", [False, True])
def test_a_crop_holds_mask_and_margin_lies_inside_and_is_the_smallest_that_does(drawn, rng):
    sizes, margin = (64, 96, 128), 12
    for _ in range(300):
        height, width = rng.integers(130, 220, size=2).tolist()
        mask = random_mask(rng, height, width, 120)
        box = plan_crop(mask, (height, width, 3), sizes, margin, 8, rng if drawn else None)
        assert box.top >= 0
        assert box.left >= 0
        assert box.top + box.height <= height
        assert box.left + box.width <= width
        assert box.height == box.width
        assert box.height in sizes
        assert box.cut(mask).sum() == mask.sum()
        inner = bounding_box(mask)
        wanted = max(
            min(inner.top + inner.height + margin, height) - max(inner.top - margin, 0),
            min(inner.left + inner.width + margin, width) - max(inner.left - margin, 0),
        )
        assert box.height == min((size for size in sizes if size >= wanted), default=128)
        if wanted <= box.height:
            assert box.top <= max(inner.top - margin, 0)
            assert box.left + box.width >= min(inner.left + inner.width + margin, width)


def test_a_crop_grows_beyond_the_sizes_rather_than_cut_the_mask():
    mask = np.zeros((200, 210), bool)
    mask[20:170, 100] = True
    assert plan_crop(mask, mask.shape, (64, 128), 10).height == 152


def test_a_drawn_position_varies_and_a_centered_one_does_not(rng):
    mask = np.zeros((200, 200), bool)
    mask[90:110, 90:110] = True
    drawn = {plan_crop(mask, mask.shape, (96,), 8, 8, rng).top for _ in range(20)}
    assert len(drawn) > 5
    assert plan_crop(mask, mask.shape, (96,), 8) == Box(52, 52, 96, 96)


@pytest.mark.parametrize(
    ("mask", "sizes", "error", "words"),
    [
        (np.zeros((64, 64), bool), (32,), InvalidDataError, "empty"),
        (np.ones((64, 64), bool), (30,), ConfigurationError, "multiples of 8"),
        (np.ones((63, 64), bool), (32,), InvalidDataError, "expected a mask of 64x64"),
        (np.ones((64, 64), bool), (), ConfigurationError, "multiples of 8"),
    ],
)
def test_what_cannot_be_cropped_is_said_in_one_line(mask, sizes, error, words):
    with pytest.raises(error, match=words) as caught:
        plan_crop(mask, (64, 64, 3), sizes, 4)
    assert "\n" not in str(caught.value)


def test_a_mask_larger_than_any_crop_in_the_photo_is_refused():
    with pytest.raises(InvalidDataError, match="fits a square crop of 40"):
        plan_crop(np.ones((44, 90), bool), (44, 90), (32,), 4)


def test_splicing_changes_no_bit_outside_the_mask(rng):
    for _ in range(50):
        photo = rng.integers(0, 256, (60, 70, 3), dtype=np.uint8)
        box = Box(*rng.integers(0, 20, 2).tolist(), 40, 40)
        crop = rng.integers(0, 256, (40, 40, 3), dtype=np.uint8)
        mask = rng.random((60, 70)) < 0.3
        before = photo.copy()
        result = splice(photo, crop, mask, box)
        inside = np.zeros_like(mask)
        inside[box.slices] = mask[box.slices]
        assert np.array_equal(result[~inside], photo[~inside])
        assert np.array_equal(result[box.slices][mask[box.slices]], crop[mask[box.slices]])
        assert np.array_equal(photo, before)


def test_splicing_sizes_that_disagree_is_refused():
    with pytest.raises(InvalidDataError, match="crop of 8x8"):
        splice(
            np.zeros((20, 20, 3), np.uint8),
            np.zeros((9, 8, 3), np.uint8),
            np.ones((20, 20), bool),
            Box(0, 0, 8, 8),
        )


def test_resizing_averages_when_it_shrinks_and_copies_when_nothing_changes(rng):
    image = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    means = image.reshape(16, 2, 16, 2, 3).mean((1, 3))
    assert np.abs(resize_crop(image, 16, 16) - means).max() <= 0.5 + 1e-9
    assert np.array_equal(resize_crop(image, 32, 32), image)
    assert resize_crop(image, 48, 40).shape == (48, 40, 3)


def test_a_shrunk_mask_loses_nothing(rng):
    mask = rng.random((40, 48)) < 0.02
    small = resize_mask_by_touch(mask, 20, 24)
    assert np.array_equal(small, mask.reshape(20, 2, 24, 2).any((1, 3)))


def shape_and_photos(rng, height=60, width=70):
    photo, edited = rng.integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    return photo, edited


def test_a_soft_seam_changes_no_bit_outside_and_leaves_nothing_of_the_photo_deep_inside(rng):
    for _ in range(30):
        photo, edited = shape_and_photos(rng)
        mask = cv2.dilate(random_mask(rng, 60, 70, 40).astype(np.uint8), np.ones((5, 5))) > 0
        width = float(rng.uniform(0.5, 12))
        result = feather(photo, edited, mask, width)
        depth = cv2.distanceTransform(np.pad(mask.astype(np.uint8), 1), cv2.DIST_L2, 5)[1:-1, 1:-1]
        assert np.array_equal(result[~mask], photo[~mask])
        deep = depth >= width + 0.1  # `distanceTransform` in its fast form is off by a little
        assert np.array_equal(result[deep], edited[deep])
        assert (np.minimum(photo, edited) <= result).all()
        assert (result <= np.maximum(photo, edited)).all()


def test_a_soft_seam_rises_evenly_from_the_edge():
    """A band of 21 rows, black on white: each row is one pixel deeper."""
    photo, edited = np.full((41, 30, 3), 200, np.uint8), np.zeros((41, 30, 3), np.uint8)
    mask = np.zeros((41, 30), bool)
    mask[10:31] = True
    column = feather(photo, edited, mask, 5.0)[:, 15, 0].tolist()
    assert column == column[::-1]
    assert column[9:17] == [200, 160, 120, 80, 40, 0, 0, 0]


@pytest.mark.parametrize("side", [1, 2, 3])
def test_a_mask_shallower_than_the_seam_still_holds_something_of_the_edit(side):
    photo, edited = np.zeros((9, 9, 3), np.uint8), np.full((9, 9, 3), 250, np.uint8)
    mask = np.zeros((9, 9), bool)
    mask[3 : 3 + side, 3 : 3 + side] = True
    result = feather(photo, edited, mask, 10.0)
    assert result.max() == 250
    assert result[~mask].max() == 0
