from pathlib import Path

import pytest
from tests.runtime.red import write_bundle

from falseflaw.errors import InvalidDataError
from falseflaw.release.publishing.changelog import entry_of, with_entry, write_entry

TEXT = (
    "# Changelog\n\n## [Unreleased]\n\n### Changed\n\n- Something.\n\n"
    "## [0.1.0]\n\n### Models\n\n- `red` old.\n"
)
ENTRY = "- `red` new.\n  - `red-int8`: smaller.\n"


def test_an_entry_comes_first_under_a_heading_of_its_own() -> None:
    text = with_entry(TEXT, ENTRY)
    assert text == TEXT.replace("## [Unreleased]\n", f"## [Unreleased]\n\n### Models\n\n{ENTRY}", 1)


def test_a_second_release_takes_the_place_of_the_first() -> None:
    first = with_entry(TEXT, ENTRY)
    other = with_entry(first, "- `blue` new.\n")
    assert other.count("### Models") == 2
    assert other.index("`blue`") < other.index("`red` new")
    again = with_entry(other, "- `red` newer.\n")
    assert "`red` new.\n" not in again
    assert "`red-int8`" not in again
    assert "`blue` new" in again
    assert again.endswith(TEXT[TEXT.index("## [0.1.0]") :])
    assert "\n\n\n" not in again


def test_a_changelog_without_the_heading_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "CHANGELOG.md"
    path.write_text("# Changelog\n")
    with pytest.raises(InvalidDataError, match="Unreleased"):
        write_entry(path, ENTRY)
    assert path.read_text() == "# Changelog\n"


def test_the_entry_tells_where_a_bundle_is_from(tmp_path: Path) -> None:
    dataset = {"config_hash": "abc"}
    bundle = write_bundle(
        tmp_path / "red", checkpoint_sha256="d" * 64, git_revision="e" * 40, dataset=dataset
    )
    entry = entry_of(Path("runs/best"), [bundle])
    assert entry.startswith(
        "- `red` from `runs/best`: checkpoint dddddddddddd, dataset abc, revision eeeeeeeeeeee; "
    )
    assert entry.count("\n") == 1
