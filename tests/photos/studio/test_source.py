from __future__ import annotations

import hashlib
import pickle
from collections import Counter

import numpy as np
import pytest

from falseflaw.errors import ConfigurationError, UnreadableImageError
from falseflaw.photos.source import Photo
from falseflaw.photos.studio.shapes import SHAPES
from falseflaw.photos.studio.source import StudioPhotos


def _digest(source: StudioPhotos, photo: Photo) -> str:
    return hashlib.sha256(source.load(photo).tobytes() + source.product_mask(photo).tobytes()).hexdigest()


def test_same_arguments_same_bytes_whatever_the_order():
    first, second = StudioPhotos(12, 120, 160, seed=5), StudioPhotos(12, 120, 160, seed=5)
    photos = first.photos()
    forward = [_digest(first, photo) for photo in photos]
    backward = [_digest(second, photo) for photo in reversed(second.photos())]
    assert forward == backward[::-1]
    assert len(set(forward)) == len(photos)
    other = StudioPhotos(12, 120, 160, seed=6)
    assert _digest(other, other.photos()[0]) not in forward


def test_more_photos_leave_the_first_ones_as_they_are():
    few, many = StudioPhotos(4, 96, 128), StudioPhotos(40, 96, 128)
    assert few.photos() == many.photos()[:4]
    assert _digest(few, few.photos()[3]) == _digest(many, many.photos()[3])


def test_contributors_show_one_product_in_two_or_three_photos():
    photos = StudioPhotos(120).photos()
    assert photos == sorted(photos, key=lambda photo: photo.photo_id)
    counts = Counter(photo.contributor for photo in photos)
    assert set(counts.values()) == {2, 3}
    assert len({(photo.contributor, photo.product) for photo in photos}) == len(counts)
    assert {photo.product for photo in photos} == set(SHAPES)


@pytest.mark.parametrize("product", sorted(SHAPES))
def test_every_product_is_rendered_whole_on_a_background(product):
    source = StudioPhotos(120, 120, 160)
    photo = next(photo for photo in source.photos() if photo.product == product)
    image, mask = source.load(photo), source.product_mask(photo)
    assert image.shape == (160, 120, 3)
    assert image.dtype == np.uint8
    assert mask.shape == (160, 120)
    assert mask.dtype == np.bool_
    assert 0.12 < mask.mean() < 0.8
    border = np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]])
    assert border.mean() < 0.03
    assert image.std() > 8


def test_mask_is_where_product_and_background_part():
    """The outline coincides with color edges: gradients there are far above those elsewhere."""
    ratios = []
    source = StudioPhotos(60, 240, 320)
    for photo in source.photos()[::5]:
        gray, mask = source.load(photo).astype(float).mean(axis=2), source.product_mask(photo)
        step = np.abs(np.diff(gray, axis=1))
        outline = mask[:, 1:] != mask[:, :-1]
        ratios.append(step[outline].mean() / step[~outline].mean())
    assert np.median(ratios) > 2.5


@pytest.mark.parametrize(("width", "height"), [(32, 32), (97, 61), (640, 360), (960, 1280)])
def test_any_resolution(width, height):
    source = StudioPhotos(2, width, height)
    photo = source.photos()[0]
    assert source.load(photo).shape == (height, width, 3)
    assert source.product_mask(photo).any()


def test_resolution_shows_the_same_scene():
    small, large = StudioPhotos(8, 120, 160), StudioPhotos(8, 480, 640)
    for photo in small.photos()[::3]:
        reduced = large.product_mask(photo).reshape(160, 4, 120, 4).mean(axis=(1, 3)) > 0.5
        assert (reduced != small.product_mask(photo)).mean() < 0.01
        means = [source.load(photo).mean(axis=(0, 1)) for source in (small, large)]
        assert np.abs(means[0] - means[1]).max() < 8


def test_fabric_has_fine_texture():
    """Detectors look at fine detail, so a rendered cloth must not be smooth."""
    source = StudioPhotos(60)
    for photo in source.photos()[::9]:
        gray, mask = source.load(photo).astype(float).mean(axis=2), source.product_mask(photo)
        bend = np.abs(2 * gray[:, 1:-1] - gray[:, :-2] - gray[:, 2:])
        assert np.median(bend[mask[:, 1:-1]]) > 1.0


@pytest.mark.parametrize(
    "arguments", [{"count": 0}, {"count": -3}, {"width": 16}, {"height": 100_000}, {"width": 0}]
)
def test_impossible_sizes_are_refused(arguments):
    with pytest.raises(ConfigurationError, match=f"photos.{next(iter(arguments))}"):
        StudioPhotos(**arguments)


@pytest.mark.parametrize("photo_id", ["studio/00009", "studio/x", "clothing/1", "studio/", "studio/-1"])
def test_foreign_photos_are_refused(photo_id):
    with pytest.raises(UnreadableImageError, match="expected a photo of this studio"):
        StudioPhotos(3).load(Photo(photo_id, "studio-000", "hat"))


def test_callers_cannot_spoil_the_cache():
    source = StudioPhotos(2, 64, 64)
    photo = source.photos()[0]
    before = source.load(photo)
    source.load(photo)[:] = 0
    source.product_mask(photo)[:] = False
    assert (source.load(photo) == before).all()
    assert source.product_mask(photo).any()


def test_photos_may_be_of_many_sizes():
    source = StudioPhotos(8, 64, 96, 0, enlarge=3)
    sizes = [source.load(photo).shape[:2] for photo in source.photos()]
    assert len(set(sizes)) == 8
    assert all(96 <= height <= 288 and 64 <= width <= 192 for height, width in sizes)
    assert pickle.loads(pickle.dumps(source)).load(source.photos()[3]).shape[:2] == sizes[3]
    photo = source.photos()[5]
    assert source.product_mask(photo).shape == sizes[5]
    for wrong in (0.5, 200):
        with pytest.raises(ConfigurationError, match=r"photos\.enlarge"):
            StudioPhotos(8, 64, 96, 0, enlarge=wrong)
