import itertools

import numpy as np
import pytest

from falseflaw.runtime.tiling import plan, stitch, to_8_bits
from falseflaw.seeding import derive_rng

BUDGET = 640 * 640


@pytest.mark.parametrize(
    ("height", "width"),
    [(1, 1), (640, 640), (641, 641), (2000, 3001), (5000, 90), (33, 40_000), (1300, 1300), (1153, 4097)],
)
def test_tiles_cover_a_photo_on_the_grid_within_the_budget(height: int, width: int) -> None:
    tiling = plan(height, width, BUDGET, 128, 32)
    covered = np.zeros((height, width), np.uint8)
    tiles = list(tiling.tiles())
    for tile in tiles:
        assert tile.top % 32 == 0
        assert tile.left % 32 == 0
        assert tile.height > 0
        assert tile.width > 0
        assert tile.height * tile.width <= BUDGET
        covered[tile.top : tile.top + tile.height, tile.left : tile.left + tile.width] += 1
    assert covered.min() == 1
    assert covered.max() <= 4
    assert len(tiles) == tiling.count
    assert (tiling.count == 1) == (height * width <= BUDGET)


def test_neighbors_share_the_overlap() -> None:
    tiling = plan(1500, 2100, BUDGET, 128, 32)
    for starts, side in ((tiling.tops, tiling.tile_height), (tiling.lefts, tiling.tile_width)):
        assert len(starts) > 1
        assert all(a + side - b == 128 for a, b in itertools.pairwise(starts))


@pytest.mark.parametrize(("height", "width"), [(1500, 2100), (700, 3000), (3000, 500), (400, 500)])
def test_stitching_equal_tiles_gives_the_whole_back(height: int, width: int) -> None:
    whole = derive_rng("heat", height, width).random((height, width), dtype=np.float32)
    tiling = plan(height, width, BUDGET, 128, 32)
    parts = (whole[t.top : t.top + t.height, t.left : t.left + t.width] for t in tiling.tiles())
    difference = stitch(tiling, parts).astype(int) - to_8_bits(whole).astype(int)
    assert np.abs(difference).max() <= 1  # the weights sum to one up to float32
    assert (difference != 0).mean() < 1e-3


def test_stitching_tiles_that_disagree_leaves_no_seam() -> None:
    tiling = plan(640, 1500, BUDGET, 128, 32)
    levels = [0.2, 0.8, 0.4, 0.6]
    assert tiling.count <= len(levels)
    parts = (
        np.full((tile.height, tile.width), level, np.float32)
        for tile, level in zip(tiling.tiles(), levels, strict=False)
    )
    row = stitch(tiling, parts)[100].astype(int)
    assert np.abs(np.diff(row)).max() <= np.ceil(0.6 * 255 / 128)
    assert row[0] == 51
    assert row[: tiling.tile_width - 128].max() == 51


def test_8_bits_round_halves_to_even_and_clip() -> None:
    heat = np.array([-0.1, 0, 0.5 / 255, 1.5 / 255, 0.7, 1, 1.2], np.float32)
    assert to_8_bits(heat).tolist() == [0, 0, 0, 2, 178, 255, 255]
