"""The benchmark of the evaluation at tiny size: all ways find the same, and every stage is told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from tests.helpers import make_dataset
from tests.runtime.red import write_bundle

from falseflaw.types import MATCHED

ROOT = Path(__file__).parents[2]


def run(*arguments):
    command = [sys.executable, str(ROOT / "scripts/benchmarks/evaluation.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.slow
@pytest.mark.parametrize("given", [True, False])
def test_all_ways_find_the_same_and_all_seconds_are_told(tmp_path, given):
    output = tmp_path / "figures.json"
    dataset = [f"dataset={make_dataset(tmp_path / 'data', sources=4)}"] if given else []
    result = run(
        *("--sources", 1, "--repetitions", 2, "--workers", 1, "--output", output),
        *(f"bundle={write_bundle(tmp_path / 'red')}", "laundering=smoke", *dataset),
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(output.read_text())
    assert report["photos"] == report["images"] * len(report["launderings"])
    assert report["images"] == (len(MATCHED) if given else 4)
    assert set(report["against"]) == {"plain loop", "loop, memory kept"}
    for entry in report["against"].values():
        assert entry["largest_logit_difference"] == 0
        assert entry["share_of_pixels_moved"] == 0
        assert entry["clock"]["lo"] <= entry["clock"]["value"] <= entry["clock"]["hi"]
    for way, entry in report["ways"].items():
        assert way in result.stdout
        assert entry["photos_per_second"] == pytest.approx(1000 / entry["clock_milliseconds"])
        assert set(entry["stage_milliseconds"]) == {"decode", "launder", "score", "histogram", "write"}
        assert min(entry["stage_milliseconds"].values()) > 0
    for way, entry in report["against"].items():
        bound = entry["clock_bound"]["value"]
        assert bound >= 0.9 * entry["clock"]["value"]  # processor seconds come in hundredths
        assert f"{bound:.2f}x" in result.stdout.split(f"against {way}, by the clock")[1].splitlines()[1]
    loop = report["ways"]["plain loop"]
    assert sum(loop["stage_milliseconds"].values()) <= loop["clock_milliseconds"]


@pytest.mark.parametrize(
    ("override", "words"),
    [("bundle=/nowhere", "a bundle"), ("dataset=/nowhere", "/nowhere")],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, override, words):
    result = run("--sources", 1, override, "--output", tmp_path / "x.json")
    assert result.returncode == 2
    assert words in result.stderr.strip().splitlines()[-1]
    assert not (tmp_path / "x.json").exists()
