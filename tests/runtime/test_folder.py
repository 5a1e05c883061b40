import csv
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from tests.runtime.red import gray_photo, spotted_photo

from falseflaw.errors import ConfigurationError, MissingDataError
from falseflaw.imaging import codec
from falseflaw.runtime.folder import COLUMNS, PARTIAL_NAME, Summary, judge_folder, list_photos
from falseflaw.runtime.predictor import Predictor
from falseflaw.types import Image, Verdict


def save(path: Path, image: Image) -> Path:
    codec.write_atomic(path, codec.encode_png(image))  # the content decides, whatever the ending
    return path


def read_rows(output: Path) -> list[dict[str, str]]:
    text = (output / "predictions.csv").read_bytes().decode("utf-8")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert all(tuple(row) == COLUMNS for row in rows)
    return rows


def verdicts(output: Path) -> dict[str, str]:
    return {row["file"]: row["verdict"] for row in read_rows(output)}


def test_a_folder_gives_rows_and_heat_maps(tmp_path: Path, predictor: Predictor) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    save(source / "b/deep/er/spot.jpg", spotted_photo(80, 90, 10, 20, side=8))
    save(source / "a.PNG", gray_photo(64, 100))
    (source / "broken.jpg").write_bytes(b"\xff\xd8\xff not much of a photo")
    (source / "empty.webp").write_bytes(b"")
    (source / "notes.txt").write_text("no photo")
    (source / "IMG.HEIC").write_bytes(b"x")
    save(source / ".hidden.jpg", gray_photo(64, 64))
    save(source / ".thumbs/x.jpg", gray_photo(64, 64))
    summary = judge_folder(predictor, source, output)

    rows = {row["file"]: row for row in read_rows(output)}
    assert list(rows) == ["a.PNG", "b/deep/er/spot.jpg", "broken.jpg", "empty.webp"]
    spot = rows["b/deep/er/spot.jpg"]
    assert spot["verdict"] == "altered"
    assert float(spot["probability"]) == pytest.approx(1 / (1 + np.exp(-5)), abs=1e-6)
    assert float(spot["mask_area"]) == pytest.approx(64 / (80 * 90), abs=1e-7)
    assert rows["a.PNG"]["verdict"] == "no sign of alteration"
    assert float(rows["a.PNG"]["mask_area"]) == 0
    for name in ("broken.jpg", "empty.webp"):
        assert rows[name]["verdict"] == "error"
        assert rows[name]["probability"] == rows[name]["mask_area"] == ""
        assert name in rows[name]["reason"]

    with Pil.open(output / "heatmaps/b/deep/er/spot.jpg.png") as heat_map:
        assert heat_map.mode == "L"
        assert heat_map.size == (90, 80)
        marked = np.asarray(heat_map) >= 200
    expected = np.zeros((80, 90), bool)
    expected[10:18, 20:28] = True
    np.testing.assert_array_equal(marked, expected)
    written = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    assert written == {"predictions.csv", "heatmaps/a.PNG.png", "heatmaps/b/deep/er/spot.jpg.png"}

    assert summary.judged == 2
    assert summary.verdicts == {Verdict.ALTERED: 1, Verdict.NO_SIGN: 1, Verdict.ERROR: 2}
    assert "ignored 2 files" in summary.describe()
    assert ".heic" in summary.describe()
    assert "broken.jpg" in summary.first_error


def test_a_single_file_of_any_ending(tmp_path: Path, predictor: Predictor) -> None:
    photo = save(tmp_path / "in/claim.dat", spotted_photo(70, 70, 3, 3))
    judge_folder(predictor, photo, tmp_path / "out")
    assert verdicts(tmp_path / "out") == {"claim.dat": "altered"}
    assert (tmp_path / "out/heatmaps/claim.dat.png").is_file()


def test_the_heat_map_is_upright(tmp_path: Path, predictor: Predictor) -> None:
    exif = Pil.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    source = tmp_path / "in/turned.jpg"
    source.parent.mkdir()
    Pil.fromarray(gray_photo(64, 100)).save(source, exif=exif)
    judge_folder(predictor, source, tmp_path / "out")
    with Pil.open(tmp_path / "out/heatmaps/turned.jpg.png") as heat_map:
        assert heat_map.size == (64, 100)


NASTY = [
    'comma, and "quote".jpg',
    "line\nbreak.jpg",
    "ümläut 😀.jpg",
    "=1+1.jpg",
    " lead and trail .jpg",
    "a=b;c(d)[e]{f}$g'h.jpg",
    "-dash.jpg",
    "100%.jpg",
    ("x" * 240) + ".jpg",
]


def test_nasty_names_survive(tmp_path: Path, predictor: Predictor) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    photo = gray_photo(64, 64)
    for name in NASTY:
        save(source / name, photo)
    judge_folder(predictor, source, output)
    assert sorted(verdicts(output)) == sorted(NASTY)
    assert set(verdicts(output).values()) == {"no sign of alteration"}
    for name in NASTY:
        assert (output / "heatmaps" / f"{name}.png").is_file()


