from dataclasses import replace

import numpy as np
import pytest
import yaml
from tests.helpers import textured_photo

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging import camera as camera_module
from falseflaw.imaging.camera import PROFILES, Camera, CameraSampler, apply_camera, transform_mask
from falseflaw.imaging.sensor import expose
from falseflaw.paths import config_dir
from falseflaw.seeding import derive_rng

FULL = Camera(
    profile="denoised",
    scale=0.8,
    blur=0.5,
    bayer="GRBG",
    shot=4e-4,
    read=1e-3,
    grain=0.6,
    denoise=0.6,
    sharpen=0.8,
    sharpen_radius=1.2,
    quality=85,
    subsampling="4:2:0",
)


def sampler(name="default", **changes):
    values = yaml.safe_load((config_dir() / "camera" / f"{name}.yaml").read_text())
    values = {key: value for key, value in values.items() if not key.startswith("_")}
    return CameraSampler(**values | changes)


@pytest.fixture
def photo():
    return textured_photo(np.random.default_rng(0), 160, 201)


def test_identity_returns_the_same_pixels(photo):
    camera = sampler("identity").draw(np.random.default_rng(0))
    assert np.array_equal(apply_camera(photo, camera, seed=3), photo)
    extremes = np.random.default_rng(1).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    assert np.array_equal(apply_camera(extremes, Camera(), seed=0), extremes)


