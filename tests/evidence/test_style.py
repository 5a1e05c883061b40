import re
from pathlib import Path

import pytest

from falseflaw.evidence.style import color, css, tokens

SOURCES = Path(__file__).parents[2] / "src" / "falseflaw"


def test_the_shared_rule_is_found_wherever_it_stands() -> None:
    assert tokens() in css("quiet.css")
    assert tokens().startswith(":root {")
    assert tokens().count("{") == tokens().count("}") == 1


@pytest.mark.parametrize("name", ["page", "ink", "soft", "line", "tint", "accent", "accent-tint"])
def test_pictures_have_the_colors_of_pages(name: str) -> None:
    (digits,) = re.findall(rf"--{name}: #(\w+);", tokens())
    assert bytes(color(name)).hex() == (digits if len(digits) == 6 else "".join(2 * one for one in digits))


def test_a_color_that_is_not_there_is_no_color() -> None:
    with pytest.raises(KeyError):
        color("wide")


@pytest.mark.parametrize("name", ["ink", "soft", "accent", "accent-tint"])
def test_programs_write_no_shared_color_again(name: str) -> None:
    red, green, blue = color(name)
    written = re.compile(rf"#{bytes(color(name)).hex()}|\({red}, {green}, {blue}\)", re.IGNORECASE)
    found = [path for path in SOURCES.rglob("*.py") if written.search(path.read_text(encoding="utf-8"))]
    assert found == []
