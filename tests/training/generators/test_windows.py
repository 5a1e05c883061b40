from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.stand_ins import OneCamera, SquarePainter, StandInPhotos, whole_photo

from falseflaw.errors import InvalidDataError
from falseflaw.imaging.camera import Camera
from falseflaw.photos.product.masks import ProductMasks
from falseflaw.training.generators.windows import WindowMaker, load_windows
from falseflaw.types import DamageKind


def maker_in(
    folder: Path, painter: SquarePainter | None = None, size: int = 48, **changes: object
) -> WindowMaker:
    source = StandInPhotos(**changes)  # type: ignore[arg-type]
    masks = ProductMasks(source, whole_photo, folder)
    return WindowMaker(
        source, tuple(source.photos()), masks, painter or SquarePainter(), OneCamera(), size, seed=4
    )


def test_a_pair_differs_around_the_flaw_only(tmp_path):
    maker = maker_in(tmp_path)
    for index in range(12):
        clean, damaged, flaw, kind, product = maker.make(index)
        assert clean.shape == damaged.shape == (48, 48, 3)
        assert flaw.shape == (48, 48)
        assert kind == list(DamageKind)[index % 9]
        assert product == "shirt"
        change = np.abs(clean.astype(int) - damaged).max(axis=2)
        assert change[flaw].mean() > 40
        rows, columns = np.nonzero(flaw)
        far = np.ones_like(flaw)
        far[max(0, rows.min() - 24) : rows.max() + 25, max(0, columns.min() - 24) : columns.max() + 25] = (
            False
        )
        assert not change[far].any()


def test_a_window_depends_on_seed_and_number_alone(tmp_path):
    one, other = maker_in(tmp_path / "a"), maker_in(tmp_path / "b")
    for index in (5, 0, 5):
        for left, right in zip(one.make(index), other.make(index), strict=True):
            assert np.array_equal(left, right)
    assert not np.array_equal(one.make(0)[0], one.make(12)[0])


def test_every_photo_is_used_before_one_comes_twice(tmp_path):
    class Watched(StandInPhotos):
        seen: list[str] = []  # noqa: RUF012

        def load(self, photo):
            self.seen.append(photo.photo_id)
            return super().load(photo)

    source = Watched()
    photos = tuple(source.photos())
    maker = WindowMaker(
        source, photos, ProductMasks(source, whole_photo, None), SquarePainter(), OneCamera(), 48, 0
    )
    for index in range(len(photos)):
        maker.make(index)
    assert sorted(source.seen) == [photo.photo_id for photo in photos]


def test_a_photo_smaller_than_the_window_is_padded(tmp_path):
    clean, _, flaw, _, _ = maker_in(tmp_path, size=104).make(0)
    assert clean.shape == (104, 104, 3)
    assert flaw.any()


def test_where_no_flaw_fits_the_reason_is_passed_on(tmp_path):
    maker = maker_in(tmp_path, SquarePainter(refused=(DamageKind.COFFEE,)))
    with pytest.raises(InvalidDataError, match="expected room for coffee"):
        maker.make(0)
    maker.make(1)


def test_shards_resume_after_a_loss_and_give_the_same_windows(tmp_path, monkeypatch):
    monkeypatch.setattr("falseflaw.training.generators.windows.SHARD", 4)
    maker = maker_in(tmp_path / "masks")
    first = load_windows(maker, 10, tmp_path / "w", 0, progress=False)
    shards = sorted((tmp_path / "w").iterdir())
    assert len(shards) == 3
    assert len(first) == 10
    kept = shards[0].stat().st_mtime_ns
    shards[1].write_bytes(shards[1].read_bytes()[:500])
    shards[2].unlink()
    again = load_windows(maker, 10, tmp_path / "w", 0, progress=False)
    assert np.array_equal(first.clean, again.clean)
    assert np.array_equal(first.damaged, again.damaged)
    assert np.array_equal(first.flaws, again.flaws)
    assert first.kinds == again.kinds
    assert shards[0].stat().st_mtime_ns == kept


def test_worker_processes_paint_the_same_windows(tmp_path):
    maker = maker_in(tmp_path / "masks")
    alone = load_windows(maker, 3, tmp_path / "a", 0, progress=False)
    helped = load_windows(maker, 3, tmp_path / "b", 2, progress=False)
    assert np.array_equal(alone.damaged, helped.damaged)


def test_crops_hold_the_flaw_and_turn_photo_and_mask_alike(tmp_path, rng):
    windows = load_windows(maker_in(tmp_path / "m", size=64), 9, tmp_path / "w", 0, progress=False)
    for index in range(9):
        for _ in range(8):
            clean, damaged, flaw = windows.crop(index, 40, rng)
            assert clean.shape == (40, 40, 3)
            assert flaw.sum() == windows.flaws[index].sum()
            change = np.abs(clean.astype(int) - damaged).max(axis=2)
            assert change[flaw].mean() > 3 * change[~flaw].mean()


def test_a_camera_that_shrinks_too_much_is_held_back(tmp_path):
    source = StandInPhotos()
    masks, camera = ProductMasks(source, whole_photo, None), OneCamera(Camera(scale=0.3))
    clean, *_ = WindowMaker(source, tuple(source.photos()), masks, SquarePainter(), camera, 64, 0).make(3)
    assert clean.shape == (64, 64, 3)
