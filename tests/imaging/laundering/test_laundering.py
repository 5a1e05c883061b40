import numpy as np
import pytest
from tests.helpers import textured_photo

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging import codec
from falseflaw.imaging.laundering.base import Identity, check_suite, launder, resize_mask_by_half
from falseflaw.imaging.laundering.chain import Chain
from falseflaw.imaging.laundering.geometry import Crop, Rotate
from falseflaw.imaging.laundering.recompress import Avif, DoubleJpeg, Jpeg, WebP
from falseflaw.imaging.laundering.resize import KERNELS, Resize
from falseflaw.imaging.laundering.screenshot.simulated import SimulatedScreenshot
from falseflaw.seeding import derive_rng

ALL = (
    Identity(),
    Jpeg(80),
    Jpeg(60, "4:4:4"),
    DoubleJpeg(60, 80),
    WebP(80),
    Avif(60),
    Resize(0.5),
    Resize(1.7, "lanczos"),
    Crop(0.95),
    Rotate(2),
    SimulatedScreenshot(),
    Chain((Resize(0.8), Jpeg(75), SimulatedScreenshot())),
)
PAGE = SimulatedScreenshot(whole_page=True)


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


@pytest.mark.parametrize("laundering", [*ALL, PAGE, Rotate(45)], ids=lambda item: item.name)
@pytest.mark.parametrize("corner", [(0, 0), (0, 130), (96, 0), (96, 130), (48, 65)])
def test_a_mask_of_one_pixel_never_vanishes(laundering, photo, corner) -> None:
    tiny = np.zeros(photo.shape[:2], bool)
    tiny[corner] = True
    for key in "abc":
        assert launder(laundering, photo, tiny, key)[1].any()


@pytest.mark.parametrize("laundering", [*ALL, PAGE, Rotate(45)], ids=lambda item: item.name)
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


def test_enlarging_stops_at_the_most_pixels_and_never_shrinks() -> None:
    resize = Resize(3.0, most_pixels=40_000)
    assert resize.name == "resize_3_to_0.04mp"
    for before, after in (((50, 40), (150, 120)), ((100, 100), (200, 200)), ((300, 200), (300, 200))):
        image = np.zeros((*before, 3), np.uint8)
        large, mask = resize(image, np.ones(before, bool), np.random.default_rng(0))
        assert large.shape[:2] == mask.shape == after


def test_resize_mask_agrees_with_counting_block_by_block() -> None:
    mask = derive_rng("blocks").random((60, 90)) < 0.4
    blocks = mask.reshape(20, 3, 30, 3).mean(axis=(1, 3))
    assert np.array_equal(resize_mask_by_half(mask, 20, 30), blocks >= 0.5)


@pytest.mark.parametrize("factor", [0.35, 0.628, 0.7, 0.85, 1.3, 1.5, 2.0])
def test_resize_mask_keeps_the_area_of_a_square_at_odd_factors(factor) -> None:
    mask = np.zeros((300, 400), bool)
    mask[101:161, 53:113] = True
    small = resize_mask_by_half(mask, round(300 * factor), round(400 * factor))
    assert small.sum() ** 0.5 == pytest.approx(60 * factor, abs=0.75)
    rows, columns = np.nonzero(small)
    assert rows.mean() + 0.5 == pytest.approx(131 * factor, abs=0.5)
    assert columns.mean() + 0.5 == pytest.approx(83 * factor, abs=0.5)


def test_resize_mask_keeps_a_hairline_when_shrinking_much() -> None:
    line = np.zeros((4000, 4000), bool)
    line[1234, 7] = True
    small = resize_mask_by_half(line, 4, 4)
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


def test_a_whole_page_shows_the_photo_unchanged_within_bars_and_text(photo, mask) -> None:
    exact = SimulatedScreenshot(pixel_ratios=(1.0,), scale=(1.0, 1.0), gamma=(1.0, 1.0), gain=0.0,
                                jpeg_share=0.0, rounded_share=0.0, whole_page=True)  # fmt: skip
    assert exact.name == "screenshot_x1_page"
    for key in "abc":
        screen, followed = launder(exact, photo, mask, key)
        top, left = (int(places.min()) for places in np.nonzero(followed))
        window = slice(top - 20, top - 20 + 97), slice(left - 40, left - 40 + 131)
        assert np.array_equal(screen[window], photo)
        assert np.array_equal(followed[window], mask)
        assert followed.sum() == mask.sum()
        bar, page = screen[1, -1].astype(int), screen[60, 1].astype(int)
        assert np.abs(bar - page).max() > 5
        screen[window] = page
        assert np.std(screen[54 : top - 20].astype(float)) > 5  # text


