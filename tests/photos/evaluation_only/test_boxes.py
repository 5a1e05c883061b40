from __future__ import annotations

import numpy as np
import pytest

from falseflaw.errors import InvalidDataError
from falseflaw.photos.evaluation_only.boxes import read_boxes


def test_boxes_are_shares_of_the_photo_from_the_center(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("0 0.5 0.25 0.5 0.25\n\n3 1.0 1.0 0.2 0.2\n")
    mask = read_boxes(path, 80, 40)
    expected = np.zeros((80, 40), bool)
    expected[10:30, 10:30] = True
    expected[72:80, 36:40] = True  # as far as it lies in the photo
    assert (mask == expected).all()


@pytest.mark.parametrize("text", ["0 0.5 0.5 0.1", "0 a b c d", "0 0.5 0.5 12 7", "0 nan 0.5 0.1 0.1"])
def test_other_lines_are_refused(tmp_path, text):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(InvalidDataError, match=r"class x y width height.*a\.txt"):
        read_boxes(tmp_path / "a.txt", 8, 8)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(InvalidDataError, match=r"cannot read the boxes none\.txt"):
        read_boxes(tmp_path / "none.txt", 8, 8)
