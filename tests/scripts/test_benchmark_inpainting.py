"""The benchmark of the inpainter at tiny size: what it measures is the same work, and it tells all of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.inpainting.tiny import TINY

from falseflaw.damage.prompts import all_prompts
from falseflaw.inpainting.latent.networks import build_pipeline

ROOT = Path(__file__).parents[2]
TINY_PHOTOS = ("photos.count=12", "photos.width=112", "photos.height=144", "synthesis=tiny")


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("pipeline")
    build_pipeline(TINY, all_prompts()).save_pretrained(folder)
    return folder


def run(*arguments):
    command = [sys.executable, str(ROOT / "scripts/benchmarks/inpainting.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.slow
def test_both_ways_give_the_same_images_and_all_seconds_are_told(pipeline, tmp_path):
    output = tmp_path / "figures.json"
    result = run(
        *("--count", 5, "--repetitions", 2, "--threads", 1, "--output", output, *TINY_PHOTOS),
        *(f"inpainter.path={pipeline}", "inpainter.steps=3", f"cache={tmp_path / 'cache'}"),
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(output.read_text())
    assert report["largest_difference"] <= 1
    assert report["share_different"] == 0
    assert 2 <= report["photos"] <= 5  # one in which no flaw fits is left out
    for way in ("wrapper", "plain loop"):
        seconds = report[way]["seconds_per_photo"]
        assert all(value >= 0 for value in seconds.values())
        assert sum(seconds.values()) == pytest.approx(1 / report[way]["photos_per_second"])
        assert seconds["denoise"] > 0
        assert way in result.stdout
    for name in ("ratio_clock", "ratio_processor"):
        assert report[name]["lo"] <= report[name]["value"] <= report[name]["hi"]


@pytest.mark.slow
def test_what_is_wrong_is_said_in_one_line(tmp_path):
    result = run("inpainter.path=/nowhere", *TINY_PHOTOS, "--output", tmp_path / "x.json")
    assert result.returncode == 2
    assert "train-inpainter" in result.stderr.strip().splitlines()[-1]
