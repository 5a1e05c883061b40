from __future__ import annotations

import numpy as np
import pytest

from falseflaw.imaging.contact_sheet import GAP, contact_sheet, deal, outline, thumbnail


def tile(height: int, width: int, level: int) -> np.ndarray:
    return np.full((height, width, 3), level, np.uint8)


def test_every_picture_is_shown_whole_and_columns_are_aligned():
    sheet = contact_sheet([[tile(20, 30, 10), tile(24, 10, 20)], [tile(8, 12, 30), tile(9, 40, 40)]])
    for level, pixels in ((10, 600), (20, 240), (30, 96), (40, 360)):
        assert (sheet[..., 0] == level).sum() == pixels
    lefts = [np.flatnonzero((sheet[..., 0] == level).any(axis=0))[0] for level in (20, 40)]
    assert lefts == [30 + GAP] * 2


def test_text_has_room_of_its_own():
    plain = contact_sheet([[tile(20, 30, 128)]])
    told = contact_sheet([[tile(20, 30, 128)]], ["title"], ["a caption longer than the picture"], ["label"])
    assert (told[..., 0] == 128).sum() >= 600  # no letter lies over the picture
    assert told.shape[0] > plain.shape[0]
    assert told.shape[1] > 150
    edge = told[:, -1], told[-1]
    assert all((line == 255).all() for line in edge)  # nor is one cut


def test_lines_of_any_length():
    lines = deal([tile(4, 4, level) for level in range(5)], 2)
    assert [len(line) for line in lines] == [2, 2, 1]
    assert contact_sheet(lines).shape[1] == 8 + GAP
    assert contact_sheet([]).shape == (1, 1, 3)


def test_a_thumbnail_keeps_its_proportions_and_never_grows():
    assert thumbnail(tile(100, 50, 0), 20).shape == (20, 10, 3)
    assert thumbnail(tile(10, 5, 0), 20).shape == (10, 5, 3)


@pytest.mark.parametrize("width", [1, 2])
def test_an_outline_lies_inside_the_region_and_nowhere_else(width):
    region = np.zeros((20, 20), bool)
    region[5:15, 0:10] = True  # touches the photo's edge
    drawn = outline(tile(20, 20, 7), region, (255, 0, 0), width)
    red = (drawn == (255, 0, 0)).all(axis=2)
    inner = np.zeros_like(region)
    inner[5 + width : 15 - width, width : 10 - width] = True
    assert np.array_equal(red, region & ~inner)
    assert (drawn[~red] == 7).all()
