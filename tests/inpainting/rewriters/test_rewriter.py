from __future__ import annotations

import numpy as np
import pytest
from tests.helpers import textured_photo

from falseflaw.errors import InvalidDataError
from falseflaw.inpainting.rewriters.rewriter import in_tiles


@pytest.mark.parametrize("shape", [(64, 64), (200, 131), (65, 40), (97, 300), (1, 500)])
def test_tiles_cover_a_photo_and_join_without_a_seam(shape):
    photo = textured_photo(np.random.default_rng(0), *shape)
    seen = []

    def rewrite(tile, seed):
        assert tile.shape[0] % 8 == tile.shape[1] % 8 == 0
        assert max(tile.shape) <= 96
        seen.append(seed)
        return tile

    assert np.array_equal(in_tiles(photo, 5, 96, 8, rewrite), photo)
    assert len(set(seen)) == len(seen)
    assert seen == [5] or max(shape) > 96


def test_neighboring_tiles_fade_into_each_other():
    levels = iter((40, 200))
    photo = np.zeros((64, 160, 3), np.uint8)
    output = in_tiles(photo, 0, 96, 8, lambda tile, seed: np.full_like(tile, next(levels)))
    steps = np.diff(output[0, :, 0].astype(int))
    assert (output[0, 0, 0], output[0, -1, 0]) == (40, 200)
    assert (steps >= 0).all()
    assert steps.max() < 10


def test_what_is_no_photo_is_refused():
    for wrong in (np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((0, 8, 3), np.uint8)):
        with pytest.raises(InvalidDataError, match="uint8"):
            in_tiles(wrong, 0, 96, 8, lambda tile, seed: tile)
