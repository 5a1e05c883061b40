import csv
import hashlib
import io
import os
import socket
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from tests.runtime.red import gray_photo, spotted_photo

from falseflaw.errors import ConfigurationError, MissingDataError
from falseflaw.imaging import codec
from falseflaw.runtime.folder import Summary, judge_folder
from falseflaw.runtime.predictor import Predictor
from falseflaw.runtime.results import COLUMNS, LOG_NAME, PARTIAL_NAME
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
    (source / "clip.mov").write_bytes(b"\0\0\0\x14ftypqt  " + bytes(100))
    save(source / ".hidden.jpg", gray_photo(64, 64))
    save(source / ".thumbs/x.jpg", gray_photo(64, 64))
    summary = judge_folder(predictor, source, output)

    rows = {row["file"]: row for row in read_rows(output)}
    fates = [(name, row["verdict"]) for name, row in rows.items()]
    assert fates == [
        (".hidden.jpg", "skipped"),
        (".thumbs/", "skipped"),
        ("IMG.HEIC", "error"),
        ("a.PNG", "no sign of alteration"),
        ("b/deep/er/spot.jpg", "altered"),
        ("broken.jpg", "error"),
        ("clip.mov", "skipped"),
        ("empty.webp", "error"),
        ("notes.txt", "skipped"),
    ]
    spot = rows["b/deep/er/spot.jpg"]
    assert spot["verdict"] == "altered"
    assert float(spot["probability"]) == pytest.approx(1 / (1 + np.exp(-5)), abs=1e-6)
    assert float(spot["mask_area"]) == pytest.approx(64 / (80 * 90), abs=1e-7)
    assert spot["heat_map"] == "heatmaps/b/deep/er/spot.jpg.png"
    assert spot["sha256"] == hashlib.sha256((source / "b/deep/er/spot.jpg").read_bytes()).hexdigest()
    assert float(rows["a.PNG"]["mask_area"]) == 0
    for name in ("broken.jpg", "empty.webp", "IMG.HEIC"):
        assert name in rows[name]["reason"]
    for name in ("broken.jpg", "notes.txt", ".hidden.jpg"):
        assert rows[name]["probability"] == rows[name]["mask_area"] == rows[name]["heat_map"] == ""
    assert rows["clip.mov"]["reason"] == "a video, no photo"
    assert rows["notes.txt"]["reason"] == "a text, no photo"

    with Pil.open(output / "heatmaps/b/deep/er/spot.jpg.png") as heat_map:
        assert heat_map.mode == "L"
        assert heat_map.size == (90, 80)
        marked = np.asarray(heat_map) >= 200
    expected = np.zeros((80, 90), bool)
    expected[10:18, 20:28] = True
    np.testing.assert_array_equal(marked, expected)
    written = {str(path.relative_to(output)) for path in output.rglob("*") if path.is_file()}
    heat_maps = {"heatmaps/a.PNG.png", "heatmaps/b/deep/er/spot.jpg.png"}
    assert written == {"predictions.csv", LOG_NAME} | heat_maps

    assert summary.judged == 2
    assert summary.verdicts == {Verdict.ALTERED: 1, Verdict.NO_SIGN: 1, Verdict.ERROR: 3, Verdict.SKIPPED: 4}
    assert summary.describe().startswith("5 photos: 1 altered, 1 no sign of alteration, 3 error; skipped 4 ")
    assert "IMG.HEIC" in summary.first_error


@pytest.mark.parametrize("name", ["IMG_0001", "photo.jfif", "photo.JPE", "claim.dat", "notes.txt"])
def test_a_photo_is_judged_whatever_its_name(tmp_path: Path, predictor: Predictor, name: str) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    codec.write_atomic(source / name, codec.encode_jpeg(spotted_photo(80, 90, 10, 20), 95))
    judge_folder(predictor, source, output)
    assert verdicts(output) == {name: "altered"}


