import stat
from pathlib import Path

import pytest

from falseflaw.errors import MissingExtraError
from falseflaw.evidence.pdf import print_pdf, require_browser
from falseflaw.imaging.laundering.screenshot.chromium import VARIABLE, installed_chromium


def program(path: Path, text: str) -> Path:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_without_a_browser_one_line_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingExtraError, match="expected Chromium for report=pdf, found none; install it"):
        require_browser()


@pytest.mark.parametrize("text", ["exit 3", "exit 0"])  # fails; prints nothing
def test_a_browser_that_does_not_print_is_told(tmp_path: Path, text: str) -> None:
    browser = program(tmp_path / "browser", text)
    with pytest.raises(MissingExtraError, match="printed no report"):
        print_pdf("<p>a</p>", browser)


def test_the_page_goes_through_the_browser(tmp_path: Path) -> None:
    script = """for word in "$@"; do case $word in
        --print-to-pdf=*) target=${word#*=};;
        file://*) source=${word#file://};;
    esac; done
    cp "$source" "$target\""""
    browser = program(tmp_path / "browser", script)
    assert print_pdf("<p>é</p>", browser) == "<p>é</p>".encode()


@pytest.mark.slow
def test_chromium_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    browser = installed_chromium()
    if browser is None:
        pytest.skip("no Chromium")
    assert print_pdf("<h1>Report</h1>", browser).startswith(b"%PDF")
