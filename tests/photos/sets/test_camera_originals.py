from __future__ import annotations

import os

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from tests.photos.layouts import ORIGINALS, write_originals

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError, UnreadableImageError
from falseflaw.paths import config_dir
from falseflaw.photos.folds import assign_folds
from falseflaw.photos.sets.camera_originals import CameraOriginals
from falseflaw.photos.source import FileSource, Photo
from falseflaw.types import Fold

FRACTIONS = {"inpainter": 0.7, "train": 0.1, "val": 0.1, "test": 0.1}


def test_the_table_tells_contributor_fold_object_and_what_is_left_out(tmp_path):
    source = CameraOriginals(write_originals(tmp_path / "set"))
    photos = source.photos()
    assert isinstance(source, FileSource)
    assert [(p.photo_id, p.contributor, str(p.fold), p.product) for p in photos] == [
        ("camera_originals/000", "ann/robot", "train", "product"),
        ("camera_originals/001", "ann/robot", "train", "package"),
        ("camera_originals/002", "bob/lamp", "val", "product"),
        ("camera_originals/004", "cat/fern", "test", "product"),
    ]
    assert photos[0].group == photos[1].group != photos[2].group
    assert all(photo.original for photo in photos)
    assert source.load(photos[0]).shape == (160, 160, 3)


def test_exported_photos_come_when_asked_for(tmp_path):
    folder = write_originals(tmp_path / "set")
    (found,) = CameraOriginals(folder, ["export"]).photos()
    assert found.photo_id == "camera_originals/003"
    assert len(CameraOriginals(folder, ["original", "near", "export"]).photos()) == len(ORIGINALS)


@pytest.mark.parametrize("seed", range(5))
def test_the_folds_of_the_table_win_over_the_split(seed, tmp_path):
    source = CameraOriginals(write_originals(tmp_path / "set"))
    folds = assign_folds(source, FRACTIONS, seed, None)
    assert [str(folds[photo.photo_id]) for photo in source.photos()] == ["train", "train", "val", "test"]
    by_repository = {photo.contributor: set() for photo in source.photos()}
    for photo in source.photos():
        by_repository[photo.contributor].add(folds[photo.photo_id])
    assert all(len(found) == 1 for found in by_repository.values())


def test_a_partial_copy_keeps_what_is_there(tmp_path):
    folder = write_originals(tmp_path / "set")
    (folder / "002.jpg").unlink()
    assert len(CameraOriginals(folder).photos()) == 3


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (("9.jpg", "inpainter", "object", "original", "x:1", "x/y"), "line 7: expected a fold of train, val"),
        (("9.jpg", "train", "object", "copied", "x:1", "x/y"), "line 7: expected a likeness of original"),
        (("9.jpg", "train", "object", "original", "x:1", ""), "line 7: expected a repository; got none"),
        (("9.jpg", "train", "object"), "line 7: expected a likeness .*got none; mend the row"),
        (("9.jpg", "test", "object", "original", "x:1", "ann/robot"), "expected ann/robot in fold train"),
        (("../9.jpg", "test", "object", "original", "x:1", "x/y"), "expected the name of a file"),
        (("000.jpg", "train", "object", "near", "x:1", "ann/robot"), "expected every file once"),
    ],
)
def test_a_broken_row_is_told_in_one_line(row, complaint, tmp_path):
    folder = write_originals(tmp_path / "set")
    with (folder / "photos.csv").open("a") as stream:
        stream.write(",".join(row) + "\n")
    with pytest.raises(InvalidDataError, match=complaint) as caught:
        CameraOriginals(folder).photos()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("state", ["no folder", "no table", "no photos", "no columns"])
def test_what_is_missing_is_told_in_one_line(state, tmp_path):
    folder = tmp_path / "set"
    if state != "no folder":
        write_originals(folder)
    if state == "no table":
        (folder / "photos.csv").unlink()
    elif state == "no photos":
        for path in folder.glob("*.jpg"):
            path.unlink()
    elif state == "no columns":
        (folder / "photos.csv").write_text("file,fold\n000.jpg,train\n")
    with pytest.raises((MissingDataError, InvalidDataError), match="expected") as caught:
        CameraOriginals(folder).photos()
    assert "\n" not in str(caught.value)


def test_other_photos_and_words_are_refused(tmp_path):
    source = CameraOriginals(write_originals(tmp_path / "set"))
    with pytest.raises(UnreadableImageError, match="expected a photo of the set camera_originals"):
        source.load(Photo("camera_originals/777", "x", "product"))
    for likeness in ([], ["sharp"]):
        with pytest.raises(ConfigurationError, match=r"photos\.likeness"):
            CameraOriginals(tmp_path, likeness)


def test_the_configuration_composes(tmp_path, monkeypatch):
    monkeypatch.setenv("FALSEFLAW_PHOTOS", str(tmp_path))
    write_originals(tmp_path / "camera_originals")
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        source = instantiate(compose("download", ["photos=camera_originals"]).photos)
    assert len(source.photos()) == 4


@pytest.mark.skipif("FALSEFLAW_PHOTOS" not in os.environ, reason="needs the photos")
def test_the_set_at_hand_has_every_fold():
    photos = CameraOriginals().photos()
    assert {photo.fold for photo in photos} == {Fold.TRAIN, Fold.VAL, Fold.TEST}
    assert min(CameraOriginals().load(photos[0]).shape[:2]) >= 768
