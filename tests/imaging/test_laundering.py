import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from tests.helpers import textured_photo

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging import codec
from falseflaw.imaging.laundering.base import Identity, Laundering, check_suite, launder, resize_mask
from falseflaw.imaging.laundering.chain import Chain
from falseflaw.imaging.laundering.recompress import Avif, Jpeg, WebP
from falseflaw.imaging.laundering.resize import KERNELS, Resize
from falseflaw.imaging.laundering.screenshot import SimulatedScreenshot
from falseflaw.paths import config_dir
from falseflaw.seeding import derive_rng

ALL = (
    Identity(),
    Jpeg(80),
    Jpeg(60, "4:4:4"),
    WebP(80),
    Avif(60),
    Resize(0.5),
    Resize(1.7, "lanczos"),
    SimulatedScreenshot(),
    Chain((Resize(0.8), Jpeg(75), SimulatedScreenshot())),
)


@pytest.fixture
def photo() -> np.ndarray:
    return textured_photo(derive_rng("laundering-test"), 97, 131)


@pytest.fixture
def mask() -> np.ndarray:
    region = np.zeros((97, 131), bool)
    region[20:60, 40:90] = True
    return region


@pytest.mark.parametrize("laundering", ALL, ids=lambda item: item.name)
def test_is_pure_seeded_and_keeps_the_share_of_the_mask(laundering, photo, mask) -> None:
    before = photo.copy(), mask.copy()
    first, follow = launder(laundering, photo, mask, "a" * 64)
    again, follow_again = launder(laundering, photo, mask, "a" * 64)
    assert np.array_equal(first, again)
    assert np.array_equal(follow, follow_again)
    assert np.array_equal(photo, before[0])
    assert np.array_equal(mask, before[1])
    assert first.shape[:2] == follow.shape
    assert follow.mean() == pytest.approx(mask.mean(), rel=0.15)


@pytest.mark.parametrize("laundering", ALL, ids=lambda item: item.name)
def test_an_empty_mask_stays_empty_and_a_full_one_covers_the_photo(laundering, photo) -> None:
    assert not launder(laundering, photo, np.zeros(photo.shape[:2], bool), "b")[1].any()
    assert launder(laundering, photo, np.ones(photo.shape[:2], bool), "b")[1].mean() > 0.85


@pytest.mark.parametrize("laundering", ALL, ids=lambda item: item.name)
@pytest.mark.parametrize("corner", [(0, 0), (0, 130), (96, 0), (96, 130), (48, 65)])
def test_a_mask_of_one_pixel_never_vanishes(laundering, photo, corner) -> None:
    tiny = np.zeros(photo.shape[:2], bool)
    tiny[corner] = True
    for key in "abc":
        assert launder(laundering, photo, tiny, key)[1].any()


@pytest.mark.parametrize("laundering", ALL, ids=lambda item: item.name)
def test_tiny_photos_survive(laundering) -> None:
    image, mask = launder(laundering, np.full((1, 1, 3), 7, np.uint8), np.ones((1, 1), bool), "c")
    assert image.shape[0] >= 1
    assert mask.any()


def test_recompression_is_the_codec_and_loses_more_at_lower_quality(photo, mask) -> None:
    assert np.array_equal(launder(Jpeg(80), photo, mask, "x")[0], codec.decode(codec.encode_jpeg(photo, 80)))
    errors = [np.abs(launder(Jpeg(q), photo, mask, "x")[0].astype(int) - photo).mean() for q in (95, 80, 40)]
    assert errors == sorted(errors)
    assert errors[0] > 0


def test_subsampling_blurs_color_but_not_with_444() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2, 0] = 255
    stripes[:, 1::2, 2] = 255
    mask = np.zeros((64, 64), bool)
    kept, blurred = (launder(Jpeg(100, s), stripes, mask, "x")[0].astype(int) for s in ("4:4:4", "4:2:0"))
    assert np.abs(kept - stripes).mean() < 3
    assert np.abs(blurred - stripes).mean() > 30


def test_resize_halves_exactly_and_mask_follows_by_area(mask) -> None:
    even = np.zeros((100, 80, 3), np.uint8)
    region = np.zeros((100, 80), bool)
    region[20:60, 10:30] = True
    image, followed = launder(Resize(0.5, "box"), even, region, "x")
    expected = np.zeros((50, 40), bool)
    expected[10:30, 5:15] = True
    assert image.shape == (50, 40, 3)
    assert np.array_equal(followed, expected)
    doubled = launder(Resize(2.0), even, region, "x")[1]
    assert np.array_equal(doubled, np.kron(region, np.ones((2, 2), bool)))


def test_resize_mask_agrees_with_counting_block_by_block() -> None:
    mask = derive_rng("blocks").random((60, 90)) < 0.4
    blocks = mask.reshape(20, 3, 30, 3).mean(axis=(1, 3))
    assert np.array_equal(resize_mask(mask, 20, 30), blocks >= 0.5)


def test_resize_mask_keeps_a_hairline_when_shrinking_much() -> None:
    line = np.zeros((4000, 4000), bool)
    line[1234, 7] = True
    small = resize_mask(line, 4, 4)
    assert small.sum() == 1
    assert small[1, 0]


