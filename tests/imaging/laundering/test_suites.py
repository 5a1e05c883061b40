"""The shipped suites: what they hold, that masks move as photos do, and which launderings training knows."""

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf
from scipy import ndimage
from tests.helpers import textured_photo

from falseflaw.imaging.laundering import augmentation as augment
from falseflaw.imaging.laundering.base import Identity, Laundering, check_suite, launder
from falseflaw.imaging.laundering.chain import Chain
from falseflaw.imaging.laundering.geometry import Crop
from falseflaw.imaging.laundering.recompress import DoubleJpeg, Jpeg, WebP
from falseflaw.imaging.laundering.resize import Resize
from falseflaw.imaging.laundering.screenshot.simulated import SimulatedScreenshot
from falseflaw.paths import config_dir
from falseflaw.seeding import derive_rng
from falseflaw.types import Image, Mask

PATHS = sorted((config_dir() / "laundering").glob("*.yaml"))


def suite_of(name: str) -> tuple[Laundering, ...]:
    """Builds a suite as `falseflaw evaluate` does."""
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("evaluate", overrides=[f"laundering={name}"])
    return check_suite(instantiate(item) for item in config.laundering.launderings)


FULL = suite_of("full")
SIMULATED = [item for item in FULL if type(item).__module__.rpartition(".")[2] != "browser"]
"""Without launderings that need a browser; those have tests of their own."""


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_suite_builds_and_calibrates_on_launderings_that_training_knows(path) -> None:
    config = OmegaConf.load(path)
    suite = {item.name: item for item in suite_of(path.stem)}
    assert config.name == path.stem
    assert next(iter(suite)) == "identity"  # what reports open with
    assert config.calibration
    assert not any(suite[name].unseen for name in config.calibration)


@pytest.mark.parametrize(
    ("smaller", "larger"), [("smoke", "quick"), ("quick", "standard"), ("standard", "full")]
)
def test_each_suite_is_part_of_the_next_with_the_same_settings(smaller, larger) -> None:
    larger = {item.name: item for item in suite_of(larger)}
    for item in suite_of(smaller):
        assert larger[item.name] == item


@pytest.mark.parametrize(("name", "least", "most"), [("quick", 7, 9), ("standard", 18, 25), ("full", 54, 66)])
def test_suites_are_as_large_as_said(name, least, most) -> None:
    assert least <= len(suite_of(name)) <= most


def test_the_suite_that_thresholds_are_fitted_on_spans_all_scales_and_nothing_that_is_unseen() -> None:
    fitted_on = suite_of("calibration")
    factors = [item.factor for item in fitted_on if isinstance(item, Resize)]
    assert (min(factors), max(factors)) == (0.35, 3.0)
    qualities = [item.quality for item in fitted_on if isinstance(item, Jpeg)]
    assert (min(qualities), max(qualities)) == (60, 95)
    unseen = {item.name for item in FULL if item.unseen} | {
        item.name for item in suite_of("standard") if item.unseen
    }
    assert not unseen & {item.name for item in fitted_on}
    seen = {item.name: item for item in FULL}
    assert all(seen.get(item.name, item) == item for item in fitted_on)  # one name, one laundering


def test_quick_keeps_the_names_that_published_figures_bear() -> None:
    names = [item.name for item in suite_of("quick")]
    old = ["identity", "jpeg90", "jpeg80", "jpeg60", "webp80", "resize_0.5", "screenshot"]
    assert [name for name in names if name in old] == old
    assert set(names) - set(old) == {"avif60", "chain_chat_app"}


def test_full_spans_what_the_evaluation_promises() -> None:
    jpegs = {kind: [item.quality for item in FULL if isinstance(item, Jpeg) and item.subsampling == kind]
             for kind in ("4:2:0", "4:4:4")}  # fmt: skip
    assert all((max(found), min(found)) == (95, 30) for found in jpegs.values())
    webps = [item.quality for item in FULL if isinstance(item, WebP)]
    assert (max(webps), min(webps)) == (90, 50)
    for kernel in ("nearest", "bilinear", "bicubic", "lanczos"):
        factors = [item.factor for item in FULL if isinstance(item, Resize) and item.kernel == kernel]
        assert (min(factors), max(factors)) == (0.35, 2.0)
    names = {item.name for item in FULL}
    assert names >= {"rotate_1", "rotate_2", "crop_0.9", "screenshot_x1", "screenshot_x2", "screenshot_x3"}
    assert len({type(item) for item in FULL if item.unseen}) >= 5


# Fiducials: squares on gray. The same laundering of the gray photo alone takes page, text and display path
# out of the picture, so that the difference shows where the squares went, to a fraction of a pixel.
SIDE = 28
PLACES = [(row, column) for row in (120, 250, 385) for column in (90, 200, 280)]


def fiducials() -> tuple[Image, Image, Mask]:
    gray = np.full((533, 400, 3), 110, np.uint8)
    mask = np.zeros(gray.shape[:2], bool)
    for row, column in PLACES:
        mask[row : row + SIDE, column : column + SIDE] = True
    marked = gray.copy()
    marked[mask] = 235
    return gray, marked, mask