def test_names_that_are_no_text_are_escaped_in_the_csv(tmp_path: Path, predictor: Predictor) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    name = os.fsdecode(b"caf\xe9.jpg")
    save(source / name, gray_photo(64, 64))
    judge_folder(predictor, source, output)
    assert verdicts(output) == {"caf\\udce9.jpg": "no sign of alteration"}
    assert (output / "heatmaps" / f"{name}.png").is_file()


def test_a_name_too_long_for_its_heat_map_is_an_error_row(tmp_path: Path, predictor: Predictor) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    long = "y" * 249 + ".jpg"
    save(source / long, gray_photo(64, 64))
    save(source / "z.jpg", gray_photo(64, 64))
    judge_folder(predictor, source, output)
    rows = {row["file"]: row for row in read_rows(output)}
    assert rows[long]["verdict"] == "error"
    assert "heat map" in rows[long]["reason"]
    assert rows["z.jpg"]["verdict"] == "no sign of alteration"


def test_links_and_pipes(tmp_path: Path, predictor: Predictor) -> None:
    source, output, elsewhere = tmp_path / "in", tmp_path / "out", tmp_path / "elsewhere"
    save(source / "sub/real.jpg", gray_photo(64, 64))
    save(elsewhere / "other.jpg", gray_photo(64, 64))
    (source / "sub/loop").symlink_to(source)
    (source / "self.jpg").symlink_to(source / "self.jpg")
    (source / "gone.jpg").symlink_to(source / "nothing")
    (source / "linked.jpg").symlink_to(elsewhere / "other.jpg")
    (source / "folder").symlink_to(elsewhere)
    os.mkfifo(source / "pipe.jpg")
    (source / "folder.jpg").mkdir()
    save(source / "folder.jpg/inside.jpg", gray_photo(64, 64))
    summary = judge_folder(predictor, source, output)
    assert verdicts(output) == {
        "sub/real.jpg": "no sign of alteration",
        "linked.jpg": "no sign of alteration",
        "folder.jpg/inside.jpg": "no sign of alteration",
        "self.jpg": "error",
        "gone.jpg": "error",
        "pipe.jpg": "error",
    }
    assert "left out 2 folders" in summary.describe()