@pytest.mark.parametrize("seed", range(12))
def test_screenshot_mask_sits_where_the_picture_is(seed) -> None:
    """A red patch on a gray photo is found by color; the mask that was carried along must match it."""
    photo = np.full((160, 200, 3), 128, np.uint8)
    mask = np.zeros((160, 200), bool)
    mask[50:110, 60:130] = True
    photo[mask] = (220, 30, 30)
    image, followed = launder(SimulatedScreenshot(), photo, mask, str(seed))
    red = image[..., 0].astype(int) - image[..., 1] > 95
    assert (red & followed).sum() / (red | followed).sum() > 0.93


def test_screenshot_changes_size_and_crops_within_its_offset(photo, mask) -> None:
    fixed = SimulatedScreenshot(pixel_ratios=(2.0,), scale=(1.0, 1.0), max_offset=3)
    shapes = {launder(fixed, photo, mask, str(key))[0].shape[:2] for key in range(40)}
    assert len(shapes) > 10
    for height, width in shapes:
        assert abs(height - 194) <= 6
        assert abs(width - 262) <= 6
    exact = SimulatedScreenshot(pixel_ratios=(1.0,), scale=(1.0, 1.0), max_offset=0, gamma=(1.0, 1.0),
                                gain=0.0, jpeg_share=0.0, rounded_share=0.0)  # fmt: skip
    same, followed = launder(exact, photo, mask, "x")
    assert np.array_equal(same, photo)
    assert np.array_equal(followed, mask)


def test_screenshot_shows_the_page_beside_the_photo_when_the_crop_is_too_wide() -> None:
    photo = np.full((100, 100, 3), 100, np.uint8)
    seen = set()
    for key in range(30):
        image, _ = launder(SimulatedScreenshot(jpeg_share=0.0), photo, np.zeros((100, 100), bool), str(key))
        seen.add(len(np.unique(image[:1].reshape(-1, 3), axis=0)) > 1 or abs(int(image[0, 50, 0]) - 100) > 10)
    assert seen == {True, False}


def test_chain_is_its_steps_in_order(photo, mask) -> None:
    chain = Chain((Resize(0.5), Jpeg(60)))
    image, followed = launder(chain, photo, mask, "x")
    step, half = Resize(0.5)(photo, mask, derive_rng("unused"))
    assert np.array_equal(image, codec.decode(codec.encode_jpeg(step, 60)))
    assert np.array_equal(followed, half)
    assert chain.name == "resize_0.5+jpeg60"
    assert not chain.unseen
    assert Chain((Jpeg(60), Avif(50))).unseen


@pytest.mark.parametrize(
    "make",
    [
        lambda: Jpeg(0),
        lambda: Jpeg(101),
        lambda: Jpeg(80, "4:1:1"),
        lambda: WebP(200),
        lambda: Avif(-1),
        lambda: Resize(0),
        lambda: Resize(9),
        lambda: Resize(0.5, "sinc"),
        lambda: Chain(()),
        lambda: SimulatedScreenshot(scale=(1.0, 0.5)),
        lambda: SimulatedScreenshot(pixel_ratios=()),
        lambda: SimulatedScreenshot(max_offset=20),
        lambda: SimulatedScreenshot(jpeg_share=1.5),
        lambda: SimulatedScreenshot(quality=(80, 120)),
        lambda: check_suite([]),
        lambda: check_suite([Jpeg(80), Jpeg(80)]),
        lambda: check_suite(["jpeg80"]),
    ],
)
def test_bad_values_are_one_line(make) -> None:
    with pytest.raises(ConfigurationError) as raised:
        make()
    assert "\n" not in str(raised.value)


def test_wrong_arrays_are_refused(photo, mask) -> None:
    for image, region in (
        (photo[..., 0], mask),
        (photo.astype(float), mask),
        (photo, mask[1:]),
        (photo, mask * 1),
    ):
        with pytest.raises(InvalidDataError, match="expected"):
            launder(Identity(), image, region, "x")


@pytest.mark.parametrize(
    "path", sorted((config_dir() / "laundering").glob("*.yaml")), ids=lambda path: path.stem
)
def test_every_shipped_suite_builds_and_runs(path, photo, mask) -> None:
    config = OmegaConf.load(path)
    suite = check_suite(instantiate(item) for item in config.launderings)
    assert config.name == path.stem
    assert set(config.calibration) <= {item.name for item in suite}
    for item in suite:
        assert isinstance(item, Laundering)
        assert launder(item, photo, mask, "x")[1].any()


def test_quick_is_the_suite_of_the_issue() -> None:
    config = OmegaConf.load(config_dir() / "laundering" / "quick.yaml")
    names = [instantiate(item).name for item in config.launderings]
    assert names == ["identity", "jpeg90", "jpeg80", "jpeg60", "webp80", "resize_0.5", "screenshot"]


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_give_distinct_names_and_sizes(kernel, photo, mask) -> None:
    image, _ = launder(Resize(0.31, kernel), photo, mask, "x")
    assert image.shape[:2] == (30, 41)