def test_same_seed_same_photo_other_seed_other_noise(photo):
    first, again, other = (apply_camera(photo, FULL, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_a_change_stays_local(photo, profile):
    """Lens, sensor and software reach about 8 pixels; JPEG adds the chroma blocks that these touch."""
    draw = sampler(profiles={profile: 1.0})
    for index in range(6):
        camera = draw.draw(derive_rng(profile, index))
        flawed = photo.copy()
        flawed[70:100, 80:120] = (20, 200, 40)
        inside = np.zeros(photo.shape[:2], bool)
        inside[70:100, 80:120] = True
        moved = transform_mask(inside, camera)
        changed = (apply_camera(photo, camera, 5) != apply_camera(flawed, camera, 5)).any(axis=-1)
        rows, columns = np.nonzero(moved)
        near = np.zeros_like(moved)
        near[max(0, rows.min() - 24) : rows.max() + 25, max(0, columns.min() - 24) : columns.max() + 25] = (
            True
        )
        assert changed[moved].mean() > 0.95
        assert not changed[~near].any()


@pytest.mark.parametrize("shape", [(160, 201), (97, 64), (33, 35)])
def test_geometry_of_photo_and_mask_agree(shape):
    mask = np.zeros(shape, bool)
    mask[shape[0] // 4 : shape[0] // 2, shape[1] // 3 : shape[1] // 2] = True
    scene = np.repeat(np.where(mask, 255, 0)[..., None], 3, axis=-1).astype(np.uint8)
    camera = Camera(scale=0.77)
    taken = apply_camera(scene, camera, 0)
    moved = transform_mask(mask, camera)
    assert taken.shape[:2] == moved.shape == (round(0.77 * shape[0]), round(0.77 * shape[1]))
    assert (taken[moved] > 0).all()
    assert moved[taken[..., 0] > 200].all()


def test_a_hairline_survives_downscaling():
    mask = np.zeros((120, 120), bool)
    mask[:, 61] = True
    assert transform_mask(mask, Camera(scale=0.75)).any(axis=1).all()


@pytest.mark.parametrize("bayer", ["RGGB", "BGGR", "GRBG", "GBRG"])
def test_demosaicing_keeps_a_flat_color(bayer):
    """Swapped filters would swap red and blue."""
    flat = np.full((32, 41, 3), (200, 90, 30), np.uint8)
    assert np.abs(apply_camera(flat, Camera(bayer=bayer), 0).astype(int) - flat).max() <= 1


@pytest.mark.parametrize("grain", [0.0, 0.8])
def test_noise_follows_the_poisson_gaussian_model(grain):
    for level in (0.05, 0.6):
        light = np.full((200, 200, 3), level, np.float32)
        noisy = expose(light, "none", 4e-4, 2e-3, grain, np.random.default_rng(0))
        assert np.std(noisy - level) == pytest.approx(np.sqrt(4e-4 * level + 4e-6), rel=0.03)
        neighbors = np.corrcoef((noisy[:, 1:] - level).ravel(), (noisy[:, :-1] - level).ravel())[0, 1]
        assert abs(neighbors) < 0.02 if grain == 0 else neighbors > 0.4


def test_profiles_leave_different_traces():
    """Residual against the scene: little when clean; smoothed when denoised; grown when sharpened."""
    scene = np.full((200, 200, 3), 120, np.uint8)
    residual = {}
    for name in PROFILES:
        draw = sampler(profiles={name: 1.0}, quality=(0, 0), scale=(1, 1), bayer_probability=0.0, blur=(0, 0))
        photos = [apply_camera(scene, draw.draw(derive_rng(name, i)), i).astype(float) for i in range(12)]
        noise = [taken - taken.mean(axis=(0, 1)) for taken in photos]
        power = np.mean([value.var() for value in noise])
        step = np.mean([np.diff(value, axis=1).var() for value in noise])
        residual[name] = (power, step / (2 * power + 1e-9))  # second: 1 for white noise, less when smooth
    assert residual["clean"][0] < 0.5 * min(residual["correlated"][0], residual["sharpened"][0])
    assert residual["correlated"][1] < 0.8
    assert residual["sharpened"][1] > residual["denoised"][1]


def test_draws_are_in_range_varied_and_repeatable():
    draw = sampler()
    cameras = [draw.draw(derive_rng("camera", i)) for i in range(300)]
    assert cameras == [draw.draw(derive_rng("camera", i)) for i in range(300)]
    assert {camera.profile for camera in cameras} == set(PROFILES)
    assert {camera.subsampling for camera in cameras} == {"4:2:0", "4:4:4"}
    assert {camera.bayer for camera in cameras} == {"none", "RGGB", "BGGR", "GRBG", "GBRG"}
    assert all(0.75 <= camera.scale <= 1 and 70 <= camera.quality <= 98 for camera in cameras)
    assert all(camera.denoise == 0 for camera in cameras if camera.profile in {"clean", "correlated"})
    assert all((camera.grain > 0) == (camera.profile == "correlated") for camera in cameras)


def test_a_weight_of_zero_is_never_drawn():
    draw = sampler(profiles={"clean": 0.0, "denoised": 1.0, "sharpened": 0.0})
    assert {draw.draw(derive_rng(i)).profile for i in range(50)} == {"denoised"}


def test_json_round_trip():
    drawn = sampler().draw(derive_rng("json"))
    assert Camera.from_json(drawn.to_json()) == drawn
    assert apply_camera(np.zeros((32, 32, 3), np.uint8), drawn, 1).dtype == np.uint8


@pytest.mark.parametrize("text", ["", "[1]", "null", '{"lens": 1}', '{"scale": "big"}', "{"])
def test_json_that_is_no_camera(text):
    with pytest.raises(InvalidDataError, match="expected JSON with a camera's"):
        Camera.from_json(text)


@pytest.mark.parametrize(
    "changes",
    [
        {"scale": 0.0},
        {"scale": 1.2},
        {"blur": -1.0},
        {"shot": float("nan")},
        {"bayer": "RGBW"},
        {"denoise": 1.5},
        {"quality": 101},
        {"subsampling": "4:1:1"},
        {"sharpen_radius": 0.0},
    ],
)
def test_impossible_cameras_are_refused(changes):
    with pytest.raises(ConfigurationError, match="expected"):
        replace(FULL, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"scale": [0.9, 0.5]},
        {"scale": [0.5, 1.5]},
        {"quality": [70]},
        {"profiles": {"broken": 1}},
        {"profiles": {"clean": -1}},
        {"profiles": {"clean": 0}},
        {"bayer_probability": 2},
    ],
)
def test_impossible_ranges_are_refused(changes):
    with pytest.raises(ConfigurationError, match="expected"):
        sampler(**changes)


def test_a_photo_that_would_vanish_is_refused():
    with pytest.raises(InvalidDataError, match=str(camera_module.MIN_SIDE)):
        apply_camera(np.zeros((20, 300, 3), np.uint8), Camera(scale=0.5), 0)
