"""Verbs that only read do so from a read-only mount; what cannot be written is told in one line."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.helpers import make_dataset
from tests.runtime.red import gray_photo, write_bundle

from falseflaw.claim import check_writable
from falseflaw.cli.main import main, one_line
from falseflaw.errors import ConfigurationError
from falseflaw.imaging import codec

COMMAND = [sys.executable, "-m", "falseflaw.cli.main"]
_MOUNT = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && cd "$0" && exec "$@"'


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photos, a bundle and a dataset, to be mounted read-only: root may write anywhere else."""
    folder = tmp_path_factory.mktemp("place")
    if shutil.which("unshare") is None or inside(folder, "true").returncode:
        pytest.skip("needs the right to mount")
    write_bundle(folder / "bundle")
    codec.write_atomic(folder / "photo.png", codec.encode_png(gray_photo(64, 64)))
    make_dataset(folder / "dataset")
    (folder / "home").mkdir()
    return folder


def inside(folder: Path, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a command in `folder` while it is mounted read-only, for this command alone."""
    return subprocess.run(
        ["unshare", "-m", "sh", "-c", _MOUNT, str(folder), *command],
        capture_output=True,
        encoding="utf-8",
        env=os.environ | {"HOME": str(folder / "home")} | environment,
        check=False,
    )


def test_the_mount_is_read_only(place: Path) -> None:
    assert inside(place, "touch", "new").returncode != 0


@pytest.mark.slow
def test_predict_reads_there(place: Path, tmp_path: Path) -> None:
    words = ["input=photo.png", "bundle=bundle", "threads=1"]
    done = inside(place, *COMMAND, "predict", *words, f"output={tmp_path / 'out'}")
    assert done.returncode == 0, done.stderr
    assert "photo.png" in (tmp_path / "out" / "predictions.csv").read_text(encoding="utf-8")
    done = inside(place, *COMMAND, "predict", *words, "output=out")
    assert done.returncode == 1
    assert "Read-only file system" in done.stderr.splitlines()[-1]


def test_predict_needs_no_home(place: Path, tmp_path: Path) -> None:
    words = ["input=photo.png", "bundle=bundle", f"output={tmp_path / 'out'}"]
    done = inside(place, "env", "-u", "HOME", *COMMAND, "predict", *words)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_audit_prints_its_table_there(place: Path, tmp_path: Path) -> None:
    words = ["audit", "dataset=dataset", "weights=[]", "progress=false"]
    done = inside(place, *COMMAND, *words)
    assert "file size" in done.stdout
    assert "cannot write dataset/audit.json: Read-only file system; pass output=FILE" in done.stderr
    kept = inside(place, *COMMAND, *words, f"output={tmp_path / 'audit.json'}")
    assert done.stdout in kept.stdout
    assert done.returncode == kept.returncode  # of the audit, not of the writing
    assert (tmp_path / "audit.json").is_file()
    refused = inside(place, *COMMAND, *words, "output=audit.json")
    assert "file size" in refused.stdout
    assert refused.returncode == 1
    assert "cannot write audit.json: Read-only" in refused.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "verb", ["download", "evaluate", "compare", "export", "train", "synthesize", "gather"]
)
def test_no_verb_writes_before_its_work(verb: str, place: Path) -> None:
    done = inside(place, *COMMAND, verb, "--cfg", "job")
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_audit_of_a_dataset_that_cannot_be_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same without a mount."""

    def refuse(path: Path, data: bytes) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    dataset = make_dataset(tmp_path / "dataset")
    monkeypatch.setattr(codec, "write_atomic", refuse)
    words = ["audit", f"dataset={dataset}", "weights=[]", "progress=false"]
    code = main(words)
    captured = capsys.readouterr()
    assert "file size" in captured.out
    assert captured.err.count("pass output=FILE") == 1
    assert main([*words, "output=x.json"]) == 1
    captured = capsys.readouterr()
    assert "file size" in captured.out
    assert captured.err.count("\n") == 1
    assert code in {0, 1}


def test_a_place_that_cannot_be_written_to_is_one_line() -> None:
    error = OSError(errno.EROFS, "Read-only file system", "runs/a/.123-abc.partial")
    assert one_line(error) == (
        "cannot write to runs/a: Read-only file system; choose another folder or mend this one"
    )


def test_places_are_tried_before_long_work(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "folder")
    assert list((tmp_path / "new" / "folder").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"cannot write to .*file/below: .*; choose another run_dir"):
        check_writable(tmp_path / "file" / "below", "run_dir")
