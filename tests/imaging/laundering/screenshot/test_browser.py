"""What real screenshots do to photos and masks. Skipped where there is no Chromium."""

import base64
import hashlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from scipy import ndimage
from tests.helpers import textured_photo
from tests.imaging.laundering.screenshot.browsers import needs_browser

from falseflaw.errors import MissingExtraError
from falseflaw.imaging import codec
from falseflaw.imaging.laundering.base import check_suite, launder
from falseflaw.imaging.laundering.screenshot import chromium
from falseflaw.imaging.laundering.screenshot.browser import BrowserScreenshot
from falseflaw.paths import config_dir
from falseflaw.seeding import derive_rng

SUITE = [instantiate(item) for item in OmegaConf.load(config_dir() / "laundering/browser.yaml").launderings]
SHOTS = [item for item in SUITE if isinstance(item, BrowserScreenshot)]
DESKTOP = SHOTS[0]


@pytest.fixture(scope="module", autouse=True)
def _close():
    yield
    chromium.close()


def photo_of(*key, height=211, width=157):
    return textured_photo(derive_rng("browser", *key), height, width)


def centered_rectangle(height, width):
    mask = np.zeros((height, width), bool)
    mask[height // 5 : height // 2, width // 4 : width // 4 * 3] = True
    return mask


def test_the_shipped_suite_holds_the_promised_screens() -> None:
    assert [item.device.pixel_ratio for item in SHOTS] == [1.0, 1.5, 2.0, 3.0]
    assert any(item.device.zoom != 1 for item in SHOTS)
    assert all(item.unseen for item in SHOTS)
    assert check_suite(SUITE)[0].name == "identity"
    factors = [item.device.factor(533, 400) for item in SHOTS]
    assert min(factors) < 0.8
    assert max(factors) > 1.5


@needs_browser
@pytest.mark.parametrize("shot", SHOTS, ids=lambda item: item.name)
def test_masks_follow_a_fiducial_pattern(shot) -> None:
    """White where the mask is, black elsewhere: in the screenshot both still agree, whatever is drawn."""
    for index, size in enumerate([(533, 400), (203, 311), (260, 240)]):
        mask = centered_rectangle(*size)
        pattern = np.repeat(mask[..., None], 3, axis=2).astype(np.uint8) * 255
        image, followed = launder(shot, pattern, mask, f"fiducial-{index}")
        white = image[..., 1] >= 128
        inner = (slice(40, -40), slice(40, -40))  # without page that the crop caught and rounded corners
        wrong = (white != followed)[inner]
        near_edge = ndimage.binary_dilation(followed) & ~ndimage.binary_erosion(followed)
        assert followed[inner].any()
        assert not (wrong & ~near_edge[inner]).any()  # at most one pixel off


@needs_browser
@pytest.mark.parametrize("shot", SHOTS, ids=lambda item: item.name)
def test_the_photo_fills_exactly_the_rectangle_that_the_mask_takes(shot) -> None:
    exact = replace(shot, max_offset=0, rounded_share=0.0, jpeg_share=0.0)
    for index, size in enumerate([(401, 299), (333, 512)]):
        magenta = np.full((*size, 3), (255, 0, 255), np.uint8)
        image, _ = launder(exact, magenta, np.ones(size, bool), f"extent-{index}")
        assert image.shape[:2] == shot.device.shown(*size)
        assert (image == (255, 0, 255)).all()
        wider, _ = launder(replace(exact, max_offset=2), magenta, np.ones(size, bool), f"extent-{index}")
        assert (wider == (255, 0, 255)).all(axis=2).any(axis=1).sum() <= image.shape[0]


@needs_browser
def test_a_photo_at_natural_size_comes_back_bit_for_bit() -> None:
    """Through PNG, the browser's color path and the screenshot: at ratio 1 nothing changes."""
    photo = photo_of("lossless")
    plain = replace(DESKTOP, max_offset=0, rounded_share=0.0, jpeg_share=0.0)
    assert np.array_equal(launder(plain, photo, np.zeros(photo.shape[:2], bool), "x")[0], photo)


@needs_browser
@pytest.mark.parametrize("saved", [0.0, 1.0], ids=["png", "jpeg"])
def test_the_crop_is_at_most_max_offset_off_and_differs_from_photo_to_photo(saved) -> None:
    photo = photo_of("offset")
    shot = replace(DESKTOP, max_offset=3, jpeg_share=saved, quality=(90, 90), rounded_share=0.0)
    shapes = []
    for key in "abcdef":
        image, mask = launder(shot, photo, np.ones(photo.shape[:2], bool), key)
        inside = image[ndimage.binary_erosion(mask, iterations=4, border_value=1)]
        assert abs(float(inside.mean()) - float(photo.mean())) < 2
        shapes.append(image.shape)
        assert all(abs(a - b) <= 6 for a, b in zip(image.shape[:2], photo.shape[:2], strict=True))
    assert len(set(shapes)) > 1


@needs_browser
def test_masks_never_vanish_and_empty_ones_stay_empty() -> None:
    photo = photo_of("corner")
    shot = replace(DESKTOP, max_offset=7)
    for corner in ((0, 0), (0, -1), (-1, 0), (-1, -1)):
        tiny = np.zeros(photo.shape[:2], bool)
        tiny[corner] = True
        for key in "ab":
            assert launder(shot, photo, tiny, key)[1].any()
    assert not launder(shot, photo, np.zeros(photo.shape[:2], bool), "c")[1].any()
    image, mask = launder(shot, np.full((1, 1, 3), 7, np.uint8), np.ones((1, 1), bool), "d")
    assert image.size
    assert mask.any()


def digest(key: str = "same") -> str:
    photo = photo_of("deterministic")
    sums = hashlib.sha256()
    for shot in (SHOTS[1], SHOTS[2]):
        for array in launder(shot, photo, centered_rectangle(*photo.shape[:2]), key):
            sums.update(array.tobytes())
    return sums.hexdigest()


@pytest.mark.slow
@needs_browser
def test_the_same_pixels_in_this_process_in_other_threads_and_in_another_process() -> None:
    first = digest()
    launder(SHOTS[3], photo_of("between"), np.zeros((211, 157), bool), "between")
    with ThreadPoolExecutor(2) as pool:
        assert set(pool.map(digest, ["same", "same"])) == {first}
    code = "from tests.imaging.laundering.screenshot.test_browser import digest; print(digest())"
    path = os.pathsep.join(entry for entry in ["", str(Path.cwd()), *sys.path] if entry)
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.stdout.strip() == first
    assert done.stderr == ""  # the browser of the process that ended made no noise
    assert digest("other") != first


@pytest.mark.slow
@needs_browser
def test_a_browser_that_broke_down_is_started_anew() -> None:
    first = digest()
    session = chromium._sessions[os.getpid()]
    chromium._on_own_thread(session.browser.close)
    assert digest() == first
    chromium.close()
    assert digest() == first


PAGE = """<!doctype html><html style="zoom:@ZOOM@"><style>*{margin:0}body{background:#f0f}</style>
<img id=i decoding=sync style="position:absolute;left:13.4px;top:21.7px;width:180.3px;height:141.2px">"""


@pytest.mark.slow
@needs_browser
def test_page_zoom_paints_what_a_screen_of_that_density_paints(tmp_path) -> None:
    """The page is zoomed in place of a denser screen; Chromium's own switch for the latter is the judge."""
    from playwright.sync_api import sync_playwright

    source = "data:image/png;base64," + base64.b64encode(codec.encode_png(photo_of("dense"))).decode()

    def pictures():
        for density in (1.65, 3.0):
            shots = []
            for flag, zoom in ((f"--force-device-scale-factor={density}", 1.0), ("--mute-audio", density)):
                browser = playwright.chromium.launch(
                    executable_path=chromium.find_chromium(),
                    args=[*chromium._FLAGS, flag, "--window-size=1000,700", "--hide-scrollbars"],
                )
                page = browser.new_context(no_viewport=True).new_page()
                page.set_content(PAGE.replace("@ZOOM@", str(zoom)))
                page.evaluate("source => { i.src = source; return i.decode() }", source)
                shots.append(codec.decode(page.screenshot()))
                browser.close()
            yield shots

    with sync_playwright() as playwright:
        for dense, zoomed in pictures():
            rows, columns = (min(a, b) for a, b in zip(dense.shape[:2], zoomed.shape[:2], strict=True))
            assert (dense[:rows, :columns] != (255, 0, 255)).any()
            assert np.array_equal(dense[:rows, :columns], zoomed[:rows, :columns])


def test_a_missing_browser_is_said_in_one_line(monkeypatch, tmp_path) -> None:
    chromium.close()
    monkeypatch.setenv(chromium.VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(MissingExtraError, match=r"FALSEFLAW_CHROMIUM=.*nowhere") as caught:
        launder(DESKTOP, photo_of("none"), np.zeros((211, 157), bool), "x")
    assert "\n" not in str(caught.value)


def test_without_chromium_or_playwright_the_message_says_what_to_install(monkeypatch, tmp_path) -> None:
    pytest.importorskip("playwright")
    chromium.close()
    monkeypatch.delenv(chromium.VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))
    with pytest.raises(MissingExtraError, match="apt-get install chromium"):
        chromium.find_chromium()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'falseflaw\[browser\]'"):
        chromium.find_chromium()


@needs_browser
def test_a_browser_that_does_not_start_is_said_in_one_line(monkeypatch) -> None:
    chromium.close()
    monkeypatch.setenv(chromium.VARIABLE, "true")
    with pytest.raises(MissingExtraError, match=r"does not start.*apt-get install chromium") as caught:
        chromium.version()
    assert "\n" not in str(caught.value)
    monkeypatch.delenv(chromium.VARIABLE)
    assert DESKTOP.versions() == {"chromium": chromium.version()}
