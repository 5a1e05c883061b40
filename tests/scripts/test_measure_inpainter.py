"""The command that measures an inpainter, from start to files, at tiny size."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.inpainting.tiny import TINY

from falseflaw.damage.prompts import all_prompts
from falseflaw.imaging import codec
from falseflaw.inpainting.latent.networks import build_pipeline

ROOT = Path(__file__).parents[2]


def run(*arguments):
    command = [sys.executable, str(ROOT / "scripts/studies/measure_inpainter.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


@pytest.mark.slow
def test_figures_table_and_sheet_are_written(tmp_path):
    torch.manual_seed(0)
    build_pipeline(TINY, all_prompts()).save_pretrained(tmp_path / "pipeline")
    result = run(
        *(
            "--limit",
            6,
            "--teach",
            6,
            "--paintings",
            2,
            "--epochs",
            1,
            "--prompt-photos",
            2,
            "--seeds",
            2,
            "--threads",
            1,
        ),
        *("--output", tmp_path / "out", "photos.count=36", "photos.width=112", "photos.height=144"),
        *("synthesis=tiny", f"inpainter.path={tmp_path / 'pipeline'}", "inpainter.steps=2"),
        f"cache={tmp_path / 'cache'}",
    )
    assert result.returncode == 0, result.stderr
    report = json.loads((tmp_path / "out/figures.json").read_text())
    assert 6 < report["taught"] <= 12
    assert report["fold"] == "test"
    figures = report["figures"]
    for name in ("kind_accuracy_painted", "kind_accuracy_inpainted", "content_auroc", "all_distinct"):
        assert 0 <= figures[name]["value"] <= 1
    assert all(name in figures for name in ("chroma_energy", "between_seeds", "clean_change"))
    assert "goal 0.70" in result.stdout
    assert codec.decode(tmp_path / "out/prompts.png").shape[1] > 12 * 96


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--seeds", 1], "2 seeds"),
        (["--paintings", 0], "at least 1"),
        (["inpainter.path=/nowhere"], "train-inpainter"),
        (["no=thing"], "no"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, arguments, words):
    result = run(*arguments, "--output", tmp_path / "out")
    assert result.returncode == 2
    assert words in result.stderr.strip().splitlines()[-1]
    assert "Traceback" not in result.stderr
