"""The chat in a real browser, at the width of a desk and of a phone."""

import json
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.chat.conftest import FACT
from tests.runtime.red import gray_photo, spotted_photo

from falseflaw.chat.serve import Address, serving
from falseflaw.chat.uploads import Limits
from falseflaw.evidence.look import Examiner
from falseflaw.imaging import codec
from falseflaw.imaging.laundering.screenshot.chromium import installed_chromium
from falseflaw.runtime.predictor import Predictor

pytest.importorskip("gradio")
playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.slow

NAME = "<img src=x onerror=alert(1)> [a](b).png"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    executable = installed_chromium()
    if executable is None:
        pytest.skip("no Chromium")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def served(chat_bundle: Path, chat_predictor: Predictor) -> Iterator[tuple[str, Path]]:
    examiner = replace(Examiner.of(chat_bundle, chat_predictor.info), read_facts=lambda data: [FACT])
    with serving(chat_predictor, examiner, Limits(), Address(), "en") as url:
        root = Path(os.environ["GRADIO_TEMP_DIR"])
        yield url, root
    assert not root.exists()


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    files = {NAME: spotted_photo(120, 160, 10, 20), "fine.png": gray_photo(120, 160)}
    for name, image in files.items():
        codec.write_atomic(tmp_path / name, codec.encode_png(image))
    return [tmp_path / name for name in files]


def luminance(color: str) -> float:
    """Returns how light a CSS color such as `rgb(1, 2, 3)` is, from 0 to 1, as WCAG 2 defines it."""
    shares = [int(part) / 255 for part in re.findall(r"\d+", color)[:3]]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_answers_are_read_by_day_and_by_night(browser: Any, served: tuple[str, Path], scheme: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800}, locale="en-US", color_scheme=scheme)
    page.goto(served[0])
    page.locator("#box textarea").fill("why?")
    page.locator("#box textarea").press("Enter")
    answer = page.locator("#chat .bot p").first
    answer.wait_for()
    colors = answer.evaluate(
        "p => [getComputedStyle(p).color, getComputedStyle(p.closest('.bot')).backgroundColor]"
    )
    dark, light = sorted(map(luminance, colors))
    assert (light + 0.05) / (dark + 0.05) > 7
    page.close()


@pytest.mark.parametrize("size", [(1280, 900), (390, 800)], ids=["desk", "phone"])
def test_from_a_dropped_photo_to_its_evidence(
    browser: Any, served: tuple[str, Path], photos: list[Path], size: tuple[int, int], tmp_path: Path
) -> None:
    url, root = served
    page = browser.new_page(viewport={"width": size[0], "height": size[1]}, locale="en-US")
    page.set_default_timeout(60_000)
    elsewhere: list[str] = []
    page.on("request", lambda request: elsewhere.append(request.url))
    page.on("dialog", lambda dialog: pytest.fail("a script of a file name ran"))
    page.goto(url)
    page.locator("#box textarea").wait_for()

    page.set_input_files("#box input[type=file]", photos)
    page.locator("#box .thumbnail-item").nth(1).wait_for()
    page.locator("#box textarea").press("Enter")
    chat = page.locator("#chat")
    chat.get_by_text("No sign of alteration").wait_for()
    assert chat.get_by_text("Traces of alteration").count() == 1
    picture = chat.locator("img").first
    page.wait_for_function("image => image.naturalWidth === 160", arg=picture.element_handle())
    assert chat.locator("img[src=x]").count() == 0
    assert picture.get_attribute("alt") == "The photo with what the detector marks"
    # An answer is read from its first line on, however long it is, and the box stays in sight below it.
    bounds = chat.get_by_role("heading", name="Traces of alteration").bounding_box()
    box = page.locator("#box").bounding_box()
    assert 0 < bounds["y"] < size[1] / 2
    assert box["y"] + box["height"] < size[1]
    assert chat.locator("[data-testid=bot][aria-label]").count() == 0

    page.get_by_role("button", name="Why?", exact=True).click()
    chat.get_by_text("0.900 on as altered").first.wait_for()
    page.locator("#box textarea").fill("what does the file of photo 1 say?")
    page.locator("#box textarea").press("Enter")
    chat.get_by_text("maker: [A](http://b)").wait_for()

    for ending in (".json", ".html"):
        with page.expect_download() as caught:
            chat.locator(f'a[href*="{ending}"]').first.click()
        caught.value.save_as(tmp_path / f"evidence{ending}")
    assert json.loads((tmp_path / "evidence.json").read_bytes())["finding"]["verdict"] == "altered"
    assert "<!DOCTYPE html>" in (tmp_path / "evidence.html").read_text("utf-8")

    page.get_by_text("中文").click()
    page.get_by_text("照片只留在本机").wait_for()
    page.wait_for_function("document.documentElement.lang === 'zh-Hans'")
    page.locator("#box textarea").fill("为什么？")
    page.locator("#box textarea").press("Enter")
    chat.get_by_text("这并不能证明").first.wait_for()

    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert [address for address in elsewhere if not address.startswith((url, "data:", "blob:"))] == []
    visitors = set(root.glob("visitor-*"))
    assert len(visitors) == 1
    assert not any(path.name == "fine.png" for path in root.rglob("*"))
    page.close()
    deadline = browser.new_page()
    for _ in range(100):
        if not any(folder.exists() for folder in visitors):
            break
        deadline.wait_for_timeout(200)
    deadline.close()
    assert not any(folder.exists() for folder in visitors)
