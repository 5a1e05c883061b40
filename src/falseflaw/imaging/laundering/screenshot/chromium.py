"""The Chromium of this process: found, started when first needed, driven by Playwright on one thread."""

from __future__ import annotations

import base64
import contextlib
import importlib.resources
import importlib.util
import math
import os
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from falseflaw.errors import MissingExtraError
from falseflaw.imaging.laundering.screenshot.device import Device

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

_Result = TypeVar("_Result")

VARIABLE = "FALSEFLAW_CHROMIUM"
"""Environment variable that names the browser's executable and goes before every other place."""

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS = (
    "--no-sandbox",  # of no use to a root user in a container, where it does not start; pages are our own
    "--disable-gpu",  # the same rasterizer on every machine
    "--disable-background-networking",
    "--force-color-profile=srgb",
)
_ADVICE = f"try another: apt-get install chromium, or {VARIABLE}=/path/to/it"
_TIMEOUT = 60_000  # milliseconds that one step may take on a busy machine


@dataclass(frozen=True)
class Shot:
    """A picture of the screen and where in it the photo is.

    Attributes:
        data: The file, PNG or JPEG.
        top, bottom, left, right: First device row and column of the photo, and the ones after its last.
    """

    data: bytes
    top: int
    bottom: int
    left: int
    right: int


def find_chromium() -> Path:
    """Returns the executable: of `FALSEFLAW_CHROMIUM`, on the path, or downloaded by Playwright.

    Raises:
        MissingExtraError: There is none, or Playwright is not installed.
    """
    return _on_own_thread(_find)


def installed_chromium() -> Path | None:
    """Returns the executable of `FALSEFLAW_CHROMIUM` or on the path, None without one; needs no Playwright.

    Raises:
        MissingExtraError: The variable names no executable.
    """
    if named := os.environ.get(VARIABLE):
        if (path := shutil.which(named)) is None:
            raise MissingExtraError(f"expected a browser at {VARIABLE}={named}, found no executable there")
        return Path(path)
    found = next(filter(None, map(shutil.which, _NAMES)), None)
    return None if found is None else Path(found)


def version() -> str:
    """Returns the browser's version, for records: screenshots of two versions may differ.

    Raises:
        MissingExtraError: See `find_chromium`; or it does not start.
    """
    return _on_own_thread(lambda: _open().browser.version)


def take_screenshot(device: Device, chat: dict[str, Any], photo: bytes, quality: int | None) -> Shot:
    """Shows a photo in a chat and takes a picture of the screen; callable from any thread.

    Args:
        device: Whose screen it is.
        chat: Of `draw_chat`.
        photo: A PNG file.
        quality: Of the JPEG, 1 to 100; None saves PNG.

    Raises:
        MissingExtraError: See `find_chromium`; or it does not start, or broke down twice in a row.
    """
    source = "data:image/png;base64," + base64.b64encode(photo).decode()
    return _on_own_thread(lambda: _shoot_with_retry(device, chat, source, quality))


def close() -> None:
    """Ends the browser of this process if there is one; it starts again when needed."""
    if os.getpid() in _threads:
        _on_own_thread(_close)


@dataclass
class _Session:
    """What one process drives."""

    executable: Path
    playwright: Playwright
    browser: Browser
    page: Page


# Playwright's objects belong to the thread that made them, and neither they nor threads survive a fork: hence
# one thread for each process, found by its id. It needs no closing at exit: Playwright's driver ends itself
# and the browser as soon as the pipe to this process breaks, even when the process is killed.
_threads: dict[int, ThreadPoolExecutor] = {}
_sessions: dict[int, _Session] = {}


def _on_own_thread(work: Callable[[], _Result]) -> _Result:
    pool = _threads.get(os.getpid())
    if pool is None:
        pool = _threads.setdefault(os.getpid(), ThreadPoolExecutor(1, thread_name_prefix="chromium"))
    return pool.submit(work).result()


def _find() -> Path:
    if (session := _sessions.get(os.getpid())) is not None:
        return session.executable
    if importlib.util.find_spec("playwright") is None:
        raise MissingExtraError(
            "expected the package playwright for real screenshots, which is not installed; "
            "install it: pip install 'falseflaw[browser]'"
        )
    if (installed := installed_chromium()) is not None:
        return installed
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        downloaded = Path(playwright.chromium.executable_path)
    if downloaded.is_file():
        return downloaded
    raise MissingExtraError(
        "expected Chromium for real screenshots, found none; install it: apt-get install chromium "
        f"(or: playwright install chromium), or set {VARIABLE}=/path/to/it"
    )


def _open() -> _Session:
    session = _sessions.get(os.getpid())
    if session is not None:
        return session
    executable = _find()
    from playwright.sync_api import Error, sync_playwright

    playwright = sync_playwright().start()
    try:
        browser = playwright.chromium.launch(executable_path=executable, args=list(_FLAGS), timeout=_TIMEOUT)
        page = browser.new_page(offline=True, locale="en-US", timezone_id="UTC", color_scheme="light")
        page.set_default_timeout(_TIMEOUT)
        template = importlib.resources.files("falseflaw.imaging.laundering.screenshot").joinpath("chat.html")
        page.set_content(template.read_text(encoding="utf-8"))
    except Error as error:
        playwright.stop()
        raise MissingExtraError(
            f"the browser {executable} does not start: {_first_line(error)}; {_ADVICE}"
        ) from error
    _sessions[os.getpid()] = session = _Session(executable, playwright, browser, page)
    return session


def _first_line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), "no reason given")


def _shoot_with_retry(device: Device, chat: dict[str, Any], source: str, quality: int | None) -> Shot:
    """Starts the browser anew when it broke down, which memory pressure can do to it."""
    from playwright.sync_api import Error

    executable = _open().executable
    try:
        return _shoot(_open().page, device, chat, source, quality)
    except Error:
        _close()
    try:
        return _shoot(_open().page, device, chat, source, quality)
    except Error as error:
        _close()
        raise MissingExtraError(
            f"the browser {executable} took no screenshot, twice: {_first_line(error)}; {_ADVICE}"
        ) from error


def _shoot(page: Page, device: Device, chat: dict[str, Any], source: str, quality: int | None) -> Shot:
    width, height = device.screen
    if page.viewport_size != {"width": width, "height": height}:
        page.set_viewport_size({"width": width, "height": height})
    edges = page.evaluate("values => show(...values)", [chat, device.density, source])
    data = page.screenshot(type="png" if quality is None else "jpeg", quality=quality)
    # Chromium paints pictures on whole device pixels: each edge is rounded to the nearest one.
    return Shot(data, **{side: math.floor(edges[side] + 0.5) for side in ("top", "bottom", "left", "right")})


def _close() -> None:
    session = _sessions.pop(os.getpid(), None)
    if session is not None:
        with contextlib.suppress(Exception):  # a browser that broke down cannot be closed
            session.browser.close()
        with contextlib.suppress(Exception):
            session.playwright.stop()
