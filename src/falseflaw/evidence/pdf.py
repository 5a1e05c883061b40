"""Prints a report with headless Chromium, where there is one."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from falseflaw.errors import MissingExtraError
from falseflaw.imaging.laundering.screenshot.chromium import VARIABLE, installed_chromium

_SECONDS = 60


def require_browser() -> Path:
    """Returns the browser that prints.

    Raises:
        MissingExtraError: There is none.
    """
    if (browser := installed_chromium()) is None:
        raise MissingExtraError(
            "expected Chromium for report=pdf, found none; install it (apt-get install chromium), "
            f"set {VARIABLE}=/path/to/it, or ask for report=html and print that"
        )
    return browser


def print_pdf(html: str, browser: Path) -> bytes:
    """Returns a page as PDF.

    Args:
        html: The page, which needs no other file.
        browser: Of `require_browser`.

    Raises:
        MissingExtraError: The browser does not print it.
    """
    with tempfile.TemporaryDirectory(prefix="falseflaw-pdf-") as name:
        folder = Path(name)
        source, target = folder / "report.html", folder / "report.pdf"
        source.write_text(html, encoding="utf-8")
        command = [
            str(browser),
            "--headless",
            "--no-sandbox",  # of no use to a root user in a container, where it does not start
            "--disable-gpu",
            "--disable-background-networking",
            "--no-first-run",
            f"--user-data-dir={folder / 'profile'}",
            "--no-pdf-header-footer",
            f"--print-to-pdf={target}",
            source.as_uri(),
        ]
        try:
            subprocess.run(command, capture_output=True, timeout=_SECONDS, check=True)
            return target.read_bytes()
        except (OSError, subprocess.SubprocessError) as error:
            reason = type(error).__name__ if isinstance(error, subprocess.SubprocessError) else error.strerror
            raise MissingExtraError(
                f"the browser {browser} printed no report ({reason}); try another: {VARIABLE}=/path/to/it, "
                "or ask for report=html"
            ) from error
