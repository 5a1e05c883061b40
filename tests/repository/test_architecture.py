"""The page that maps the house agrees with the house, and no room is crowded."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from falseflaw.cli.main import VERBS

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "falseflaw"
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
MOST = 15
"""Files of a folder, beside `__init__.py`."""
A_FILE_A_VERB = ("src/falseflaw/cli/verbs", "conf")


def folders(root: Path) -> list[Path]:
    found = [path for path in (root, *root.rglob("*")) if path.is_dir()]
    return [path for path in found if not any(part.startswith(("_", ".")) for part in path.parts)]


def test_every_package_has_its_line() -> None:
    tree = PAGE.split("```")[1]
    packages = [path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()]
    assert packages
    for name in packages:
        assert re.search(rf"^  {name}/ ", tree, re.MULTILINE), name
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    assert modules <= set(tree.split()), modules


def test_every_path_on_the_page_is_there() -> None:
    named = {text for text in re.findall(r"`([\w./]+)`", PAGE) if "/" in text or text.endswith(".py")}
    assert len(named) > 15
    places = (PACKAGE, ROOT)
    absent = [text for text in named if not any((place / text).exists() for place in places)]
    assert [text for text in absent if "NAME" not in text and "SUITE" not in text] == []


@pytest.mark.parametrize("root", ["src/falseflaw", "conf", "scripts", "tests"])
def test_no_room_is_crowded(root: str) -> None:
    counts = {
        str(path.relative_to(ROOT)): sum(
            file.is_file() and file.name != "__init__.py" for file in path.iterdir()
        )
        for path in folders(ROOT / root)
    }
    most = dict.fromkeys(A_FILE_A_VERB, max(MOST, len(VERBS)))
    assert {name: count for name, count in counts.items() if count > most.get(name, MOST)} == {}


def test_tests_lie_where_their_subject_lies() -> None:
    elsewhere = {"notebooks", "scripts", "repository"}
    mirrored = [path.relative_to(ROOT / "tests") for path in folders(ROOT / "tests")]
    wrong = [path for path in mirrored if path.parts and path.parts[0] not in elsewhere]
    assert [str(path) for path in wrong if not (PACKAGE / path).is_dir()] == []
