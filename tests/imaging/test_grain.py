from __future__ import annotations

import cv2
import numpy as np
import pytest
from tests.helpers import detail, textured_photo

from falseflaw.errors import InvalidDataError
from falseflaw.imaging.grain import match_grain

INSIDE = (slice(34, 90), slice(44, 110))


@pytest.fixture
def region() -> np.ndarray:
    mask = np.zeros((128, 160), bool)
    mask[30:94, 40:114] = True
    return mask


def smoothed(photo: np.ndarray, region: np.ndarray, sigma: float) -> np.ndarray:
    return np.where(region[..., None], cv2.GaussianBlur(photo, (0, 0), sigma), photo)


@pytest.mark.parametrize("with_reference", [False, True])
@pytest.mark.parametrize("sigma", [0.6, 1.5])
def test_a_smoothed_region_gets_the_energy_of_its_surroundings_back(with_reference, sigma, region):
    ratios = []
    for seed in range(16):
        rng = np.random.default_rng(seed)
        photo = textured_photo(rng, *region.shape)
        smooth = smoothed(photo, region, sigma)
        before = smooth.copy()
        grained = match_grain(smooth, region, photo if with_reference else None, rng)
        assert np.array_equal(smooth, before)
        assert np.array_equal(grained[~region], photo[~region])
        assert detail(smooth[INSIDE]) < 0.75 * detail(photo[INSIDE])
        ratios.append(detail(grained[INSIDE]) / detail(photo[INSIDE]))
    assert np.median(ratios) == pytest.approx(1, abs=0.1)
    assert max(ratios) - min(ratios) > 0.05  # the degree is drawn


def test_grain_is_never_taken_away(region):
    for seed in range(8):
        rng = np.random.default_rng(seed)
        photo = textured_photo(rng, *region.shape)
        rough = photo.copy()
        rough[region] = np.clip(photo[region] + rng.normal(0, 12, (region.sum(), 3)), 0, 255)
        grained = match_grain(rough, region, None, rng)
        assert detail(grained[INSIDE]) > 0.98 * detail(rough[INSIDE])


def test_grain_has_the_colors_and_the_coarseness_of_the_surroundings(region, rng):
    gray = cv2.GaussianBlur(rng.normal(0, 20, region.shape).astype(np.float32), (0, 0), 1.5)
    photo = np.clip(128 + gray[..., None] + np.zeros(3), 0, 255).astype(np.uint8)
    flat = np.where(region[..., None], np.uint8(128), photo)
    for seed in range(8):
        grained = match_grain(flat, region, None, np.random.default_rng(seed)).astype(np.float32)[INSIDE]
        assert np.corrcoef(grained[..., 0].ravel(), grained[..., 2].ravel())[0, 1] > 0.95
        values = grained[..., 1]
        assert np.corrcoef(values[:, 1:].ravel(), values[:, :-1].ravel())[0, 1] > 0.4


def test_grain_follows_brightness(rng):
    dark = np.arange(128)[None, :, None] < 64
    photo = np.where(dark, 60, 180) + rng.normal(0, 1, (128, 128, 3)) * np.where(dark, 8, 2)
    photo = np.clip(photo, 0, 255).astype(np.uint8)
    region = np.zeros((128, 128), bool)
    region[20:108, 20:108] = True
    flat = np.where(region[..., None], np.where(dark, 60, 180), photo).astype(np.uint8)
    for seed in range(6):
        grained = match_grain(flat, region, None, np.random.default_rng(seed))
        assert detail(grained[26:102, 26:56]) > 1.5 * detail(grained[26:102, 72:102])


def test_a_whole_photo_gets_the_grain_of_its_reference_and_none_without(region, rng):
    photo, everywhere = textured_photo(rng, *region.shape), np.ones_like(region)
    smooth = cv2.GaussianBlur(photo, (0, 0), 1)
    assert np.array_equal(match_grain(smooth, everywhere, None, rng), smooth)
    ratio = detail(match_grain(smooth, everywhere, photo, rng)) / detail(photo)
    assert ratio == pytest.approx(0.95, abs=0.2)


@pytest.mark.parametrize("side", [1, 3, 9])
def test_small_regions_at_the_corner_of_a_small_photo(side, rng):
    photo = textured_photo(rng, 10, 12)
    region = np.zeros((10, 12), bool)
    region[:side, :side] = True
    for seed in range(10):
        for reference in (None, photo):
            grained = match_grain(photo, region, reference, np.random.default_rng(seed))
            assert np.array_equal(grained[~region], photo[~region])


def test_an_empty_region_is_refused(region, rng):
    with pytest.raises(InvalidDataError, match="at least one pixel"):
        match_grain(textured_photo(rng, *region.shape), ~np.ones_like(region), None, rng)
