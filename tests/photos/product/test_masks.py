from __future__ import annotations

import numpy as np
import pytest
from tests.stand_ins import StandInPhotos, whole_photo

from falseflaw.errors import MissingExtraError
from falseflaw.imaging.codec import read_mask
from falseflaw.photos.product.masks import ProductMasks, mask_folder


class Counting:
    """Finds nothing in the first photo it sees and the whole of every other."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, image):
        self.calls += 1
        return np.zeros(image.shape[:2], bool) if self.calls == 1 else whole_photo(image)


def test_masks_are_made_once_and_unusable_photos_left_out(tmp_path, capsys):
    source, masker = StandInPhotos(broken="standin/02-1", knows_product=False), Counting()
    kept = ProductMasks(source, masker, tmp_path).usable(source.photos(), progress=False)
    left = [photo.photo_id for photo in source.photos() if photo not in kept]
    assert left == ["standin/00-0", "standin/02-1"]
    printed = capsys.readouterr().out
    assert all(photo_id in printed for photo_id in left)
    assert ProductMasks(source, masker, tmp_path).usable(source.photos(), progress=False) == kept
    assert masker.calls == 11


def test_a_source_that_knows_the_product_is_believed(tmp_path):
    source = StandInPhotos()
    photo = source.photos()[0]
    found = ProductMasks(source, whole_photo, tmp_path).get(photo, source.load(photo))
    assert np.array_equal(found, source.product_mask(photo))
    assert not list(tmp_path.iterdir())


def test_another_photo_of_the_same_name_gets_a_mask_of_its_own(tmp_path):
    """Two folders of a user may both hold an IMG_0001.jpg."""
    one, other = StandInPhotos(knows_product=False), StandInPhotos(knows_product=False, contributors=7)
    photo = one.photos()[0]
    first, second = one.load(photo), other.load(other.photos()[3])
    masker = Counting()
    assert not ProductMasks(one, masker, tmp_path).get(photo, first).any()
    assert ProductMasks(other, masker, tmp_path).get(photo, second).all()
    assert not ProductMasks(one, masker, tmp_path).get(photo, first).any()
    assert masker.calls == 2


def test_a_torn_mask_is_made_anew(tmp_path):
    source = StandInPhotos(knows_product=False)
    photo = source.photos()[0]
    image = source.load(photo)
    path = ProductMasks.path(tmp_path, image)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"torn")
    assert ProductMasks(source, whole_photo, tmp_path).get(photo, image).all()
    assert read_mask(path).all()


def test_a_masker_that_is_not_installed_stops_all(tmp_path):
    def missing(image):
        raise MissingExtraError("expected a package, found none")

    source = StandInPhotos(knows_product=False)
    with pytest.raises(MissingExtraError):
        ProductMasks(source, missing, tmp_path).usable(source.photos(), progress=False)


def test_maskers_of_other_values_share_no_folder(tmp_path):
    one = {"_target_": "some.place.Masker", "threshold": 0.5}
    folder = mask_folder(tmp_path, one)
    assert folder.name.startswith("Masker-")
    assert mask_folder(tmp_path, {**one, "_target_": "moved.Masker"}) == folder
    assert mask_folder(tmp_path, {**one, "threshold": 0.4}) != folder
    assert mask_folder(tmp_path, {**one, "_target_": "some.place.Other"}) != folder


def test_a_cache_that_cannot_be_written_to_costs_time_alone(tmp_path):
    (tmp_path / "file").touch()
    source = StandInPhotos(knows_product=False)
    photo = source.photos()[0]
    assert ProductMasks(source, whole_photo, tmp_path / "file" / "cache").get(photo, source.load(photo)).all()
