"""The pass with laundering in processes of their own: the same file, whatever is killed meanwhile."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from tests.evaluation.conftest import SUITE, CheckerScorer
from tests.evaluation.odd_launderings import Killing, Leaving, LightOnly

from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import ConfigurationError, InvalidDataError, WorkerLostError
from falseflaw.evaluation.prediction import predict as module
from falseflaw.evaluation.prediction.predict import predict
from falseflaw.evaluation.prediction.predictions import PREDICTIONS_NAME
from falseflaw.evaluation.prediction.selection import Selection
from falseflaw.imaging.laundering.base import Identity
from falseflaw.imaging.laundering.screenshot.simulated import SimulatedScreenshot
from falseflaw.machine import StageTimer

ROOT = Path(__file__).parents[3]
CHUNK = 5


@pytest.fixture
def rows(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """18 rows in four chunks."""
    monkeypatch.setattr(module, "_CHUNK", CHUNK)
    manifest = read_manifest(dataset)
    return manifest[manifest["fold"].isin(["val", "test"])].head(18).reset_index(drop=True)


def file_of(dataset, rows, folder, scorer=None, suite=SUITE, **options) -> bytes:
    predict(Selection(dataset, rows, suite), scorer or CheckerScorer(), folder, progress=False, **options)
    return (folder / PREDICTIONS_NAME).read_bytes()


def test_any_number_of_workers_and_threads_gives_the_same_bytes(dataset, rows, tmp_path) -> None:
    suite = (*SUITE, SimulatedScreenshot())
    expected = file_of(dataset, rows, tmp_path / "0", suite=suite)
    for workers, threads in ((0, 3), (1, 1), (2, 2)):
        folder = tmp_path / f"{workers}-{threads}"
        assert file_of(dataset, rows, folder, suite=suite, workers=workers, threads=threads) == expected


def test_workers_load_nothing_heavy_and_leave_in_good_order(dataset, rows, tmp_path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    predict(
        *(Selection(dataset, rows, [LightOnly(), Leaving(str(notes))]), CheckerScorer(), tmp_path),
        workers=2,
        progress=False,
    )
    left = {int(path.name) for path in notes.iterdir()}
    assert 1 <= len(left) <= 2  # one may have done all before the other had started
    assert os.getpid() not in left


@pytest.mark.parametrize("workers", [0, 1])
def test_a_broken_photo_is_named_alike(dataset, rows, tmp_path, workers) -> None:
    harmed = rows.copy()
    harmed.loc[3, "sha256"] = "0" * 64
    with pytest.raises(InvalidDataError) as raised:
        file_of(dataset, harmed, tmp_path, workers=workers)
    text = str(raised.value)
    assert text.startswith(f"expected {dataset / rows['path'][3]} with sha256 000000000000…, got ")
    assert "\n" not in text


def test_a_killed_worker_is_told_in_one_line_and_costs_its_chunk_alone(dataset, rows, tmp_path) -> None:
    flag = tmp_path / "flag"
    flag.touch()
    suite = [Killing(str(flag))]
    with pytest.raises(WorkerLostError, match="again to go on") as raised:
        file_of(dataset, rows, tmp_path / "cut", suite=suite, workers=1)
    assert "\n" not in str(raised.value)
    flag.unlink()
    again = CheckerScorer()
    resumed = file_of(dataset, rows, tmp_path / "cut", again, suite, workers=1)
    assert again.scored == len(rows) - 2 * CHUNK
    assert resumed == file_of(dataset, rows, tmp_path / "whole", suite=suite)


STOPPED = """
import os, signal, sys
from pathlib import Path


def main(dataset, output, name):
    from tests.evaluation.conftest import SUITE, CheckerScorer

    from falseflaw.dataset.manifest import read_manifest
    from falseflaw.evaluation.prediction import predict as module
    from falseflaw.evaluation.prediction.selection import Selection

    class Stopping(CheckerScorer):
        def score(self, images):
            if self.scored > 38:  # in the third chunk of fifteen
                os.killpg(0, signal.SIGINT) if name == "SIGINT" else os.kill(os.getpid(), signal.SIGKILL)
            return super().score(images)

    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    module._CHUNK = 5
    manifest = read_manifest(dataset)
    rows = manifest[manifest["fold"].isin(["val", "test"])].head(18).reset_index(drop=True)
    try:
        module.predict(Selection(dataset, rows, SUITE), Stopping(), output, workers=2, progress=False)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
"""


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGKILL", -signal.SIGKILL)])
def test_stopped_in_the_middle_no_worker_stays_and_all_goes_on(dataset, rows, tmp_path, name, code) -> None:
    script = tmp_path / "stopped.py"
    script.write_text(STOPPED)
    paths = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    ended = subprocess.run(  # returns once nobody holds the pipes any more: neither it nor a worker
        [sys.executable, str(script), str(dataset), str(tmp_path / "cut"), name],
        env=os.environ | {"PYTHONPATH": paths},
        capture_output=True,
        text=True,
        start_new_session=True,
        timeout=250,
    )
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "cut" / PREDICTIONS_NAME).exists()
    again = CheckerScorer()
    resumed = file_of(dataset, rows, tmp_path / "cut", again)
    assert again.scored == len(SUITE) * (len(rows) - 2 * CHUNK)
    assert resumed == file_of(dataset, rows, tmp_path / "whole")


def test_all_seconds_are_told_by_stage(dataset, rows, tmp_path) -> None:
    for workers in (0, 1):
        timer = StageTimer()
        file_of(dataset, rows, tmp_path / str(workers), workers=workers, timer=timer)
        seconds = timer.take()
        assert set(seconds) == {"decode", "launder", "score", "histogram", "write"}
        assert min(seconds.values()) > 0


def test_a_row_given_twice_and_odd_counts_are_refused(dataset, rows, tmp_path) -> None:
    twice = Selection(dataset, pd.concat([rows, rows.iloc[:1]]), [Identity()])
    with pytest.raises(InvalidDataError, match="every image once"):
        predict(twice, CheckerScorer(), tmp_path)
    for options in ({"workers": -1}, {"workers": 1.5}, {"threads": 0}, {"threads": "two"}):
        with pytest.raises(ConfigurationError, match=next(iter(options))):
            predict(Selection(dataset, rows, [Identity()]), CheckerScorer(), tmp_path, **options)


def test_large_photos_share_no_batch(dataset, rows, scorer, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "_BATCH_PIXELS", 2 * 96 * 128)
    predict(Selection(dataset, rows, SUITE), scorer, tmp_path, batch_size=8, progress=False)
    assert {shape[0] for shape in scorer.batches if shape[1:3] == (96, 128)} == {2}
    assert max(shape[0] for shape in scorer.batches if shape[1:3] == (48, 64)) == 5