def test_the_display_path_scales_chroma_and_keeps_luma() -> None:
    photo = np.full((64, 64, 3), (180, 120, 100), np.uint8)
    mask = np.zeros((64, 64), bool)
    plain = {"pixel_ratios": (1.0,), "scale": (1.0, 1.0), "gamma": (1.0, 1.0), "gain": 0.0, "max_offset": 0,
             "jpeg_share": 0.0, "rounded_share": 0.0}  # fmt: skip
    luma = np.array((0.299, 0.587, 0.114))
    for factor in (0.2, 0.5, 1.2):
        shot = SimulatedScreenshot(**plain, saturation=(factor, factor))
        color = launder(shot, photo, mask, "x")[0][32, 32].astype(float)
        assert color @ luma == pytest.approx(photo[0, 0] @ luma, abs=1.5)
        assert color[0] - color[2] == pytest.approx(factor * 80, abs=1.5)


def test_double_jpeg_is_two_saves_with_a_cut_in_between(photo, mask) -> None:
    aligned = launder(DoubleJpeg(60, 80, shifted=False), photo, mask, "x")[0]
    once = codec.decode(codec.encode_jpeg(photo, 60))
    assert np.array_equal(aligned, codec.decode(codec.encode_jpeg(once, 80)))
    shifts = set()
    for key in range(60):
        image, followed = launder(DoubleJpeg(60, 80), photo, mask, str(key))
        top, left = 97 - image.shape[0], 131 - image.shape[1]
        shifts |= {("top", top), ("left", left)}
        assert np.array_equal(image, codec.decode(codec.encode_jpeg(once[top:, left:], 80)))
        assert np.array_equal(followed, mask[top:, left:])
    assert shifts == {(side, cut) for side in ("top", "left") for cut in range(1, 8)}


def test_crop_is_a_window_anywhere_in_the_photo(photo, mask) -> None:
    number = np.arange(97 * 131).reshape(97, 131)
    coded = np.stack([number % 256, number // 256, np.zeros_like(number)], axis=-1).astype(np.uint8)
    corners = set()
    for key in range(60):
        image, followed = launder(Crop(0.9), coded, mask, str(key))
        assert image.shape == (87, 118, 3)
        top, left = divmod(int(image[0, 0, 0]) + 256 * int(image[0, 0, 1]), 131)
        assert np.array_equal(image, coded[top : top + 87, left : left + 118])
        assert np.array_equal(followed, mask[top : top + 87, left : left + 118])
        corners.add((top, left))
    rows, columns = ({corner[axis] for corner in corners} for axis in (0, 1))
    assert (min(rows), max(rows), min(columns), max(columns)) == (0, 10, 0, 13)


def test_rotation_by_a_quarter_of_pi_of_a_square_keeps_the_inscribed_one() -> None:
    photo = np.zeros((200, 200, 3), np.uint8)
    photo[:100] = 255  # the upper half
    upper = photo[..., 0] > 0
    seen = set()
    for key in range(12):
        image, followed = launder(Rotate(45), photo, upper, str(key))
        assert image.shape[:2] == (141, 141)  # 200 / sqrt(2)
        left, right = image[70, 5, 0], image[70, 135, 0]
        assert {int(left), int(right)} == {0, 255}  # the horizon runs along the diagonal
        assert followed.mean() == pytest.approx(0.5, abs=0.01)
        assert ((image[..., 0] > 127) == followed).mean() > 0.99
        seen.add(left > right)
    assert seen == {True, False}


@pytest.mark.parametrize("degrees", [1, 2, 10])
def test_rotation_shows_nothing_but_the_photo(degrees) -> None:
    image, _ = launder(Rotate(degrees), np.full((97, 131, 3), 200, np.uint8), np.zeros((97, 131), bool), "x")
    assert (image == 200).all()
    assert image.shape[1] / image.shape[0] == pytest.approx(131 / 97, rel=0.02)


def test_chain_is_its_steps_in_order(photo, mask) -> None:
    chain = Chain((Resize(0.5), Jpeg(60)))
    image, followed = launder(chain, photo, mask, "x")
    step, half = Resize(0.5)(photo, mask, derive_rng("unused"))
    assert np.array_equal(image, codec.decode(codec.encode_jpeg(step, 60)))
    assert np.array_equal(followed, half)
    assert chain.name == "resize_0.5+jpeg60"
    assert not chain.unseen
    assert Chain((Jpeg(60), Avif(50))).unseen
    assert Chain((Jpeg(60),), label="chain_x").name == "chain_x"


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
        lambda: Chain(({"_target_": "x"},)),
        lambda: DoubleJpeg(0, 80),
        lambda: DoubleJpeg(80, 101),
        lambda: Crop(0),
        lambda: Crop(1.1),
        lambda: Rotate(0),
        lambda: Rotate(46),
        lambda: Rotate(1, "lanczos"),
        lambda: SimulatedScreenshot(scale=(1.0, 0.5)),
        lambda: SimulatedScreenshot(pixel_ratios=()),
        lambda: SimulatedScreenshot(max_offset=20),
        lambda: SimulatedScreenshot(jpeg_share=1.5),
        lambda: SimulatedScreenshot(quality=(80, 120)),
        lambda: SimulatedScreenshot(saturation=(1.1, 0.9)),
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


@pytest.mark.parametrize("kernel", KERNELS)
def test_kernels_give_distinct_names_and_sizes(kernel, photo, mask) -> None:
    image, _ = launder(Resize(0.31, kernel), photo, mask, "x")
    assert image.shape[:2] == (30, 41)
