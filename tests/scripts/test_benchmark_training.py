"""The benchmark of training at tiny size: every way takes its turns, and figures are told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.helpers import make_dataset

ROOT = Path(__file__).parents[2]


def run(*arguments):
    command = [sys.executable, str(ROOT / "scripts/benchmarks/training.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.slow
def test_every_way_is_measured_and_backbones_train_for_equal_minutes(tmp_path):
    output = tmp_path / "figures.json"
    dataset = make_dataset(tmp_path / "d", sources=16)
    words = ["--threads", 1, "--steps", 2, "--turns", 2, "--variants", "contiguous", "--workers", 0, 1]
    words += ["--backbones", "test_efficientnet", "--minutes", 0.05, "--output", output]
    done = run(*words, f"dataset={dataset}", "experiment=smoke")
    assert done.returncode == 0, done.stderr
    report = json.loads(output.read_text())
    ways = {
        "loop": ["falseflaw train", "plain loop", "contiguous"],
        "workers": ["0 workers", "1 workers"],
        "backbones": ["test_efficientnet"],
    }
    assert {part: list(entries) for part, entries in report["parts"].items()} == ways
    for part, entries in report["parts"].items():
        for entry in entries.values():
            assert entry["crops_per_second"] > 0
            assert 0 <= entry["waiting"] < 1
            assert ("peak_bytes" in entry) == (part != "workers")
    assert report["parts"]["loop"]["plain loop"]["ratio"]["value"] == 1
    trained = report["equal_minutes"]["test_efficientnet"]
    assert trained["steps"] > 0
    assert 0 <= trained["figures"]["auroc"] <= 1
    assert "best validation after equal minutes" in done.stdout


@pytest.mark.slow
def test_what_is_wrong_is_said_in_one_line(tmp_path):
    done = run("dataset=/nowhere", "--output", tmp_path / "x.json")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: expected a dataset at /nowhere")
    assert not (tmp_path / "x.json").exists()
