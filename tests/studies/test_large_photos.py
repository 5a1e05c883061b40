"""Large photos are rendered at their size, once, and counted at the limits of their tiles."""

from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from tests.runtime.red import write_bundle

from falseflaw.errors import ConfigurationError
from falseflaw.evaluation.figures.large_photos import LargePhoto
from falseflaw.imaging import codec
from falseflaw.paths import config_dir
from falseflaw.runtime.predictor import Predictor
from falseflaw.runtime.tiling import plan
from falseflaw.statistics.conformal import clusters_needed
from falseflaw.studies.large_photos import SIZES, Wanted, rates, score_photos, wanted
from falseflaw.studies.models import open_model
from falseflaw.types import OperatingPoint

CAMERAS = instantiate(OmegaConf.load(config_dir() / "camera/default.yaml"))


def test_the_default_sizes_make_tiles_enough_for_the_promise() -> None:
    tiles = {}
    for size in (1.0, 4.0, *SIZES):
        height, width = Wanted(size, 0, 0).size
        assert 0.99e6 * size <= height * width <= 1e6 * size
        tiles[size] = plan(height, width, 4_000_000, 128, 32).count
    assert list(tiles.values()) == sorted(tiles.values())
    assert tiles[4.0] == 1
    assert tiles[6.0] == 2
    assert sum(SIZES.values()) == clusters_needed(0.01)


def test_photos_have_their_own_products_and_depend_on_seed_size_and_number() -> None:
    photos = wanted({0.1: 3, 0.2: 2}, seed=5)
    assert [photo.megapixels for photo in photos] == [0.2] * 2 + [0.1] * 3
    assert len({photo.source for photo in photos}) == 5
    first = Wanted(0.1, 0, 5).render(CAMERAS)
    assert first == Wanted(0.1, 0, 5).render(CAMERAS)
    assert first not in (Wanted(0.1, 1, 5).render(CAMERAS), Wanted(0.1, 0, 6).render(CAMERAS))
    assert codec.decode(first).shape[:2] == Wanted(0.1, 0, 5).size


@pytest.mark.parametrize("sizes", [{}, {0.01: 5}, {60.0: 5}, {1.0: 0}])
def test_sizes_out_of_range_are_refused(sizes: dict[float, int]) -> None:
    with pytest.raises(ConfigurationError, match=r"0\.1 to 50 megapixels"):
        wanted(sizes, 0)


def test_photos_are_rendered_once_and_scored_as_the_runtime_does(tmp_path: Path) -> None:
    model = open_model(write_bundle(tmp_path / "bundle", tile_pixels=300 * 300))
    predictor = Predictor(tmp_path / "bundle")
    photos, cache = wanted({0.1: 2, 0.2: 1}, 0), tmp_path / "cache"
    first = list(score_photos(photos, model, CAMERAS, cache, lanes=2))
    written = {path.name: path.stat().st_mtime_ns for path in cache.iterdir()}
    assert set(written) == {f"{photo.source}.jpg" for photo in photos}
    assert list(score_photos(photos, model, CAMERAS, cache)) == first
    assert {path.name: path.stat().st_mtime_ns for path in cache.iterdir()} == written
    assert list(score_photos(photos, model, CAMERAS, None)) == first
    for photo, scored in zip(photos, first, strict=True):
        image = codec.decode(cache / f"{photo.source}.jpg")
        logits, heat, _ = predictor.raw(image[None])
        assert (scored.logit, scored.hottest, scored.distance) == (logits[0], heat.max(), None)
        assert (scored.height, scored.width) == photo.size
        assert scored.tiles == predictor.tiling(*photo.size).count > 1


def test_rates_are_told_by_size_at_the_limits_of_their_tiles() -> None:
    point = OperatingPoint(1.0, 0.9, 0.2, 200, distance_threshold=2.0, tiled_threshold=0.9)

    def photo(number: int, size: float, tiles: int, p: float, hottest: int = 255, far: float = 1.0):  # type: ignore[no-untyped-def]
        return LargePhoto(f"{size}-{number}", size, 9, 9, tiles, float(np.log(p / (1 - p))), hottest, far)

    whole, tiled = rates(
        [
            *(photo(number, 1.0, 1, p) for number, p in enumerate((0.1, 0.5, 0.95, 0.96))),
            photo(0, 24.0, 9, 0.95),
            photo(1, 24.0, 6, 0.999),
            photo(2, 24.0, 9, 0.999, hottest=3),
            photo(3, 24.0, 9, 0.999, far=2.0),
            photo(4, 24.0, 9, 0.1),
        ],
        point,
    )
    assert (whole.megapixels, whole.tiles) == (1.0, (1, 1))
    assert (whole.whole.count, whole.altered.count, whole.inconclusive.count) == (2, 2, 1)
    assert (tiled.megapixels, tiled.tiles) == (24.0, (6, 9))
    assert (tiled.whole.count, tiled.altered.count, tiled.inconclusive.count) == (4, 1, 3)
    assert tiled.unlike.count == 1
    assert tiled.altered.lo is not None
    assert 0 < tiled.altered.lo < 0.2 < tiled.altered.hi < 1
    assert tiled.highest == pytest.approx((0.999, 0.999))
