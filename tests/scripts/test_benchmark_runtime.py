"""The benchmark of the runtime at tiny size: every way is timed at every size, and memory is told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "checkpoints/detectors/reference"


def run(*arguments):
    command = [sys.executable, str(ROOT / "scripts/benchmarks/runtime.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.slow
def test_every_way_is_timed_at_every_size(tmp_path):
    output = tmp_path / "figures.json"
    done = run(BUNDLE, "--sizes", "0.02:3", "0.05:2", "--memory", 0.05, "--threads", 1, "--output", output)
    assert done.returncode == 0, done.stderr
    report = json.loads(output.read_text())
    ways = {str(BUNDLE), f"{BUNDLE}, memory kept", "torch, eager"}
    assert {size: set(figures) for size, figures in report["sizes"].items()} == {"0.02": ways, "0.05": ways}
    for turns, figures in zip((3, 2), report["sizes"].values(), strict=True):
        for way, entry in figures.items():
            assert entry["turns"] == turns
            assert 0 < entry["p50"] <= entry["p95"]
            assert ("faster" in entry) == (way != "torch, eager")
    assert set(report["peak_bytes"]) == ways - {"torch, eager"}
    assert all(1e7 < peak < 1e9 for peak in report["peak_bytes"].values())
    assert done.stdout.count("peak memory for one photo of 0.05 megapixels") == 2


def test_what_is_wrong_is_said_in_one_line(tmp_path):
    done = run("/nowhere", "--output", tmp_path / "x.json")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: expected a bundle at /nowhere")
    assert not (tmp_path / "x.json").exists()
