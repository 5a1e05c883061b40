import numpy as np
import pytest

from falseflaw.errors import ConfigurationError
from falseflaw.imaging.laundering import augmentation as augment
from falseflaw.imaging.laundering.augmentation import RandomLaundering
from falseflaw.imaging.laundering.screenshot.simulated import SimulatedScreenshot
from falseflaw.types import Image, Mask

NEVER = {
    **{"color": 0, "blur": 0, "noise": 0, "resize": 0, "rescale": 0, "compression": 0},
    **{"share": 1, "first_save": 0},
}


@pytest.fixture
def photo() -> tuple[Image, Mask]:
    rng = np.random.default_rng(0)
    y, x = np.mgrid[0:96, 0:120]
    image = np.clip(120 + 60 * np.sin(x / 9)[..., None] + rng.normal(0, 6, (96, 120, 3)), 0, 255)
    return image.astype(np.uint8), (abs(y - 40) < 12) & (abs(x - 70) < 15)


def test_a_seed_is_all_there_is(photo: tuple[Image, Mask]) -> None:
    first, second = (
        RandomLaundering(screenshot=SimulatedScreenshot(pixel_ratios=(1.0,)), screenshot_share=0.3)
        for _ in range(2)
    )
    results = [first(*photo, seed) for seed in range(12)]
    for seed in reversed(range(12)):  # another object, another order
        image, mask = second(*photo, seed)
        np.testing.assert_array_equal(image, results[seed][0])
        np.testing.assert_array_equal(mask, results[seed][1])
    assert len({image.tobytes() for image, _ in results}) > 6


def test_pixels_and_mask_keep_their_types_and_share_a_size(photo: tuple[Image, Mask]) -> None:
    before = photo[0].copy()
    launder = RandomLaundering(screenshot=SimulatedScreenshot(pixel_ratios=(1.0,)), screenshot_share=0.3)
    for seed in range(20):
        image, mask = launder(*photo, seed)
        assert (image.dtype, mask.dtype) == (np.uint8, np.bool_)
        assert image.shape == (*mask.shape, 3)
        assert mask.any()
        assert image.flags.c_contiguous
    np.testing.assert_array_equal(photo[0], before)


def test_nothing_happens_when_nothing_may(photo: tuple[Image, Mask]) -> None:
    for launder in (RandomLaundering(**NEVER), RandomLaundering(share=0)):
        for seed in range(5):
            np.testing.assert_array_equal(launder(*photo, seed)[0], photo[0])


def test_the_share_of_untouched_photos_is_as_said(photo: tuple[Image, Mask]) -> None:
    launder = RandomLaundering(**{**NEVER, "color": 1.0, "share": 0.6})
    small = photo[0][:40, :40], photo[1][:40, :40]
    touched = sum(not np.array_equal(launder(*small, seed)[0], small[0]) for seed in range(300))
    assert 150 < touched < 210


def test_resizing_covers_its_range_evenly_in_logarithms_and_the_mask_follows(
    photo: tuple[Image, Mask],
) -> None:
    # With nested albumentations transforms of one seed, factors would pile up at the lower end.
    launder = RandomLaundering(**{**NEVER, "resize": 0.4, "resize_range": (0.4, 2.5)})
    factors = []
    for seed in range(200):
        image, mask = launder(*photo, seed)
        factor = image.shape[1] / photo[0].shape[1]
        assert launder.factor(seed) == pytest.approx(factor, abs=0.01)
        if image.shape != photo[0].shape:
            factors.append(factor)
        assert mask.mean() == pytest.approx(photo[1].mean(), rel=0.2)
        rows, columns = np.nonzero(mask)
        assert rows.mean() / factor == pytest.approx(40, abs=1.5)
        assert columns.mean() / factor == pytest.approx(70, abs=1.5)
    assert 55 < len(factors) < 105
    assert min(factors) < 0.5
    assert max(factors) > 2
    assert np.mean(np.array(factors) > 1) == pytest.approx(0.5, abs=0.15)


def test_the_factor_is_known_before_with_screenshots_too(photo: tuple[Image, Mask]) -> None:
    screenshot = SimulatedScreenshot(pixel_ratios=(1.0,), scale=(0.6, 3.3), max_offset=0)
    launder = RandomLaundering(
        share=0.8, resize=0.6, resize_range=(0.3, 3.5), screenshot=screenshot, screenshot_share=0.5
    )
    factors = []
    for seed in range(60):
        image, _ = launder(*photo, seed)
        factors.append(launder.factor(seed))
        assert image.shape[1] == pytest.approx(factors[-1] * photo[0].shape[1], abs=3)
    assert min(factors) >= 0.3
    assert max(factors) <= 3.5 + 1e-9
    assert factors.count(1.0) > 5