def test_heic_by_any_name_is_a_row_that_says_what_to_install(
    tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    source, output = tmp_path / "in", tmp_path / "out"
    names = ["IMG.HEIC", "IMG.jpg", "IMG"]
    for name in names:
        codec.write_atomic(source / name, b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(100))
    judge_folder(predictor, source, output)
    assert verdicts(output) == dict.fromkeys(names, "error")
    assert all("pip install 'falseflaw[heic]'" in row["reason"] for row in read_rows(output))


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
    "+1.jpg",
    "@SUM(A1).jpg",
    "\ttab.jpg",
    "CON.jpg",
    "a:b?.jpg",
    "100%.jpg",
    ("x" * 240) + ".jpg",
]


def test_nasty_names_survive(tmp_path: Path, predictor: Predictor) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    photo = gray_photo(64, 64)
    for name in NASTY:
        save(source / name, photo)
    judge_folder(predictor, source, output)
    assert sorted(name.removeprefix("./") for name in verdicts(output)) == sorted(NASTY)
    assert all((source / name).is_file() for name in verdicts(output))
    assert not any(cell[:1] in tuple("=+-@\t\r") for row in read_rows(output) for cell in row.values())
    assert set(verdicts(output).values()) == {"no sign of alteration"}
    for name in NASTY:
        assert (output / "heatmaps" / f"{name}.png").is_file()


def test_names_that_are_no_text_are_escaped_in_the_csv(tmp_path: Path, predictor: Predictor) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    name = os.fsdecode(b"caf\xe9.jpg")
    save(source / name, gray_photo(64, 64))
    judge_folder(predictor, source, output)
    assert verdicts(output) == {"caf\\xe9.jpg": "no sign of alteration"}
    assert read_rows(output)[0]["heat_map"] == "heatmaps/caf\\xe9.jpg.png"
    assert (output / "heatmaps" / f"{name}.png").is_file()


