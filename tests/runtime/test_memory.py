"""A photo of 24 megapixels is judged in less than 1.5 GB."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.helpers import textured_photo

from falseflaw.imaging import codec

BUNDLE = Path(__file__).parents[2] / "checkpoints/detectors/reference"

JUDGE = """
import sys
from falseflaw.runtime import Predictor
result = Predictor(sys.argv[1], threads=1).judge(sys.argv[2])
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(result.heat_map.shape, peak)
"""  # getrusage would tell no less than the process of the tests has


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="peak memory is told by Linux alone")
def test_24_megapixels_take_less_than_a_gigabyte_and_a_half(tmp_path: Path) -> None:
    tile = textured_photo(np.random.default_rng(0), 512, 512)
    photo = np.tile(tile, (12, 9, 1))[:5656, :4240]
    codec.write_atomic(tmp_path / "photo.jpg", codec.encode_jpeg(photo, 90))
    command = [sys.executable, "-c", JUDGE, BUNDLE, tmp_path / "photo.jpg"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shape, peak = done.stdout.rsplit(" ", 1)
    assert shape == "(5656, 4240)"
    assert int(peak) * 1024 < 1.5e9
