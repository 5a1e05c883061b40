"""A run that was stopped, however, is gone on with: nothing is lost, nothing is there twice."""

import csv
import json
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.helpers import heed_interrupts
from tests.runtime.red import gray_photo, spotted_photo, write_bundle

from falseflaw.errors import ConfigurationError
from falseflaw.imaging import codec
from falseflaw.runtime.folder import judge_folder
from falseflaw.runtime.predictor import Predictor
from falseflaw.runtime.results import LOG_NAME
from falseflaw.types import Image, Prediction

KILLED = """
import os, sys
from pathlib import Path
from falseflaw.runtime.folder import judge_folder
from falseflaw.runtime.predictor import Predictor

def progress(files, total):
    for index, file in enumerate(files):
        if index == int(sys.argv[4]):
            os.kill(os.getpid(), int(sys.argv[5]))
        yield file

judge_folder(Predictor(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]), progress=progress)
"""


class Counting:
    """A predictor that notes how many photos it is shown."""

    def __init__(self, predictor: Predictor) -> None:
        self.operating_point, self.settings = predictor.operating_point, predictor.settings
        self.tiling, self._judge = predictor.tiling, predictor.predict_batch
        self.shown = 0

    def predict_batch(self, images: Sequence[Image]) -> list[Prediction]:
        self.shown += len(images)
        return self._judge(images)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for index in range(12):
        photo = spotted_photo(64, 64, 4, index) if index % 3 else gray_photo(64, 64, index)
        codec.write_atomic(tmp_path / f"in/{index:02d}.png", codec.encode_png(photo))
    (tmp_path / "in/05.png").write_bytes(b"broken")
    (tmp_path / "in/notes").write_text("no photo")
    return tmp_path / "in"


def shown(predictor: Predictor, source: Path, output: Path, **options: bool) -> int:
    """Judges and returns how many photos went through the network."""
    counting = Counting(predictor)
    judge_folder(counting, source, output, **options)
    return counting.shown


def table(output: Path) -> list[dict[str, str]]:
    with (output / "predictions.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_was_ended_half_way_goes_on(
    tmp_path: Path, predictor: Predictor, red_bundle: Path, photos: Path, ending: signal.Signals
) -> None:
    output, whole = tmp_path / "out", tmp_path / "whole"
    judge_folder(predictor, photos, whole)
    arguments = [
        sys.executable,
        "-c",
        KILLED,
        str(red_bundle),
        str(photos),
        str(output),
        "8",
        str(int(ending)),
    ]
    ended = subprocess.run(arguments, check=False, capture_output=True, preexec_fn=heed_interrupts)
    assert ended.returncode in {-ending, 130}
    assert not (output / "predictions.csv").exists()

    counting = Counting(predictor)
    summary = judge_folder(counting, photos, output)
    assert counting.shown == 11 - 7  # of the eight that were done one is broken
    assert summary.before == 7
    assert "7 judged before" in summary.describe()
    assert (output / "predictions.csv").read_bytes() == (whole / "predictions.csv").read_bytes()
    for path in (whole / "heatmaps").iterdir():
        assert (output / "heatmaps" / path.name).read_bytes() == path.read_bytes()
    assert sorted(path.name for path in output.iterdir()) == ["heatmaps", "predictions.csv", LOG_NAME]


