import numpy as np
import pytest

from falseflaw.runtime.padding import pad_to_stride


@pytest.mark.parametrize(("height", "width"), [(1, 1), (32, 64), (33, 95)])
def test_padding_repeats_the_edge_and_marks_it(height: int, width: int) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    padded, valid = pad_to_stride(images)
    assert padded.shape[1] % 32 == padded.shape[2] % 32 == 0
    assert padded.shape[1] < height + 32
    assert np.array_equal(padded[:, :height, :width], images)
    assert valid.sum() == 2 * height * width
    assert valid[:, :height, :width].all()
    assert (padded[:, height:, 0] == images[:, -1:, 0]).all()
    assert (padded[:, :, width:] == padded[:, :, width - 1 : width]).all()


def test_the_grid_may_be_another() -> None:
    padded, valid = pad_to_stride(np.zeros((1, 5, 8, 3), np.uint8), 4)
    assert padded.shape == (1, 8, 8, 3)
    assert valid.shape == (1, 8, 8)
