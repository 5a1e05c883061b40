"""What README.md and docs/results.md say in figures is what the committed evaluation holds."""

import importlib.util
import json
from pathlib import Path

import pytest

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.figures.summary import read_summary

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "notebooks" / "reference"
_SPEC = importlib.util.spec_from_file_location(
    "readme_blocks", ROOT / "scripts" / "documents" / "readme_blocks.py"
)
blocks = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(blocks)


def test_readme_and_docs_show_the_committed_figures() -> None:
    summary = read_summary(COMMITTED)
    assert blocks.block_of(ROOT / "README.md", "results") == blocks.short_block(summary)
    results = blocks.results_block(summary)
    assert blocks.block_of(ROOT / "docs" / "results.md", "results") == results, (
        "run scripts/run refresh-results"
    )
    figures = blocks.figures_block(blocks.read_minutes(COMMITTED))
    assert blocks.block_of(ROOT / "docs" / "results.md", "figures") == figures, (
        "run scripts/run refresh-results"
    )


def test_every_command_of_the_table_is_there() -> None:
    for row in blocks.read_minutes(COMMITTED):
        program, name = row["command"].split()[:2]
        scripts = {path.stem.replace("_", "-") for path in (ROOT / "scripts").glob("*/*.py")}
        assert program == "falseflaw" or (program == "scripts/run" and name in scripts), row


def test_minutes_are_kept_until_measured_anew_or_the_command_changes(tmp_path) -> None:
    blocks.record_minutes(tmp_path, "a", "make a", 12.34)
    blocks.record_minutes(tmp_path, "b", "make b", None)
    blocks.record_minutes(tmp_path, "a", "make a", None)
    assert [row["minutes"] for row in blocks.read_minutes(tmp_path)] == [12.3, None]
    assert blocks.figures_block(blocks.read_minutes(tmp_path)).splitlines()[2:] == [
        "| a | `make a` | 12 |",
        "| b | `make b` | – |",
    ]
    blocks.record_minutes(tmp_path, "a", "make a better", None)
    assert blocks.read_minutes(tmp_path)[0] == {"figure": "a", "command": "make a better", "minutes": None}
    (tmp_path / "minutes.json").write_text(json.dumps([{"figure": "a"}]))
    with pytest.raises(InvalidDataError, match="expected a list of figure, command and minutes"):
        blocks.read_minutes(tmp_path)


def test_markers_must_be_there_once(tmp_path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb\n")
    blocks.replace_block(readme, "x", "new\nlines")
    assert readme.read_text() == "a\n<!-- x:begin -->\nnew\nlines\n<!-- x:end -->\nb\n"
    assert blocks.block_of(readme, "x") == "new\nlines"
    readme.write_text(readme.read_text() + "<!-- x:end -->\n")
    with pytest.raises(InvalidDataError, match="once each in"):
        blocks.replace_block(readme, "x", "newer")