def test_what_may_not_be_read_is_told(
    tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in"
    for name in ("fine.jpg", "secret.jpg", "closed/x.jpg"):
        save(source / name, gray_photo(64, 64))
    read, scan = Path.read_bytes, os.scandir

    def refuse(path: Path) -> None:  # as the system does for anybody but root
        if path.name in {"secret.jpg", "closed"}:
            raise PermissionError(13, "Permission denied", str(path))

    def guarded_read(path: Path) -> bytes:
        refuse(path)
        return read(path)

    def guarded_scan(path: str) -> object:
        refuse(Path(path))
        return scan(path)

    monkeypatch.setattr(Path, "read_bytes", guarded_read)
    monkeypatch.setattr(os, "scandir", guarded_scan)
    summary = judge_folder(predictor, source, tmp_path / "out")
    monkeypatch.undo()
    rows = {row["file"]: row for row in read_rows(tmp_path / "out")}
    assert list(rows) == ["fine.jpg", "secret.jpg"]
    assert rows["secret.jpg"]["reason"] == "cannot read secret.jpg: Permission denied"
    assert "left out 1 folders" in summary.describe()


@pytest.mark.parametrize("inside", [".", "results", "deep/results"])
def test_heat_maps_are_never_judged(tmp_path: Path, predictor: Predictor, inside: str) -> None:
    source = tmp_path / "in"
    output = source / inside
    save(source / "a.jpg", gray_photo(64, 64))
    save(source / "heatmaps.jpg", gray_photo(64, 64))
    expected = {"a.jpg", "heatmaps.jpg"}
    for _ in range(2):
        summary = judge_folder(predictor, source, output)
        assert set(verdicts(output)) == expected
        assert not summary.listing.ignored
    judge_folder(predictor, source, tmp_path / "elsewhere")  # nor those of an earlier run
    assert set(verdicts(tmp_path / "elsewhere")) == expected


def test_a_folder_of_photos_called_heatmaps_is_judged(tmp_path: Path, predictor: Predictor) -> None:
    save(tmp_path / "in/heatmaps/a.jpg", gray_photo(64, 64))
    judge_folder(predictor, tmp_path / "in", tmp_path / "out")
    assert set(verdicts(tmp_path / "out")) == {"heatmaps/a.jpg"}


def test_the_heat_maps_as_input_of_the_same_output_are_refused(tmp_path: Path, predictor: Predictor) -> None:
    save(tmp_path / "out/heatmaps/a.png", gray_photo(64, 64))
    with pytest.raises(ConfigurationError, match="heat maps"):
        judge_folder(predictor, tmp_path / "out/heatmaps", tmp_path / "out")
    assert not (tmp_path / "out/predictions.csv").exists()


def test_missing_and_empty_inputs(tmp_path: Path, predictor: Predictor) -> None:
    with pytest.raises(MissingDataError, match="found nothing there"):
        judge_folder(predictor, tmp_path / "nothing", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty/notes.txt").write_text("x")
    with pytest.raises(MissingDataError, match=r"found none \(1 other files\)"):
        judge_folder(predictor, tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_refused(tmp_path: Path, predictor: Predictor) -> None:
    photo = save(tmp_path / "a.jpg", gray_photo(64, 64))
    (tmp_path / "out").write_text("x")
    with pytest.raises(ConfigurationError, match="pass another output"):
        judge_folder(predictor, photo, tmp_path / "out")


def test_a_second_run_overwrites_the_first(tmp_path: Path, predictor: Predictor) -> None:
    output = tmp_path / "out"
    judge_folder(predictor, save(tmp_path / "a.jpg", gray_photo(64, 64)), output)
    (output / PARTIAL_NAME).write_text("rows of a killed run")
    judge_folder(predictor, save(tmp_path / "b.jpg", spotted_photo(64, 64, 2, 2)), output)
    assert verdicts(output) == {"b.jpg": "altered"}
    assert not (output / PARTIAL_NAME).exists()


def test_batches_give_the_same_csv(tmp_path: Path, predictor: Predictor) -> None:
    source = tmp_path / "in"
    for index in range(7):
        size = (64, 80) if index % 3 else (90, 70)
        save(source / f"{index}.jpg", spotted_photo(*size, 5, 5) if index % 2 else gray_photo(*size, index))
    (source / "3b.jpg").write_bytes(b"broken")
    judge_folder(predictor, source, tmp_path / "one")
    judge_folder(predictor, source, tmp_path / "four", batch_size=4)
    one, four = ((tmp_path / name / "predictions.csv").read_bytes() for name in ("one", "four"))
    assert one == four
    with pytest.raises(ConfigurationError, match="batch_size"):
        judge_folder(predictor, source, tmp_path / "zero", batch_size=0)


def test_one_photo_that_the_network_cannot_take_spoils_no_other(tmp_path: Path, predictor: Predictor) -> None:
    class Fragile:
        operating_point = predictor.operating_point
        tiling = predictor.tiling

        def predict_batch(self, images: list[Image]) -> object:
            if any(image[0, 0, 1] == 7 for image in images):
                raise RuntimeError("out of memory\nand more")
            return predictor.predict_batch(images)

    source = tmp_path / "in"
    for name, value in (("a", 1), ("b", 7), ("c", 2)):
        save(source / f"{name}.jpg", np.full((64, 64, 3), value, np.uint8))
    judge_folder(Fragile(), source, tmp_path / "out", batch_size=3)  # type: ignore[arg-type]
    fine = "no sign of alteration"
    assert verdicts(tmp_path / "out") == {"a.jpg": fine, "b.jpg": "error", "c.jpg": fine}
    assert read_rows(tmp_path / "out")[1]["reason"] == "the network failed: out of memory"


KILLED = """
import os, signal, sys
from pathlib import Path
from falseflaw.runtime.folder import judge_folder
from falseflaw.runtime.predictor import Predictor

def progress(files, total):
    for index, file in enumerate(files):
        if index == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        yield file

judge_folder(Predictor(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3]), progress=progress)
"""


def test_a_killed_run_keeps_its_rows_and_the_older_results(
    tmp_path: Path, predictor: Predictor, red_bundle: Path
) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    for index in range(5):
        save(source / f"{index}.jpg", gray_photo(64, 64, index))
    judge_folder(predictor, source / "4.jpg", output)
    before = (output / "predictions.csv").read_bytes()
    arguments = [sys.executable, "-c", KILLED, str(red_bundle), str(source), str(output)]
    assert subprocess.run(arguments, check=False).returncode == -signal.SIGKILL
    assert (output / "predictions.csv").read_bytes() == before
    with (output / PARTIAL_NAME).open(newline="") as stream:
        assert [row["file"] for row in csv.DictReader(stream)] == ["0.jpg", "1.jpg", "2.jpg"]
    assert len(list_photos(source, output).files) == 5
    judge_folder(predictor, source, output)
    assert len(verdicts(output)) == 5


def test_the_summary_counts_in_words(tmp_path: Path, predictor: Predictor) -> None:
    save(tmp_path / "in/a.jpg", gray_photo(64, 64))
    summary: Summary = judge_folder(predictor, tmp_path / "in", tmp_path / "out")
    assert summary.describe() == "1 photos: 1 no sign of alteration"
