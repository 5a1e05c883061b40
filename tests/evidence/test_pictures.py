import numpy as np
import pytest
from tests.runtime.red import gray_photo

from falseflaw.evidence.pictures import ACCENT, data_uri, jpeg, overlay, shown
from falseflaw.imaging import codec


def is_accent(picture: np.ndarray) -> np.ndarray:
    return (picture == ACCENT).all(axis=-1)


@pytest.mark.parametrize(
    ("size", "expected"), [((400, 300), (400, 300)), ((2000, 1000), (1000, 500)), ((1, 3000), (1, 1000))]
)
def test_pictures_are_shrunk_and_never_enlarged(size: tuple[int, int], expected: tuple[int, int]) -> None:
    photo = gray_photo(*size)
    assert shown(photo).shape == (*expected, 3)
    assert overlay(photo, np.zeros(size, np.uint8), np.zeros(size, bool)).shape == (*expected, 3)


def test_nothing_marked_changes_nothing() -> None:
    photo = gray_photo(120, 90)
    assert np.array_equal(overlay(photo, np.zeros((120, 90), np.uint8), np.zeros((120, 90), bool)), photo)


def test_the_contour_goes_around_the_region() -> None:
    photo = gray_photo(200, 200)
    marked = np.zeros((200, 200), bool)
    marked[60:120, 50:100] = True
    line = is_accent(overlay(photo, np.zeros((200, 200), np.uint8), marked))
    rows, columns = np.flatnonzero(line.any(axis=1)), np.flatnonzero(line.any(axis=0))
    assert (rows[0], rows[-1], columns[0], columns[-1]) == (59, 120, 49, 100)
    assert not line[60:120, 50:100].any()


def test_a_tint_that_nobody_sees_is_none() -> None:
    photo, nothing = gray_photo(100, 100), np.zeros((100, 100), bool)
    assert np.array_equal(overlay(photo, np.full((100, 100), 70, np.uint8), nothing), photo)
    assert not np.array_equal(overlay(photo, np.full((100, 100), 120, np.uint8), nothing), photo)


def test_heat_is_tinted_inside_alone() -> None:
    photo, heat = gray_photo(100, 100), np.zeros((100, 100), np.uint8)
    heat[40:60, 40:60] = 255
    changed = (overlay(photo, heat, np.zeros((100, 100), bool)) != photo).any(axis=-1)
    assert changed[40:60, 40:60].all()
    assert changed.sum() == 400


@pytest.mark.parametrize(("row", "column"), [(1500, 2222), (0, 0), (2999, 3999)])
def test_a_single_pixel_of_a_large_photo_is_seen(row: int, column: int) -> None:
    marked = np.zeros((3000, 4000), bool)
    marked[row, column] = True
    picture = overlay(np.zeros((3000, 4000, 3), np.uint8), np.zeros((3000, 4000), np.uint8), marked)
    line = np.argwhere(is_accent(picture))
    assert len(line)
    assert np.abs(line - (row / 4, column / 4)).max() <= 4


def test_as_a_file() -> None:
    data = jpeg(gray_photo(40, 30))
    assert codec.decode(data).shape == (40, 30, 3)
    assert data_uri(data).startswith("data:image/jpeg;base64,/9j/")
