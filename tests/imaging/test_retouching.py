from __future__ import annotations

import cv2
import numpy as np
import pytest
from tests.helpers import detail, textured_photo

from falseflaw.imaging import retouching
from falseflaw.imaging.sensor import sharpen


@pytest.mark.parametrize(
    "smooth",
    [
        lambda image: retouching.nonlocal_means(image, 10, 10),
        lambda image: retouching.bilateral(image, 40, 1.2),
        lambda image: retouching.median(image, 3),
        lambda image: retouching.shrink_wavelets(image, 5),
        lambda image: retouching.gaussian_blur(image, 0.8),
        lambda image: retouching.defocus(image, 1.5),
        lambda image: retouching.portrait_blur(image, 2, 1.0, 0.2),
        lambda image: retouching.denoise_chroma(image, 2),
        lambda image: retouching.down_and_up(image, 0.6, "area", "bicubic"),
        lambda image: retouching.warp(image, (0.5, 0.5), 1, 1, "bilinear"),
    ],
)
def test_smoothing_takes_detail_away_and_keeps_size_and_brightness(smooth, rng):
    photo = textured_photo(rng, 61, 80)
    smoothed = smooth(photo)
    assert smoothed.shape == photo.shape
    assert smoothed.dtype == np.uint8
    assert detail(smoothed) < 0.95 * detail(photo)
    assert abs(float(smoothed.mean()) - float(photo.mean())) < 2


def test_sharpening_noise_and_local_contrast_add_detail(rng):
    photo = textured_photo(rng, 61, 80)
    edits = (
        sharpen(photo, 1, 1),
        retouching.add_noise(photo, 4, 0.8, True, rng),
        retouching.local_contrast(photo, 2, 2),
    )
    for edited in edits:
        assert detail(edited) > 1.05 * detail(photo)


def test_portrait_blur_grows_along_its_direction_and_leaves_the_near_side_as_it_is(rng):
    photo = textured_photo(rng, 64, 120)
    blurred = retouching.portrait_blur(photo, 3, 0.0, 0.5)
    assert np.array_equal(blurred[:, :59], photo[:, :59])
    assert detail(blurred[:, 100:]) < 0.6 * detail(photo[:, 100:])


def test_denoising_of_color_leaves_brightness(rng):
    photo = textured_photo(rng, 64, 64)
    before, after = (
        cv2.cvtColor(image, cv2.COLOR_RGB2YCrCb).astype(np.float32)
        for image in (photo, retouching.denoise_chroma(photo, 2))
    )
    assert np.abs(before[..., 0] - after[..., 0]).mean() < 1
    assert detail(after[..., 1]) < 0.5 * detail(before[..., 1])


def test_gray_noise_is_the_same_in_all_channels_and_has_the_strength_asked_for(rng):
    photo = np.full((100, 100, 3), 128, np.uint8)
    noise = retouching.add_noise(photo, 5, 1.0, False, rng).astype(np.float32) - 128
    assert np.array_equal(noise[..., 0], noise[..., 2])
    assert noise.std() == pytest.approx(5, rel=0.1)


@pytest.mark.parametrize("phase", [(0, 0), (3, 5), (7, 0)])
def test_recompression_puts_the_grid_of_blocks_where_it_was_told(phase, rng):
    photo = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    result = retouching.recompress(photo, 10, "4:4:4", phase).astype(np.float32)
    assert result.shape == photo.shape
    steps = np.abs(np.diff(result.mean(axis=2), axis=0)).mean(axis=1)  # (63,)
    by_row = [steps[row::8].mean() for row in range(8)]
    assert int(np.argmax(by_row)) == (phase[0] - 1) % 8


def test_neutral_strengths_change_nothing(rng):
    photo = textured_photo(rng, 40, 50)
    for same in (
        retouching.gamma_curve(photo, 1, 1),
        retouching.saturate(photo, 1),
        retouching.shrink_wavelets(photo, 0),
        retouching.warp(photo, (0, 0), 0, 1, "bicubic"),
        retouching.down_and_up(photo, 1, "area", "lanczos"),
    ):
        assert np.array_equal(same, photo)
