import csv
from pathlib import Path

import pytest
from tests.runtime.red import gray_photo, spotted_photo, write_bundle

from falseflaw.cli.main import main
from falseflaw.imaging import codec


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("cli") / "bundle")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    codec.write_atomic(tmp_path / "in/a/fake.jpg", codec.encode_jpeg(spotted_photo(80, 90, 10, 20), 95))
    codec.write_atomic(tmp_path / "in/fine.jpg", codec.encode_jpeg(gray_photo(80, 90), 95))
    codec.write_atomic(tmp_path / "in/broken.jpg", b"no photo")
    return tmp_path / "in"


def rows(output: Path) -> list[dict[str, str]]:
    with (output / "predictions.csv").open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_folder(tmp_path: Path, photos: Path, bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "out"
    assert main(["predict", f"input={photos}", f"output={output}", f"bundle={bundle}", "threads=1"]) == 0
    assert [(row["file"], row["verdict"]) for row in rows(output)] == [
        ("a/fake.jpg", "altered"),
        ("broken.jpg", "error"),
        ("fine.jpg", "no sign of alteration"),
    ]
    assert {path.name for path in output.iterdir()} == {"predictions.csv", "predictions.jsonl", "heatmaps"}
    captured = capsys.readouterr()
    assert captured.out.splitlines()[0] == "3 photos: 1 altered, 1 no sign of alteration, 1 error"
    assert str(output / "predictions.csv") in captured.out


def test_the_same_command_goes_on_and_another_bundle_is_refused(
    tmp_path: Path, photos: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["predict", f"input={photos}", f"output={tmp_path / 'out'}", "threads=1"]
    assert main([*arguments, f"bundle={bundle}"]) == 0
    before = rows(tmp_path / "out")
    assert main([*arguments, f"bundle={bundle}", "batch_size=2"]) == 0
    assert "2 judged before" in capsys.readouterr().out
    assert rows(tmp_path / "out") == before
    other = write_bundle(tmp_path / "bundle", name="other")
    assert main([*arguments, f"bundle={other}"]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("falseflaw predict: expected the settings of the results in ")
    assert "overwrite=true" in error
    assert main([*arguments, f"bundle={other}", "overwrite=true"]) == 0
    assert "before" not in capsys.readouterr().out


def test_a_folder_without_a_photo_says_what_is_in_it(
    tmp_path: Path, bundle: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codec.write_atomic(tmp_path / "in/claim.pdf", b"%PDF-1.7")
    arguments = [f"input={tmp_path / 'in'}", f"output={tmp_path / 'out'}", f"bundle={bundle}"]
    assert main(["predict", *arguments]) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert "expected a photo that can be judged" in last
    assert "a PDF document" in last
    assert [(row["file"], row["verdict"]) for row in rows(tmp_path / "out")] == [("claim.pdf", "skipped")]


def test_batches_and_tiles_are_keys(tmp_path: Path, bundle: Path) -> None:
    photo = tmp_path / "large.png"
    codec.write_atomic(photo, codec.encode_png(spotted_photo(400, 500, 300, 400)))
    arguments = [f"input={photo}", f"output={tmp_path / 'out'}", f"bundle={bundle}", "batch_size=4"]
    assert main(["predict", *arguments, "tile_pixels=100000"]) == 0
    (row,) = rows(tmp_path / "out")
    assert row["file"] == "large.png"
    assert row["verdict"] == "altered"
    assert "overlapping tiles" in row["reason"]


@pytest.mark.parametrize(
    "words", [["report=html,json"], ["report=[json,html]"], ["report=json", "language=zh"]]
)
def test_reports_beside_the_rows(tmp_path: Path, photos: Path, bundle: Path, words: list[str]) -> None:
    output = tmp_path / "out"
    assert main(["predict", f"input={photos}", f"output={output}", f"bundle={bundle}", *words]) == 0
    asked = {form for form in ("html", "json") if form in words[0]}
    found = {path.relative_to(output / "reports").as_posix() for path in (output / "reports").rglob("*.*")}
    assert found == {f"{name}.{form}" for name in ("a/fake.jpg", "fine.jpg") for form in asked}
    assert [row["verdict"] for row in rows(output)] == ["altered", "error", "no sign of alteration"]


@pytest.mark.parametrize(
    "name",
    ["a b", "x=1", "a,b", "(2)", "[3]", "{4}", "it's", 'q"q', "ümläut", "5", "null", "${x}", "a\nb", "#7"],
)
def test_paths_of_any_name(tmp_path: Path, bundle: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path("./in" if name == "null" else name)  # `input=null` stays the null of Hydra
    codec.write_atomic(folder / f"{name}.png", codec.encode_png(gray_photo(64, 64)))
    # What does not exist yet and looks like an interpolation is one.
    output = Path("out") / name.replace("$", "_")
    assert main(["predict", f"input={folder}", f"output={output}", f"bundle={bundle}"]) == 0
    assert [row["file"] for row in rows(output)] == [f"{name}.png"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["output=out"], "expected input=PATH"),
        (["input=in"], "expected output=PATH"),
        (["input=null", "output=out"], "expected input=PATH"),
        (["input=nothing", "output=out"], "found nothing there"),
        (["input=empty", "output=out"], "expected photos"),
        (["input=in", "output=out", "bundle=nothing"], "falseflaw export"),
        (["input=in", "output=out", "bundle=empty"], "SHA256SUMS"),
        (["input=in", "output=out", "batch_size=0"], "batch_size"),
        (["input=in", "output=out", "batch_size=many"], "batch_size"),
        (["input=in", "output=out", "overwrite=no"], "overwrite=true or overwrite=false"),
        (["input=in", "output=out", "threads=0"], "threads"),
        (["input=in", "output=out", "threads=two"], "threads"),
        (["input=in", "output=out", "report=html,doc"], "expected report as a list of html, json, pdf"),
        (["input=in", "output=out", "language=de"], "expected language as one of en, zh"),
        (["input=in", "output=out", "tile_pixels=5"], "tile_pixels"),
        (["input=in", "output=out", "tile_pixels=big"], "tile_pixels"),
        (["input=in/broken.jpg", "output=out"], "cannot read broken.jpg"),
        (["input=in", "output=in/fine.jpg"], "another output"),
    ],
)
def test_what_goes_wrong_is_one_line(
    photos: Path,
    bundle: Path,
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(photos.parent)
    (photos.parent / "empty").mkdir()
    if not any(argument.startswith("bundle=") for argument in arguments):
        arguments = [*arguments, f"bundle={bundle}"]
    assert main(["predict", *arguments]) in {1, 2}
    error = capsys.readouterr().err
    last = error.splitlines()[-1]
    assert last.startswith("falseflaw predict: ")
    assert words in last
    assert "Traceback" not in error


def test_a_sweep_over_thresholds_of_work(tmp_path: Path, photos: Path, bundle: Path) -> None:
    arguments = [f"input={photos}", f"output={tmp_path}/out_${{batch_size}}", f"bundle={bundle}"]
    assert main(["predict", "-m", *arguments, "batch_size=1,2", f"hydra.sweep.dir={tmp_path / 'sweep'}"]) == 0
    assert rows(tmp_path / "out_1") == rows(tmp_path / "out_2")
