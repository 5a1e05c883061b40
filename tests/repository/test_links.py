"""Links of README and docs lead somewhere, and what they say can be run is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "data" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"```[^\n]*\n(.*?)```", re.DOTALL)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())


@every_page
def test_links_lead_somewhere(page) -> None:
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        if not target.startswith(("https://", "#")):
            assert (page.parent / target.partition("#")[0]).exists(), f"{page.name}: {target}"


@every_page
def test_commands_name_verbs_and_scripts_that_are_there(page) -> None:
    scripts = {path.stem.replace("_", "-") for path in (ROOT / "scripts").glob("*/*.py")}
    verbs = {path.stem.replace("_", "-") for path in (ROOT / "conf").glob("*.yaml")}
    for block in _CODE.findall(page.read_text(encoding="utf-8")):
        for line in block.splitlines():
            words = line.split("#")[0].split()
            if words[:1] == ["falseflaw"] and len(words) > 1:
                assert words[1] in verbs or words[1].isupper(), f"{page.name}: {line}"
            if words[:1] == ["scripts/run"] and len(words) > 1:
                assert words[2 if words[1] == "benchmark" else 1] in scripts, f"{page.name}: {line}"


def test_the_readme_is_read_at_a_sitting() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 180
