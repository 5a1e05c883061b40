"""The command that sets simulated screenshots beside real ones, from dataset to table, at tiny size."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hydra.utils import instantiate
from omegaconf import OmegaConf
from tests.helpers import make_dataset, textured_photo
from tests.imaging.laundering.screenshot.browsers import needs_browser
from tests.runtime.red import write_bundle

from falseflaw.errors import InvalidDataError
from falseflaw.imaging import codec
from falseflaw.imaging.laundering.screenshot import chromium
from falseflaw.paths import config_dir
from falseflaw.seeding import derive_rng
from falseflaw.studies.screenshots import COLUMNS, Comparison, compare, correlation, psnr

ROOT = Path(__file__).parents[2]
SHOTS = [
    instantiate(item) for item in OmegaConf.load(config_dir() / "laundering/browser.yaml").launderings[1:]
]


def run(*arguments):
    command = [sys.executable, str(ROOT / "scripts/studies/compare_screenshots.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_psnr_and_correlation_have_known_values() -> None:
    black = np.zeros((4, 4, 3), np.uint8)
    assert psnr(black, black) == 99
    assert psnr(black, black + np.uint8(255)) == 0
    assert psnr(black, black + np.uint8(16)) == pytest.approx(24.0485, abs=1e-3)
    rising = np.array([0.1, 0.2, 0.4])
    assert correlation(rising, 1 - rising) == "-1.000"
    assert correlation(rising, np.full(3, 0.5)) == "undefined"


def test_a_row_holds_the_differences_of_probabilities() -> None:
    values = [np.array(part) for part in ([0.0, 0.5], [0.5, 0.9], [0.4, 0.8])]
    row = Comparison("d", 1.5, np.array([30.0, 40.0]), *values).row()
    assert list(row) == list(COLUMNS)
    assert list(row.values()) == ["d", "2", "1.50", "35.0", "30.0", "0.100", "0.450", "1.000"]
    assert Comparison("d", 1.5, np.array([30.0, 40.0])).row()["correlation"] == ""


@pytest.mark.slow
@needs_browser
@pytest.mark.parametrize("shot", SHOTS, ids=lambda item: item.name)
def test_both_screenshots_share_the_geometry(shot) -> None:
    """A photo with structure: one pixel of shift would cost far more than another kernel does."""
    photos = [textured_photo(derive_rng("compare", index), 203 + index, 311) for index in range(2)]
    photos = [codec.decode(codec.encode_jpeg(photo, 60)) for photo in photos]
    shown = []
    compared = compare(shot, photos, ["a", "b"], seen=lambda index, *pair: shown.append(pair))
    chromium.close()
    for (real, simulated), value in zip(shown, compared.psnr, strict=True):
        assert psnr(simulated, real) == value
        for axis in (0, 1):
            assert psnr(np.roll(simulated, 1, axis), real) < value
            assert psnr(np.roll(simulated, -1, axis), real) < value


def test_no_photos_are_refused() -> None:
    with pytest.raises(InvalidDataError, match="got none"):
        compare(SHOTS[0], [], [])


@pytest.mark.slow
@needs_browser
def test_table_and_sheet_are_written(tmp_path) -> None:
    dataset = make_dataset(tmp_path / "data", sources=4)
    bundle = write_bundle(tmp_path / "bundle")
    result = run(dataset, "--photos", 1, "--bundle", bundle, "--jpeg", 90, "--sheet", tmp_path / "s.png")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Chromium ")
    assert "; 2 photos of" in lines[0]
    assert lines[1].split() == list(COLUMNS)
    assert [line.split()[0] for line in lines[2:6]] == [shot.device.name for shot in SHOTS]
    assert all(len(line.split()) == len(COLUMNS) for line in lines[2:6])
    assert codec.decode(tmp_path / "s.png").shape[1] > 1000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--photos", 0], "at least 1"),
        (["--jpeg", 101], "1..100"),
        (["--fold", "inpainter"], "choose others"),
        (["--edits", "unheard_of"], "unheard_of"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path, arguments, words) -> None:
    result = run(make_dataset(tmp_path / "data", sources=4), *arguments)
    assert result.returncode == 2
    assert words in result.stderr.strip().splitlines()[-1]
    assert "Traceback" not in result.stderr