@pytest.mark.parametrize("length", [251, 252, 253, 255])
def test_a_name_too_long_for_its_heat_map_keeps_its_verdict(
    tmp_path: Path, predictor: Predictor, length: int
) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    names = [letter * (length - 4) + ".jpg" for letter in "xy"] + ["ü" * (length // 2 - 2) + ".jpg"]
    for name in names:
        save(source / "deep" / name, spotted_photo(64, 64, 3, 3))
    judge_folder(predictor, source, output)
    rows = read_rows(output)
    assert {row["file"]: row["verdict"] for row in rows} == {f"deep/{name}": "altered" for name in names}
    assert len({row["heat_map"] for row in rows}) == 3
    for row in rows:
        with Pil.open(output / row["heat_map"]) as heat_map:
            assert heat_map.size == (64, 64)


def test_heat_maps_never_meet(tmp_path: Path, predictor: Predictor) -> None:
    """A file beside a folder called like its heat map; names that differ in case or in accents alone."""
    source, output = tmp_path / "in", tmp_path / "out"
    names = ["a", "a.png/b", "c.jpg", "C.jpg", "\u00e9.jpg", "e\u0301.jpg"]
    for index, name in enumerate(names):
        save(source / name, spotted_photo(64, 64, 8 * index, 3, side=8))
    judge_folder(predictor, source, output)
    rows = {row["file"]: row for row in read_rows(output)}
    assert len({row["heat_map"].casefold() for row in rows.values()}) == 6
    for index, name in enumerate(names):
        with Pil.open(output / rows[name]["heat_map"]) as heat_map:
            assert np.asarray(heat_map)[8 * index + 1, 4] >= 200


def test_a_name_that_the_output_refuses_is_replaced(
    tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = codec.write_atomic

    def refuse(path: Path, data: bytes) -> None:  # as exFAT does
        if ":" in path.name or "con" in path.name.lower():
            raise OSError(22, "Invalid argument")
        write(path, data)

    source, output = tmp_path / "in", tmp_path / "out"
    for name in ("a:b.jpg", "CON.jpg"):
        save(source / name, gray_photo(64, 64))
    with monkeypatch.context() as patch:
        patch.setattr("falseflaw.runtime.folder.short_name", lambda file: str(len(file.name)))
        patch.setattr(codec, "write_atomic", refuse)
        judge_folder(predictor, source, output)
    assert set(verdicts(output).values()) == {"no sign of alteration"}


def test_links_pipes_and_sockets(
    tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    os.mkfifo(source / "pipe")
    (source / "gone").symlink_to(source / "nothing")
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(source)  # such names must be short
        listener.bind("socket")
        judge_folder(predictor, source, output)
    assert verdicts(output) == {
        "sub/real.jpg": "no sign of alteration",
        "sub/loop/": "skipped",
        "folder/": "skipped",
        "linked.jpg": "no sign of alteration",
        "folder.jpg/inside.jpg": "no sign of alteration",
        "self.jpg": "error",
        "gone.jpg": "error",
        "gone": "error",
        "pipe.jpg": "error",
        "pipe": "skipped",
        "socket": "skipped",
    }
    reasons = {row["file"]: row["reason"] for row in read_rows(output)}
    assert reasons["pipe"] == reasons["socket"] == "a pipe, socket or device, no photo"
    assert "link to a folder" in reasons["folder/"]


def test_what_may_not_be_read_is_told(
    tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in"
    for name in ("fine.jpg", "secret.jpg", "closed/x.jpg"):
        save(source / name, gray_photo(64, 64))
    scan, open_file = os.scandir, Path.open

    def refuse(path: Path) -> None:  # as the system does for anybody but root
        if path.name in {"secret.jpg", "closed"}:
            raise PermissionError(13, "Permission denied", str(path))

    def guarded_open(path: Path, *arguments: str, **options: str) -> object:
        refuse(path)
        return open_file(path, *arguments, **options)

    def guarded_scan(path: str) -> object:
        refuse(Path(path))
        return scan(path)

    monkeypatch.setattr(Path, "open", guarded_open)
    monkeypatch.setattr(os, "scandir", guarded_scan)
    judge_folder(predictor, source, tmp_path / "out")
    monkeypatch.undo()
    rows = {row["file"]: row for row in read_rows(tmp_path / "out")}
    assert list(rows) == ["closed/", "fine.jpg", "secret.jpg"]
    assert rows["closed/"]["verdict"] == "error"
    assert rows["closed/"]["reason"] == "cannot read the folder: Permission denied"
    assert rows["secret.jpg"]["reason"] == "cannot read secret.jpg: Permission denied"


@pytest.mark.parametrize("inside", [".", "results", "deep/results"])
def test_heat_maps_are_never_judged(tmp_path: Path, predictor: Predictor, inside: str) -> None:
    source = tmp_path / "in"
    output = source / inside
    save(source / "a.jpg", gray_photo(64, 64))
    save(source / "heatmaps.jpg", gray_photo(64, 64))
    expected = {"a.jpg", "heatmaps.jpg"}
    for _ in range(2):
        (output / "heatmaps").mkdir(parents=True, exist_ok=True)
        (output / ".1-abc.partial").touch()  # of a killed run
        judge_folder(predictor, source, output)
        assert set(verdicts(output)) == expected
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
    with pytest.raises(MissingDataError, match="found no file"):
        judge_folder(predictor, tmp_path / "empty", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_a_file_is_refused(tmp_path: Path, predictor: Predictor) -> None:
    photo = save(tmp_path / "a.jpg", gray_photo(64, 64))
    (tmp_path / "out").write_text("x")
    with pytest.raises(ConfigurationError, match="pass another output"):
        judge_folder(predictor, photo, tmp_path / "out")


def test_an_output_that_cannot_be_written_is_told_before_a_photo_is_judged(
    tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, data: bytes) -> None:
        raise OSError(30, "Read-only file system")

    photo = save(tmp_path / "a.jpg", gray_photo(64, 64))
    monkeypatch.setattr(codec, "write_atomic", refuse)
    monkeypatch.setattr(codec, "decode", None)
    with pytest.raises(ConfigurationError, match="out: Read-only file system; pass another output"):
        judge_folder(predictor, photo, tmp_path / "out")


def test_another_input_in_the_same_output_gets_a_table_of_its_own(
    tmp_path: Path, predictor: Predictor
) -> None:
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
        settings = predictor.settings
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


def test_the_summary_counts_in_words(tmp_path: Path, predictor: Predictor) -> None:
    save(tmp_path / "in/a.jpg", gray_photo(64, 64))
    summary: Summary = judge_folder(predictor, tmp_path / "in", tmp_path / "out")
    assert summary.describe() == "1 photos: 1 no sign of alteration"
