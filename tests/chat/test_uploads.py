import os
from pathlib import Path

import pytest
from tests.runtime.red import gray_photo

from falseflaw.chat.uploads import Limits, UploadRefusedError, read_upload
from falseflaw.errors import ConfigurationError
from falseflaw.imaging import codec


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    codec.write_atomic(folder / "a" / "photo.txt", codec.encode_png(gray_photo(64, 64)))
    codec.write_atomic(tmp_path / "secret.png", codec.encode_png(gray_photo(64, 64)))
    return folder


def refusal(path: str | Path, root: Path, limits: Limits | None = None) -> str:
    with pytest.raises(UploadRefusedError) as caught:
        read_upload(str(path), root, limits or Limits())
    return caught.value.code


def test_an_upload_is_read_whatever_its_ending(root: Path) -> None:
    assert read_upload(str(root / "a/photo.txt"), root, Limits()) == (root / "a/photo.txt").read_bytes()


def test_nothing_outside_is_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = root.parent / "secret.png"
    (root / "link.png").symlink_to(secret)
    (root / "folder").symlink_to(root.parent)
    monkeypatch.chdir(root)
    places = [
        secret,
        root / "../secret.png",
        "../secret.png",
        root / "link.png",
        root / "folder/secret.png",
        root / "absent.png",
        "http://127.0.0.1/photo.png",
        f"{root}/a/photo.txt\0",
        "",
        root,
        "/etc/passwd",
        "/proc/self/environ",
    ]
    assert {refusal(place, root) for place in places} == {"elsewhere"}


def test_a_pipe_does_not_block(root: Path) -> None:
    os.mkfifo(root / "pipe.png")
    assert refusal(root / "pipe.png", root) == "elsewhere"


def test_size_and_content_are_limited(root: Path) -> None:
    (root / "large.png").write_bytes((root / "a/photo.txt").read_bytes() + bytes(1_000_000))
    assert refusal(root / "large.png", root, Limits(megabytes=1)) == "too_large"
    (root / "page.png").write_bytes(b"<html><script>")
    assert refusal(root / "page.png", root) == "no_photo"
    (root / "empty.png").write_bytes(b"")
    assert refusal(root / "empty.png", root) == "no_photo"


@pytest.mark.parametrize(
    "changes", [{"megabytes": 0}, {"most_photos": 2.5}, {"photos_at_once": True}, {"most_photos": None}]
)
def test_limits_are_checked(changes: dict[str, object]) -> None:
    (name,) = changes
    with pytest.raises(ConfigurationError, match=f"expected {name} of 1 to 1000"):
        Limits(**changes)  # type: ignore[arg-type]
