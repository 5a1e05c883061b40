"""Camera originals keep pixels, size and save; of other sources a share is saved once."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image as Pil
from tests.photos.layouts import TABLES, write_originals
from tests.synthesis.builders import NETWORKS, build, cameras, settings

from falseflaw.dataset.layers import Base, Content, read_layers
from falseflaw.dataset.manifest import read_manifest
from falseflaw.dataset.upload import UploadSave
from falseflaw.imaging.codec import decode
from falseflaw.imaging.lossless import decode_lossless
from falseflaw.photos.folds import assign_folds
from falseflaw.photos.product.masks import ProductMasks
from falseflaw.photos.sets.camera_originals import CameraOriginals
from falseflaw.photos.source import Photo
from falseflaw.synthesis.plan import make_plan
from falseflaw.types import Edit, Fold

FRACTIONS = {"train": 1.0}


@pytest.fixture
def source(tmp_path, monkeypatch):
    monkeypatch.setattr(ProductMasks, "get", lambda _, photo, image: np.ones(image.shape[:2], bool))
    return CameraOriginals(write_originals(tmp_path / "set"))


def built(source, folder, **changes):
    folds = assign_folds(source, FRACTIONS, 0, None)
    build(folder, source, folds=folds, settings={"resized_share": 0.0, **changes})
    return read_manifest(folder)


def test_members_have_the_tables_subsampling_and_size_of_their_camera(source, tmp_path):
    rows = built(source, tmp_path / "d", kept_share=0.0)
    assert set(rows["fold"]) == {"train", "val", "test"}
    assert {json.loads(text)["profile"] for text in rows["camera"]} == {"original"}
    assert set(rows["upload_quality"]) == set(rows["first_quality"]) == {0}
    assert set(rows["subsampling"]) == {"4:2:2"}
    assert set(rows["width"]) == {160}
    assert "4 sets are camera originals" in (tmp_path / "d" / "DATASHEET.md").read_text()
    own = UploadSave(0, "4:2:2", TABLES)
    for row in rows.itertuples():
        data = (tmp_path / "d" / row.path).read_bytes()
        assert UploadSave.of_file(data) == own
        with Pil.open(tmp_path / "d" / row.path) as opened:
            assert opened.info.get("dpi") is None


def test_all_members_are_decoded_once_edited_and_saved_once_more(source, tmp_path):
    rows = built(source, tmp_path / "d", kept_share=0.0)
    own = UploadSave(0, "4:2:2", TABLES)
    for photo in source.photos():
        first = source.load(photo)
        mine = rows[rows["source_id"] == photo.photo_id].set_index("edit")
        authentic = (tmp_path / "d" / mine.loc[str(Edit.AUTHENTIC), "path"]).read_bytes()
        assert authentic == own.encode(first)
        null = (tmp_path / "d" / mine.loc[str(Edit.NULL_EDIT), "path"]).read_bytes()
        assert null == authentic  # at scale 1 it has the same pixels, and the same single save
        region = decode(tmp_path / "d" / mine.loc[str(Edit.SPLICED), "region_path"])[..., 0] > 127
        spliced = decode(tmp_path / "d" / mine.loc[str(Edit.SPLICED), "path"])
        far = np.ones(region.shape, bool)
        rows_, columns = np.nonzero(region)
        far[max(rows_.min() - 32, 0) : rows_.max() + 33, max(columns.min() - 32, 0) : columns.max() + 33] = (
            False
        )
        assert far.any()
        assert np.array_equal(spliced[far], own.apply(first)[far])


def test_a_share_of_the_authentic_photos_keeps_the_first_save(source, tmp_path):
    rows = built(source, tmp_path / "d", kept_share=1.0)
    for photo in source.photos():
        mine = rows[rows["source_id"] == photo.photo_id].set_index("edit")
        given = source.path(photo).read_bytes()
        kept = (tmp_path / "d" / mine.loc[str(Edit.AUTHENTIC), "path"]).read_bytes()
        again = (tmp_path / "d" / mine.loc[str(Edit.NULL_EDIT), "path"]).read_bytes()
        assert kept[kept.index(b"\xff\xda") :] == given[given.index(b"\xff\xda") :]  # the coded pixels
        assert kept[:20] == again[:20]  # the header is that of every other member
        assert np.array_equal(decode(kept), source.load(photo))
        assert UploadSave.of_file(kept) == UploadSave.of_file(again)


def test_a_photo_whose_chroma_cannot_be_saved_alike_is_skipped_and_told(source, tmp_path):
    Pil.fromarray(decode(source.path(source.photos()[0]))[..., 0]).save(source.path(source.photos()[0]))
    folds = assign_folds(source, FRACTIONS, 0, None)
    report = build(tmp_path / "d", source, folds=folds)
    assert [entry.source_id for entry in report.skipped] == ["camera_originals/000"]
    assert "expected a JPEG in color" in report.skipped[0].reason


def plans(count, original=False, **changes):
    photos = [Photo(f"s/{i:04d}", f"p{i}", "hat", original=original) for i in range(count)]
    folds = {photo.photo_id: Fold.TRAIN for photo in photos}
    return make_plan(photos, folds, cameras(), settings(**changes), NETWORKS)


def test_a_share_of_ordinary_sources_is_saved_once_with_the_cameras_settings():
    drawn = plans(800, single_save_share=0.25)
    single = [plan for plan in drawn if plan.camera.quality == 0]
    assert 0.2 < len(single) / len(drawn) < 0.3
    before = {plan.source_id: plan.camera for plan in plans(800, single_save_share=0.0)}
    for plan in single:
        camera = before[plan.source_id]
        assert plan.save == UploadSave(camera.quality, camera.subsampling)
    assert all(plan.camera == before[plan.source_id] for plan in drawn if plan not in single)


def test_camera_originals_have_no_camera_step_and_a_share_is_kept():
    drawn = plans(600, original=True, kept_share=0.5, single_save_share=1.0)
    assert {(plan.camera.profile, plan.camera.scale, plan.camera.quality) for plan in drawn} == {
        ("original", 1.0, 0)
    }
    assert all(plan.save is None for plan in drawn)
    assert 0.42 < sum(plan.kept for plan in drawn) / 600 < 0.58
    assert not any(plan.kept for plan in plans(50, kept_share=1.0))


def test_layers_know_the_save_of_their_camera(source, tmp_path):
    built(source, tmp_path / "d", layers=True)
    rows = read_layers(tmp_path / "d")
    assert {UploadSave.from_json(text) for text in rows["save"]} == {UploadSave(0, "4:2:2", TABLES)}
    for row in rows[(rows["content"] == Content.PHOTO) & (rows["base"] == Base.AUTHENTIC)].itertuples():
        first = next(source.load(photo) for photo in source.photos() if photo.photo_id == row.source_id)
        assert np.array_equal(decode_lossless(tmp_path / "d" / row.path), first)
