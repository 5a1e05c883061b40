"""The mark of tests that need a browser: where there is none they are skipped, and say what to install."""

import pytest

from falseflaw.errors import MissingExtraError
from falseflaw.imaging.laundering.screenshot.chromium import find_chromium


def missing() -> str:
    """Returns what to install, empty where a browser is found."""
    try:
        find_chromium()
    except MissingExtraError as error:
        return str(error)
    return ""


needs_browser = pytest.mark.skipif(bool(missing()), reason=missing() or "a browser is there")