def test_a_row_that_was_cut_off_is_judged_again(tmp_path: Path, predictor: Predictor, photos: Path) -> None:
    output = tmp_path / "out"
    judge_folder(predictor, photos, output)
    before, log = (output / "predictions.csv").read_bytes(), output / LOG_NAME
    lines = log.read_bytes().splitlines(keepends=True)
    for length in (1, len(lines[-2]) // 2, len(lines[-2]) - 1):
        log.write_bytes(b"".join(lines[:-2]) + lines[-2][:length])
        assert shown(predictor, photos, output) == 1
        assert (output / "predictions.csv").read_bytes() == before
        assert sorted(log.read_bytes().splitlines(keepends=True)) == sorted(lines)


def test_a_damaged_line_costs_its_row_alone(tmp_path: Path, predictor: Predictor, photos: Path) -> None:
    output = tmp_path / "out"
    judge_folder(predictor, photos, output)
    before, log = (output / "predictions.csv").read_bytes(), output / LOG_NAME
    lines = log.read_bytes().splitlines(keepends=True)
    lines[3] = b"\0" * 40 + b"\n"
    lines[4] = b'{"file": "03.png", "verdict": "maybe"}\n'
    log.write_bytes(b"".join(lines))
    assert shown(predictor, photos, output) == 2
    assert (output / "predictions.csv").read_bytes() == before


def test_what_changed_or_came_is_judged_and_what_went_is_gone(
    tmp_path: Path, predictor: Predictor, photos: Path
) -> None:
    output = tmp_path / "out"
    judge_folder(predictor, photos, output)
    codec.write_atomic(photos / "00.png", codec.encode_png(spotted_photo(64, 64, 9, 9)))
    codec.write_atomic(photos / "05.png", codec.encode_png(gray_photo(64, 64)))
    codec.write_atomic(photos / "0a.png", codec.encode_png(gray_photo(70, 64)))
    (photos / "01.png").write_bytes(b"broken now")
    (photos / "02.png").unlink()
    (output / "heatmaps/03.png.png").unlink()
    assert shown(predictor, photos, output) == 4
    rows = {row["file"]: row for row in table(output)}
    assert list(rows) == sorted(path.name for path in photos.iterdir())
    assert rows["00.png"]["verdict"] == "altered"
    assert rows["05.png"]["verdict"] == "no sign of alteration"
    assert rows["01.png"]["verdict"] == "error"
    assert not (output / "heatmaps/01.png.png").exists()
    for row in rows.values():
        assert not row["heat_map"] or (output / row["heat_map"]).is_file()
    length = (output / LOG_NAME).stat().st_size
    assert shown(predictor, photos, output) == 0
    assert (output / LOG_NAME).stat().st_size == length  # rows that say nothing new are not written again


def test_other_photos_of_the_same_names_are_judged(
    tmp_path: Path, predictor: Predictor, photos: Path
) -> None:
    other, output = tmp_path / "other", tmp_path / "out"
    codec.write_atomic(other / "00.png", codec.encode_png(spotted_photo(64, 64, 9, 9)))
    codec.write_atomic(other / "03.png", (photos / "03.png").read_bytes())
    judge_folder(predictor, photos, output)
    assert shown(predictor, other, output) == 1
    assert [(row["file"], row["verdict"]) for row in table(output)] == [
        ("00.png", "altered"),
        ("03.png", "no sign of alteration"),
    ]
    assert shown(predictor, photos, output) == 1
    assert len(table(output)) == 13


def test_another_bundle_or_other_tiles_are_one_line(
    tmp_path: Path, predictor: Predictor, red_bundle: Path, photos: Path
) -> None:
    output = tmp_path / "out"
    judge_folder(predictor, photos, output)
    before = {path: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    others = (
        ("bundle", Predictor(write_bundle(tmp_path / "bundle", name="another"), threads=1)),
        ("tile_pixels", Predictor(red_bundle, threads=1, tile_pixels=200_000)),
    )
    for word, other in others:
        with pytest.raises(
            ConfigurationError, match=f"{word} .*pass another output.*overwrite=true"
        ) as caught:
            judge_folder(other, photos, output)
        assert "\n" not in str(caught.value)
        assert {path: path.read_bytes() for path in output.rglob("*") if path.is_file()} == before
    assert shown(others[0][1], photos, output, overwrite=True) == 11
    assert shown(others[0][1], photos, output) == 0


def test_overwriting_leaves_no_heat_map_of_before(tmp_path: Path, predictor: Predictor, photos: Path) -> None:
    output = tmp_path / "out"
    judge_folder(predictor, photos, output)
    (output / "heatmaps/mine.png").write_bytes(b"not one of theirs")
    judge_folder(predictor, photos / "00.png", output, overwrite=True)
    assert {path.name for path in (output / "heatmaps").iterdir()} == {"00.png.png", "mine.png"}


def test_a_log_cannot_name_what_lies_elsewhere(tmp_path: Path, predictor: Predictor, photos: Path) -> None:
    output = tmp_path / "out"
    judge_folder(predictor, photos, output)
    victim = tmp_path / "victim.png"
    victim.touch()
    lines = (output / LOG_NAME).read_text().splitlines()
    for name in ("../victim.png", "heatmaps/../../victim.png", str(victim)):
        lines[1] = json.dumps({**json.loads(lines[1]), "heat_map": name})
        (output / LOG_NAME).write_text("\n".join(lines) + "\n")
        judge_folder(predictor, photos, output, overwrite=True)
        assert victim.exists()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_photos(tmp_path: Path, predictor: Predictor) -> None:
    def peak(count: int) -> int:
        source = tmp_path / f"in{count}"
        for index in range(count):
            codec.write_atomic(source / f"{index:04d}.png", codec.encode_png(gray_photo(64, 64, index)))
        tracemalloc.start()
        try:
            judge_folder(predictor, source, tmp_path / f"out{count}")
            judge_folder(predictor, source, tmp_path / f"out{count}")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peak(20), peak(220)
    assert (many - few) / 200 < 2500  # names and places alone: pixels are 12 kB a photo, heat maps 4


@pytest.mark.parametrize("content", [b"", b"mine\n", b"[1]\n", b'{"file": "a"}\n', b'{"format": 99}\n'])
def test_a_log_of_something_else_is_left_alone(
    tmp_path: Path, predictor: Predictor, photos: Path, content: bytes
) -> None:
    output = tmp_path / "out"
    codec.write_atomic(output / LOG_NAME, content)
    with pytest.raises(ConfigurationError, match="pass another output"):
        judge_folder(predictor, photos, output)
    assert (output / LOG_NAME).read_bytes() == content


def test_odd_names_are_known_again(tmp_path: Path, predictor: Predictor) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    names = [os.fsdecode(b"caf\xe9.png"), "line\nbreak.png", "=1.png", "x" * 250 + ".png", "\u2028.png"]
    for name in names:
        codec.write_atomic(source / name, codec.encode_png(gray_photo(64, 64)))
    assert shown(predictor, source, output) == len(names)
    assert shown(predictor, source, output) == 0
