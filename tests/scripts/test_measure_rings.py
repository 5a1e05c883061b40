"""The command that tells composed pairs apart by their surroundings, from dataset to table."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.synthesis.builders import FakePhotos, build

ROOT = Path(__file__).parents[2]


def run(*arguments):
    command = [sys.executable, str(ROOT / "scripts/studies/measure_rings.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.slow
def test_measures_the_pairs_of_a_dataset_with_layers(tmp_path):
    changes = {"layers": True, "layers_writers": 2, "layers_only_sources": None, "limit_sources": 6}
    build(tmp_path / "layers", FakePhotos(20), settings=changes)
    done = run(tmp_path / "layers", "--side", 96, "--set", "grain_share=0", "area=[0.1,0.3]")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split()[-3:] == ["smoothness", "energy", "structure"]
    assert lines[1].startswith("positives")
    assert any("left out" in line for line in lines)


@pytest.mark.slow
def test_what_cannot_be_measured_is_said_in_a_line(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("error: expected")
    assert "of at least 2" in run(tmp_path, "--pairs", 1).stderr
