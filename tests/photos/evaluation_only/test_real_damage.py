from __future__ import annotations

import csv
from collections import Counter
from importlib import resources

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from tests.photos.layouts import spot, write_real_damage

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError, UnreadableImageError
from falseflaw.imaging import codec
from falseflaw.paths import config_dir
from falseflaw.photos.evaluation_only.real_damage import IntactPhotos, RealDamage
from falseflaw.photos.folds import assign_folds
from falseflaw.photos.sets.joined import JoinedPhotos
from falseflaw.photos.source import FileSource
from falseflaw.types import Edit, Fold

ALL_TO_TRAIN = {"inpainter": 0.0, "train": 1.0, "val": 0.0, "test": 0.0}


@pytest.fixture
def root(tmp_path):
    return write_real_damage(tmp_path / "real_damage")


def by_id(source):
    return {item.photo.photo_id.removeprefix("real_damage/"): item for item in source.items()}


def test_lists_every_photo_with_state_product_and_contributor(root):
    items = RealDamage(root).items()
    assert [item.photo.photo_id for item in items] == sorted(item.photo.photo_id for item in items)
    assert Counter((item.photo.product, *item.files) for item in items) == {
        ("toy", Edit.REAL_DAMAGE): 2,
        ("toy", Edit.AUTHENTIC): 2,
        ("cookie", Edit.REAL_DAMAGE): 3,
        ("cookie", Edit.AUTHENTIC): 1,
        ("circuit board", Edit.REAL_DAMAGE): 1,
        ("circuit board", Edit.AUTHENTIC): 1,
        ("garment", Edit.REAL_DAMAGE): 1,
    }
    assert {item.photo.contributor for item in items} == {
        f"real_damage-{product}" for product in ("toy", "cookie", "circuit_board", "garment")
    }
    assert {item.photo.product for item in RealDamage(root, ["toy"]).items()} == {"toy"}


def test_only_cookies_are_for_development_and_no_split_changes_that(root):
    folds = {item.photo.product: item.photo.fold for item in RealDamage(root).items()}
    assert {product for product, fold in folds.items() if fold is Fold.VAL} == {"cookie"}
    assert set(folds.values()) == {Fold.VAL, Fold.TEST}
    intact = IntactPhotos(root)
    for source in (intact, JoinedPhotos([intact])):
        assert set(assign_folds(source, ALL_TO_TRAIN, 0, None).values()) == {Fold.VAL, Fold.TEST}


def test_photos_of_one_object_share_a_group_whatever_their_state(root):
    items = by_id(RealDamage(root))
    groups = {name: item.photo.group for name, item in items.items()}
    assert groups["cookie/damaged/anomaly-1"] == groups["cookie/damaged/anomaly-2"]
    assert groups["cookie/damaged/anomaly-9"] != groups["cookie/damaged/anomaly-1"]
    assert len(set(groups.values())) == len(items) - 1
    assert groups["toy/damaged/1"] == "real_damage/toy/damaged/1"


def test_the_table_of_scenes_names_every_photo_once_and_no_lone_one():
    text = (resources.files("falseflaw.photos") / "index" / "real_damage_scenes.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert len({row["photo"] for row in rows}) == len(rows)
    assert min(Counter(row["scene"] for row in rows).values()) > 1
    for row in rows:
        assert row["photo"].split("/")[0] == row["scene"].split("-")[0]


def test_regions_come_from_masks_and_boxes_and_say_so(root):
    source, items = RealDamage(root), by_id(RealDamage(root))
    for name in ("anomaly-1", "anomaly-2"):
        pixels = source.read(items[f"cookie/damaged/{name}"])
        assert pixels.origin == "annotated mask"
        assert (pixels.region == spot()).all()
    boxed = source.read(items["garment/damaged/dirt_jpg.rf.0a"])
    assert boxed.origin == "annotated box"
    assert boxed.region[18:54, 12:36].all()
    assert boxed.region.mean() == pytest.approx(0.125 + 0.1 * 0.15, abs=0.01)
    for name in ("cookie/damaged/anomaly-9", "cookie/intact/normal-31", "toy/damaged/1"):
        pixels = source.read(items[name])
        assert (pixels.region, pixels.origin) == (None, "none")
    (image,) = pixels.images.values()
    assert image.shape == (72, 96, 3)


def test_masks_that_do_not_fit_are_told_and_empty_ones_say_nothing(root):
    mask = root / "cookie/damage_masks/anomaly-1.png"
    codec.write_atomic(mask, codec.encode_png(np.zeros((9, 8), bool)))
    source = RealDamage(root)
    item = by_id(source)["cookie/damaged/anomaly-1"]
    with pytest.raises(InvalidDataError, match=r"mask anomaly-1.png as 96x72 like its photo, got 8x9"):
        source.read(item)
    codec.write_atomic(mask, codec.encode_png(np.ones((72, 96), bool)))
    assert source.read(item).origin == "none"


def test_missing_folders_and_unknown_products_are_one_line(tmp_path, root):
    with pytest.raises(MissingDataError, match=r"the real_damage photos at .*nowhere"):
        RealDamage(tmp_path / "nowhere").items()
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingDataError, match="found none; name the set's folder"):
        RealDamage(tmp_path / "empty").items()
    (tmp_path / "file").write_text("")
    with pytest.raises(MissingDataError, match="got a file"):
        RealDamage(tmp_path / "file").items()
    with pytest.raises(ConfigurationError, match=r"products of toy, .*got 'car'"):
        RealDamage(root, ["car"])
    with pytest.raises(MissingDataError, match="intact products"):
        IntactPhotos(root, ["garment"]).photos()


def test_the_place_is_found_by_the_variable(root, monkeypatch):
    monkeypatch.setenv("FALSEFLAW_PHOTOS", str(root.parent))
    assert RealDamage().items() == RealDamage(root).items()


def test_intact_photos_are_a_source_like_any_other(root):
    source = IntactPhotos(root)
    assert isinstance(source, FileSource)
    photos = source.photos()
    assert [photo.photo_id for photo in photos] == [
        "real_damage/circuit_board/intact/train-normal_1",
        "real_damage/cookie/intact/normal-31",
        "real_damage/toy/intact/1",
        "real_damage/toy/intact/3",
    ]
    assert source.load(photos[0]).shape == (72, 96, 3)
    assert source.product_mask(photos[0]) is None
    damaged = by_id(RealDamage(root))["toy/damaged/1"].photo
    with pytest.raises(UnreadableImageError, match="expected an intact photo"):
        source.load(damaged)


def test_matched_sets_of_intact_products_skip_the_camera_and_keep_out_of_training(root):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("synthesize", ["build=real_intact", f"photos.folder={root}"])
    assert config.folds == ["val", "test"]
    assert config.camera.quality == [0, 0]
    assert set(config.inpainter.inpainters) == {"latent", "pixel"}
    assert len(instantiate(config.photos).photos()) == 4
