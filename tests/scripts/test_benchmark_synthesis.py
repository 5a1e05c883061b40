"""The benchmark of whole builds at tiny size: it builds, measures every stage and says what is wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from falseflaw.types import MATCHED

ROOT = Path(__file__).parents[2]


def run(*arguments):
    command = [sys.executable, str(ROOT / "scripts/benchmarks/synthesis.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.slow
def test_every_size_is_built_and_all_is_told(tmp_path):
    output = tmp_path / "figures.json"
    result = run(*("--sources", 2, 4, "--networks", "tiny", "--output", output), "engine.threads=1")
    assert result.returncode == 0, result.stderr
    report = json.loads(output.read_text())
    assert [entry["sources"] + entry["skipped"] for entry in report["builds"]] == [2, 4]
    for entry in report["builds"]:
        assert entry["images"] == len(MATCHED) * entry["sources"]
        assert 0 < entry["busy_cores"] <= 1.1
        assert {"load", "paint", "camera", "sample", "autoencode", "save"} <= set(entry["seconds_per_source"])
        assert entry["peak_megabytes"] > 100
        assert entry["torch_threads"] == 1
    assert "seconds a source, sample" in result.stdout
    assert ("memory grows" in result.stdout) == report["memory_grows"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("override", "words"),
    [("inpainter.path=/nowhere", "train-inpainter"), ("engine=ray", "expected engine=local")],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, override, words):
    result = run("--sources", 2, override, "--output", tmp_path / "x.json")
    assert result.returncode == 2
    assert words in result.stderr.strip().splitlines()[-1]
    assert not (tmp_path / "x.json").exists()