def test_several_masks_go_the_way_of_one(photo: tuple[Image, Mask]) -> None:
    image, mask = photo
    other = np.roll(mask, 9, axis=1)
    launder = RandomLaundering(screenshot=SimulatedScreenshot(pixel_ratios=(1.0,)), screenshot_share=0.5)
    for seed in range(12):
        together, both = launder(image, np.stack([mask, other], axis=-1), seed)
        alone, followed = launder(image, mask, seed)
        np.testing.assert_array_equal(together, alone)
        np.testing.assert_array_equal(both[..., 0], followed)
        np.testing.assert_array_equal(both[..., 1], launder(image, other, seed)[1])


def test_every_kernel_resizes_and_lanczos_is_none_of_them(photo: tuple[Image, Mask]) -> None:
    assert "lanczos" not in augment.KERNELS
    resized = {name: kernel(photo[0], 48, 50) for name, kernel in augment.KERNELS.items()}
    assert len(resized) >= 6
    assert {image.shape for image in resized.values()} == {(48, 50, 3)}
    assert {image.dtype for image in resized.values()} == {np.dtype(np.uint8)}
    assert len({image.tobytes() for image in resized.values()}) == len(resized)


def test_a_degraded_photo_keeps_its_size_and_never_its_pixels(photo: tuple[Image, Mask]) -> None:
    launder = RandomLaundering(share=0, resize=1.0, screenshot_share=1.0, jpeg_quality=(50, 60))
    results = [launder.degrade(photo[0], seed) for seed in range(10)]
    for seed, image in enumerate(results):
        assert image.shape == photo[0].shape
        assert (image != photo[0]).any()
        np.testing.assert_array_equal(image, launder.degrade(photo[0], seed))
    assert len({image.tobytes() for image in results}) == 10


def test_twins_go_through_the_same(photo: tuple[Image, Mask]) -> None:
    # Only where the photos differ, and as far as blur reaches, may the results differ.
    image, mask = photo
    twin = image.copy()
    twin[mask] //= 2
    launder = RandomLaundering(**{**NEVER, "noise": 1.0, "blur": 0.5, "blur_sigma": (0.3, 0.5)})
    for seed in range(8):
        first, second = launder(image, mask, seed)[0], launder(twin, mask, seed)[0]
        np.testing.assert_array_equal(first[:, :50], second[:, :50])
        assert not np.array_equal(first, second)


def test_saving_comes_after_resizing_and_never_as_avif(
    photo: tuple[Image, Mask], monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    real = augment._apply

    def spy(step: augment._Step, image: Image, seed: int) -> Image:
        happened.append(step[0])
        return real(step, image, seed)

    def resize(image: Image, mask: Mask, *_: object) -> tuple[Image, Mask]:
        happened.append("resize")
        return image, mask

    def screenshot(image: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
        happened.append("screenshot")
        return image, mask

    monkeypatch.setattr(augment, "_apply", spy)
    monkeypatch.setattr(augment, "_resize", resize)
    RandomLaundering(share=1, screenshot=screenshot, screenshot_share=1.0)(*photo, 1)
    before = ["color", "blur", "noise", "rescale", "first_save"]
    assert happened == [*before, "resize", "screenshot", "jpeg", "webp"]


@pytest.mark.parametrize(("share", "suffix"), [(0.0, "jpeg"), (1.0, "webp")])
def test_lower_quality_strays_further(photo: tuple[Image, Mask], share: float, suffix: str) -> None:
    errors = []
    for quality in (30, 90):
        pair = (quality, quality)
        launder = RandomLaundering(
            **{**NEVER, "compression": 1}, webp_share=share, jpeg_quality=pair, webp_quality=pair
        )
        image, mask = launder(*photo, 0)
        np.testing.assert_array_equal(mask, photo[1])
        errors.append(np.abs(image.astype(float) - photo[0]).mean())
    assert errors[0] > errors[1] > 0


def test_tiny_photos_survive() -> None:
    launder = RandomLaundering(share=1, resize=1, rescale=1, blur=1, compression=1)
    for height, width in ((1, 1), (3, 200), (31, 40), (33, 33)):
        image, mask = launder(np.zeros((height, width, 3), np.uint8), np.ones((height, width), bool), 0)
        assert image.shape[:2] == mask.shape
        assert min(mask.shape) >= 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"blur": 1.5}, "expected blur in"),
        ({"resize_range": (1.3, 0.5)}, "resize_range as two ascending values"),
        ({"jpeg_quality": (0, 90)}, "jpeg_quality"),
        ({"webp_quality": (50,)}, "webp_quality"),
    ],
)
def test_one_line_for_values_out_of_range(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        RandomLaundering(**arguments)
