"""What pages and pictures of the project share: the colors and measures of `quiet.css`."""

from __future__ import annotations

import importlib.resources
import re
from functools import cache

_ROOT = re.compile(r":root \{[^}]*\}")
_COLOR = re.compile(r"(--[a-z-]+): #([0-9a-f]{6}|[0-9a-f]{3});")


def css(name: str) -> str:
    """Returns a style sheet of this package as text.

    Args:
        name: Of the file, such as `quiet.css`.
    """
    return importlib.resources.files("falseflaw.evidence").joinpath(name).read_text(encoding="utf-8")


@cache
def tokens() -> str:
    """Returns the colors and measures that every page of the project shares, as one CSS rule."""
    found = _ROOT.search(css("quiet.css"))
    assert found is not None  # a test reads it
    return found.group()


@cache
def color(name: str) -> tuple[int, int, int]:
    """Returns a shared color for pictures, red, green and blue from 0 to 255.

    Args:
        name: Of the token without its dashes, such as `accent`.

    Raises:
        KeyError: There is no such color.
    """
    digits = dict(_COLOR.findall(tokens()))[f"--{name}"]
    red, green, blue = bytes.fromhex(digits if len(digits) == 6 else "".join(2 * digit for digit in digits))
    return red, green, blue