@pytest.mark.parametrize("laundering", SIMULATED, ids=lambda item: item.name)
@pytest.mark.parametrize("key", ["a", "b"])
def test_masks_follow_the_geometry_to_a_pixel(laundering, key) -> None:
    gray, marked, mask = fiducials()
    image, followed = launder(laundering, marked, mask, key)
    again, followed_again = launder(laundering, marked, mask, key)
    assert np.array_equal(image, again)
    assert np.array_equal(followed, followed_again)
    assert (image.dtype, followed.dtype, image.shape[:2]) == (np.uint8, np.bool_, followed.shape)

    plain, _ = launder(laundering, gray, mask, key)
    change = np.abs(image.astype(float) - plain).sum(axis=-1)
    change[change < 0.25 * change.max()] = 0  # ringing and blocks around the squares
    labels, count = ndimage.label(followed)
    assert count == len(PLACES)
    for number, (rows, columns) in enumerate(ndimage.find_objects(labels), start=1):
        near = (
            slice(max(0, rows.start - 6), rows.stop + 6),
            slice(max(0, columns.start - 6), columns.stop + 6),
        )
        picture = np.array(ndimage.center_of_mass(change[near]))
        carried = np.array(ndimage.center_of_mass(labels[near] == number))
        assert np.linalg.norm(picture - carried) <= 1, laundering.name
        # A mask of another size about the same center would be as wrong.
        half = change[near] > change[near].max() / 2
        assert half.sum() ** 0.5 == pytest.approx((labels == number).sum() ** 0.5, abs=1.5)


def test_the_fiducials_would_show_a_shift() -> None:
    class Shifted:
        name, severity, unseen = "shifted", 0.0, False

        def __call__(self, image, mask, rng):
            return image, np.roll(mask, (1, 1), axis=(0, 1))

    with pytest.raises(AssertionError):
        test_masks_follow_the_geometry_to_a_pixel(Shifted(), "a")


@pytest.mark.parametrize("laundering", SIMULATED, ids=lambda item: item.name)
def test_photos_smaller_than_any_block_survive(laundering) -> None:
    photo = textured_photo(derive_rng("suite"), 40, 33)
    image, mask = launder(laundering, photo, np.ones((40, 33), bool), "x")
    assert mask.any()
    assert min(image.shape[:2]) >= 8


# What training knows. `unseen` is a claim that figures rest on, so it is compared with the configuration of
# the augmentation and with the kernels in its code.
ORDER = (Crop, Resize, SimulatedScreenshot, Jpeg, WebP)
"""In which training goes through a photo: it cuts a window out, and then augmentation has its order."""


def within(values, ends) -> bool:
    return all(ends[0] <= value <= ends[1] for value in values)


def known(item: Laundering, training) -> bool:
    """Whether training photos may have gone through a laundering of this kind and strength."""
    if isinstance(item, Identity | Crop):
        return True
    if isinstance(item, Jpeg):  # in 4:4:4 too: uploads of the training set are saved so
        return within([item.quality], training.jpeg_quality)
    if isinstance(item, DoubleJpeg):  # the upload, a window off its grid, a save; and twice in screenshots
        return within([item.first, item.second], training.jpeg_quality)
    if isinstance(item, WebP):
        return within([item.quality], training.webp_quality)
    if isinstance(item, Resize):
        return item.kernel in augment.KERNELS and within([item.factor], training.resize_range)
    if isinstance(item, SimulatedScreenshot):
        low, high = (min(item.pixel_ratios) * item.scale[0], max(item.pixel_ratios) * item.scale[1])
        shown = training.screenshot
        least, most = min(shown.pixel_ratios) * shown.scale[0], max(shown.pixel_ratios) * shown.scale[1]
        return low <= most and least <= high and (not item.whole_page or bool(shown.get("whole_page")))
    if isinstance(item, Chain):
        kinds = [ORDER.index(type(step)) if type(step) in ORDER else -1 for step in item.steps]
        in_order = min(kinds) >= 0 and kinds == sorted(set(kinds))
        return in_order and all(known(step, training) for step in item.steps)
    return False  # AVIF, rotation, a browser


@pytest.mark.parametrize("laundering", FULL, ids=lambda item: item.name)
def test_unseen_is_what_training_never_shows(laundering) -> None:
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        training = compose("train").augment
    assert laundering.unseen == (not known(laundering, training))


def test_training_saves_as_nothing_but_jpeg_and_webp_and_turns_nothing() -> None:
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        launderer = instantiate(compose("train").augment)
    steps = [*launderer._before, *launderer._after]
    assert [name for name, _, _ in steps] == ["color", "blur", "noise", "rescale", "jpeg", "webp"]
    saves = [variant for _, _, variants in launderer._after for variant in variants]
    assert {variant.compression_type for variant in saves} == {"jpeg", "webp"}
    assert isinstance(launderer.screenshot, SimulatedScreenshot)
    assert not launderer.screenshot.whole_page
