"""What README.md and docs/results.md say in figures is what the committed evaluation holds."""

import json
from pathlib import Path

import pytest
from tests.helpers import load_script

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.committed.committed import others_of
from falseflaw.evaluation.figures.summary import read_any_summary, read_summary
from falseflaw.inpainting.autoencoders.records import reserved
from falseflaw.statistics.bootstrap import Estimate

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "notebooks" / "reference"


blocks = load_script("documents/readme_blocks.py")
targets = load_script("documents/targets_block.py")


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


def test_docs_set_the_committed_figures_against_the_targets() -> None:
    others = {folder.name: read_any_summary(folder) for folder in others_of(COMMITTED)}
    told = targets.targets_block(
        read_summary(COMMITTED), others, reserved(ROOT / "checkpoints" / "autoencoders")
    )
    assert blocks.block_of(ROOT / "docs" / "results.md", "targets") == told, "run scripts/run refresh-results"


@pytest.mark.parametrize(
    ("value", "bound", "most", "met"),
    [(0.9, 0.9, False, "yes"), (0.89, 0.9, False, "no"), (0.01, 0.01, True, "yes"), (0.02, 0.01, True, "no")],
)
def test_a_target_is_met_at_its_bound(value: float, bound: float, most: bool, met: str) -> None:
    figure = Estimate(value, 0.0, 1.0, 10)
    assert targets.Target("photos", "figure", figure, bound, most).verdict == met
    assert targets.Target("photos", "figure", None, bound, most).verdict == "not measured"


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
