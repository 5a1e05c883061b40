from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from tests.photos.layouts import write_originals
from tests.photos.scenes import scene

from falseflaw.errors import InvalidDataError, MissingDataError, UnreadableImageError
from falseflaw.imaging import codec
from falseflaw.paths import config_dir
from falseflaw.photos.sets.clothing import CLOTHING, ClothingPhotos
from falseflaw.photos.sets.folder import FolderPhotos
from falseflaw.photos.sets.grocery import GROCERY, GroceryPhotos
from falseflaw.photos.source import FileSource, Photo

SETS = (CLOTHING, GROCERY)
BOTH = [(ClothingPhotos, CLOTHING), (GroceryPhotos, GROCERY)]
TESTED_APART = {"real_damage_intact", "camera_originals"}
PHOTO_CONFIGS = sorted({path.stem for path in (config_dir() / "photos").glob("*.yaml")} - TESTED_APART)


@pytest.mark.parametrize("public_set", SETS, ids=lambda s: s.name)
def test_index_matches_its_schema(public_set):
    entries = public_set.entries()
    assert len(entries) == {"clothing": 3409, "grocery": 1500}[public_set.name]
    assert [e.path for e in entries] == sorted({e.path for e in entries})
    assert len({Path(e.path).stem for e in entries}) == len(entries)
    for entry in entries:
        assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
        assert 1_000 < entry.bytes < 1_000_000
        assert entry.contributor
        assert re.fullmatch(r"[a-z-]+", entry.product)
        assert entry.path.endswith(".jpg")
        assert not entry.path.startswith("/")
        assert ".." not in entry.path
    assert re.fullmatch(r"[0-9a-f]{40}", public_set.commit)


def test_licenses_are_the_ones_named():
    assert b"CC0 1.0 Universal" in CLOTHING.license_text()
    assert b"MIT License" in GROCERY.license_text()


def test_contributors_come_from_the_sender_and_the_product():
    assert len({e.contributor for e in CLOTHING.entries()}) == 307
    grocery = {e.path: e for e in GROCERY.entries()}
    entry = next(e for path, e in grocery.items() if path.startswith("Packages/Milk/Arla-Standard-Milk/"))
    assert (entry.contributor, entry.product) == ("Packages/Milk/Arla-Standard-Milk", "milk")


def _place(public_set, root: Path, count: int) -> list[str]:
    entries = public_set.entries()[::211][:count]
    for number, entry in enumerate(entries):
        codec.write_atomic(root / entry.path, codec.encode_jpeg(scene(number), 90))
    return [f"{public_set.name}/{Path(entry.path).stem}" for entry in entries]


@pytest.mark.parametrize(("source_class", "public_set"), BOTH)
def test_lists_what_is_on_disk_and_loads_it(source_class, public_set, tmp_path):
    ids = _place(public_set, tmp_path, 5)
    (tmp_path / "stranger.jpg").write_bytes(b"x")
    source = source_class(tmp_path)
    photos = source.photos()
    assert [photo.photo_id for photo in photos] == sorted(ids)
    assert source.load(photos[0]).shape == (160, 120, 3)
    assert source.product_mask(photos[0]) is None


def test_folder_comes_from_argument_then_variable_then_default(tmp_path, monkeypatch):
    _place(CLOTHING, tmp_path / "shared/clothing", 3)
    _place(CLOTHING, tmp_path / "work/data/photos/clothing", 2)
    _place(CLOTHING, tmp_path / "own", 1)
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("FALSEFLAW_PHOTOS", raising=False)
    assert len(ClothingPhotos().photos()) == 2
    monkeypatch.setenv("FALSEFLAW_PHOTOS", str(tmp_path / "shared"))
    assert len(ClothingPhotos().photos()) == 3
    assert len(ClothingPhotos(tmp_path / "own").photos()) == 1


