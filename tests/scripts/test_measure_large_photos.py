"""The command that measures large photos, at tiny size, from a bundle to the scores and the table."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.runtime.red import write_bundle
from tests.training.conftest import DETECTOR

from falseflaw.evaluation.figures.large_photos import LargePhotos

ROOT = Path(__file__).parents[2]


def run(*arguments):
    command = [sys.executable, str(ROOT / "scripts/studies/measure_large_photos.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.slow
def test_a_bundle_is_measured_and_the_scores_are_its_checkpoints(tmp_path):
    bundle = write_bundle(tmp_path / "bundle", tile_pixels=300 * 300, checkpoint_sha256="a" * 64)
    output = tmp_path / "large.json"
    done = run(bundle, "--sizes", "0.1:2", "0.2:1", "--cache", tmp_path / "cache", "--output", output)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].endswith("image_threshold 0.9, tiled_threshold none")
    assert [line.split()[:3] for line in lines[2:4]] == [["0.1", "2", "2"], ["0.2", "1", "6"]]
    assert f"large_photos={output}" in lines[-1]
    large = LargePhotos.read(output)
    assert large.checkpoint == "a" * 64
    assert sorted(photo.megapixels for photo in large.photos) == [0.1, 0.1, 0.2]
    (tmp_path / "cache/studio-0-0.2mp-000.jpg").write_bytes(b"not looked at again")
    done = run(bundle, "--sizes", "0.1:3", "--cache", tmp_path / "cache", "--output", output)
    assert done.returncode == 0, done.stderr
    assert set(LargePhotos.read(output).photos) > set(large.photos)
    assert len(LargePhotos.read(output).photos) == 4
    done = run(bundle, "--sizes", "0.1:3", "--seed", 1, "--output", output)
    assert done.returncode == 2
    assert "seed 0; pass another --output" in done.stderr


def test_what_is_wrong_is_said_in_one_line(tmp_path):
    for arguments in (["/nowhere"], [write_bundle(tmp_path / "bundle"), "--sizes", "70:1"]):
        done = run(*arguments, "--output", tmp_path / "x.json")
        assert done.returncode == 2
        assert done.stderr.splitlines()[-1].startswith("error: expected")
        assert not (tmp_path / "x.json").exists()


@pytest.mark.slow
def test_a_run_is_measured_too_and_without_thresholds_there_are_no_rates(tmp_path):
    from falseflaw.models.checkpoint import save_detector_checkpoint
    from falseflaw.models.detector import Detector
    from falseflaw.provenance import file_sha256

    path = save_detector_checkpoint(Detector(**DETECTOR), tmp_path / "run/checkpoints/best.ckpt", DETECTOR)
    output = tmp_path / "large.json"
    done = run(tmp_path / "run", "--sizes", "0.1:1", "--cache", tmp_path / "cache", "--output", output)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 1
    large = LargePhotos.read(output)
    assert large.checkpoint == file_sha256(path)
    assert [photo.tiles for photo in large.photos] == [1]
