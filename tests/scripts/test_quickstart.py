"""scripts/quickstart picks its photos by a rule, tells what was cut, and refuses what it does not know."""

import subprocess
from pathlib import Path

import pandas as pd
import pytest
from tests.helpers import load_script, make_dataset

from falseflaw.dataset.manifest import read_manifest
from falseflaw.types import Edit, Fold

ROOT = Path(__file__).parents[2]
summary = load_script("documents/quickstart_summary.py")


def rows_of(*entries):
    names = ("source_id", "fold", "edit", "placement", "mask_area")
    return pd.DataFrame([dict(zip(names, entry, strict=True)) for entry in entries])


def test_the_judged_photos_are_the_first_by_name_with_a_flaw_that_is_seen():
    rows = rows_of(
        ("a", "train", "inpainted_spliced", "product", 0.2),
        ("c", "test", "inpainted_spliced", "product", 0.02),
        ("b", "test", "inpainted_spliced", "product", 0.001),
        ("b", "test", "authentic", "product", 0.0),
        ("a1", "test", "inpainted_spliced", "anywhere", 0.3),
        ("d", "test", "inpainted_spliced", "product", 0.1),
    )
    assert summary.choose_source(rows) == "c"
    assert summary.choose_source(rows[rows["mask_area"] < 0.01]) == "b"


def test_samples_are_the_bytes_of_three_members_of_one_test_set(tmp_path):
    dataset = make_dataset(tmp_path / "tiny")
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "old.jpg").touch()
    summary.copy_samples(dataset, tmp_path / "samples")
    rows = read_manifest(dataset).set_index("edit")
    chosen = rows[
        (rows["fold"] == Fold.TEST)
        & (rows["source_id"] == rows[rows["fold"] == Fold.TEST]["source_id"].min())
    ]
    found = {path.stem: path.read_bytes() for path in (tmp_path / "samples").iterdir()}
    assert found == {
        name: (dataset / chosen.loc[str(edit), "path"]).read_bytes()
        for edit, name in (
            (Edit.AUTHENTIC, "authentic"),
            (Edit.SIMULATED_DAMAGE, "simulated_damage"),
            (Edit.SPLICED, "inpainted"),
        )
    }


@pytest.mark.parametrize(
    ("steps", "planned", "left_out", "said"),
    [(50, 8, 0, []), (7, 30, 4, ["8 sources, 30", "7 steps", "2 of 6 sources"])],
)
def test_what_a_slow_machine_cut_is_told(tmp_path, monkeypatch, steps, planned, left_out, said):
    dataset = make_dataset(tmp_path / "tiny", sources=8)
    (dataset / "config.yaml").write_text(f"sources: {{sha256: x, train: {planned - 2}, test: 2}}\n")
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.yaml").write_text("trainer: {max_steps: 50}\n")
    monkeypatch.setattr(summary, "read_checkpoint", lambda path: {"global_step": steps})
    lines = summary.cut_short(run, dataset, 2, left_out)
    assert len(lines) == len(said)
    assert all(words in line for words, line in zip(said, lines, strict=True))


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), (["clothing"], 2)])
def test_help_and_what_is_not_understood_touch_nothing(arguments, code):
    command = [ROOT / "scripts" / "quickstart", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert done.returncode == code
    assert "photos=" in done.stdout + done.stderr


def test_scripts_test_says_what_full_does_and_runs_nothing_for_help():
    command = [ROOT / "scripts" / "test", "--full", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--full also runs scripts/quickstart" in done.stdout