@pytest.mark.parametrize("state", ["absent", "empty", "file"])
def test_missing_set_says_what_to_do(state, tmp_path, monkeypatch):
    if state == "empty":
        (tmp_path / "clothing").mkdir()
    elif state == "file":
        (tmp_path / "clothing").write_bytes(b"")
    monkeypatch.setenv("FALSEFLAW_PHOTOS", str(tmp_path))
    with pytest.raises(MissingDataError) as caught:
        ClothingPhotos().photos()
    assert "falseflaw download photos=clothing" in str(caught.value)
    assert "FALSEFLAW_PHOTOS" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_broken_and_foreign_photos_are_unreadable(tmp_path):
    (photo_id,) = _place(CLOTHING, tmp_path, 1)
    source = ClothingPhotos(tmp_path)
    (photo,) = source.photos()
    whole = source.path(photo).read_bytes()
    for content in (b"", whole[: len(whole) // 2], b"not an image"):
        source.path(photo).write_bytes(content)
        with pytest.raises(UnreadableImageError, match=photo_id):
            source.load(photo)
    with pytest.raises(UnreadableImageError, match="expected a photo of the set clothing"):
        source.load(Photo("clothing/nobody", "1", "hat"))


def test_user_folder_with_subfolders(write_photo, tmp_path):
    for name in ("ann/1.jpg", "ann/deep/2.jpg", "bob/3.JPEG", "4.jpg", "ann/.hidden.jpg"):
        write_photo(name, scene(len(name)))
    (tmp_path / "photos/notes.txt").write_text("no photo")
    source = FolderPhotos(tmp_path / "photos")
    found = {photo.photo_id: photo.contributor for photo in source.photos()}
    assert found == {
        "folder/ann/1.jpg": "ann",
        "folder/ann/deep/2.jpg": "ann",
        "folder/bob/3.JPEG": "bob",
        "folder/4.jpg": "4.jpg",
    }
    assert {photo.product for photo in source.photos()} == {"product"}
    assert source.load(source.photos()[0]).shape == (160, 120, 3)


def test_user_folder_takes_photos_whatever_their_names(write_photo, tmp_path):
    usual = write_photo("ann/1.jpg", scene(1))
    names = ["ann/IMG_2", "ann/3.jfif", "ann/" + "x" * 249 + ".jpg", os.fsdecode(b"caf\xe9/4.jpg")]
    for name in names:
        (tmp_path / "photos" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "photos" / name).write_bytes(usual.read_bytes())
    source = FolderPhotos(tmp_path / "photos")
    photos = source.photos()
    assert {source.path(photo) for photo in photos} == {tmp_path / "photos" / name for name in names} | {
        usual
    }
    assert Counter(photo.contributor for photo in photos) == {"ann": 4, "caf\\xe9": 1}
    for photo in photos:
        assert FolderPhotos(tmp_path / "photos").load(photo).shape == scene(1).shape
        name = photo.photo_id.replace("/", "__") + "__round_trip_simulated_damage.jpg"
        assert len(name.encode()) <= 255  # as a dataset calls it; strict UTF-8


def test_user_folder_refuses_colliding_names_and_escapes(write_photo, tmp_path):
    write_photo("a/b.jpg", scene(1))
    source = FolderPhotos(tmp_path / "photos")
    with pytest.raises(UnreadableImageError):
        source.path(Photo("folder/../secret.jpg", "x", "product"))
    write_photo("a__b.jpg", scene(2))
    with pytest.raises(InvalidDataError, match="rename one"):
        source.photos()


@pytest.mark.parametrize("content", ["missing", "empty"])
def test_user_folder_without_photos(content, tmp_path):
    if content == "empty":
        (tmp_path / "photos").mkdir()
    with pytest.raises(MissingDataError, match=r"photos\.folder=PATH"):
        FolderPhotos(tmp_path / "photos").photos()


@pytest.mark.parametrize("name", PHOTO_CONFIGS)
def test_every_photo_config_composes_and_works(name, tmp_path, monkeypatch):
    overrides = [f"photos={name}"]
    joined = {"clothing_and_grocery": ["clothing", "grocery"]}
    joined["with_originals"] = [*joined["clothing_and_grocery"], "camera_originals"]
    joined["every_size"] = [*joined["with_originals"], "studio"]
    parts = joined.get(name, [name.removesuffix("_large")])
    if name.startswith("studio"):
        overrides += ["photos.count=3", "photos.width=64", "photos.height=96"]
    elif name in joined:
        monkeypatch.setenv("FALSEFLAW_PHOTOS", str(tmp_path))
        for public_set, count in ((CLOTHING, 2), (GROCERY, 1)):
            _place(public_set, tmp_path / public_set.name, count)
        if "camera_originals" in parts:
            write_originals(tmp_path / "camera_originals")
    else:
        _place({"clothing": CLOTHING, "grocery": GROCERY}.get(name, CLOTHING), tmp_path, 3)
        overrides += [f"photos.folder={tmp_path}"]
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        source = instantiate(compose("download", overrides).photos)
    assert isinstance(source, FileSource) == (parts != ["studio"])
    photos = source.photos()
    assert source.name == "+".join(parts)
    assert len(photos) == {"with_originals": 7, "every_size": 247}.get(name, 3)
    assert {photo.photo_set for photo in photos} == set(parts)
    assert source.load(photos[0]).ndim == 3


@pytest.mark.skipif("FALSEFLAW_PHOTOS" not in os.environ, reason="needs the public photo sets")
@pytest.mark.parametrize("source_class", [ClothingPhotos, GroceryPhotos])
def test_public_sets_are_as_pinned(source_class):
    source = source_class()
    photos = source.photos()
    entries = {f"{source.name}/{Path(e.path).stem}": e for e in source.public_set.entries()}
    for photo in photos[::97]:
        assert hashlib.sha256(source.path(photo).read_bytes()).hexdigest() == entries[photo.photo_id].sha256
        assert min(source.load(photo).shape[:2]) >= 300
