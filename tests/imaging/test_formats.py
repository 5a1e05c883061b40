import importlib.util
import io
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import TiffImagePlugin
from tests.helpers import textured_photo

from falseflaw.errors import UnreadableImageError
from falseflaw.imaging import codec
from falseflaw.imaging.formats import HEAD_BYTES, sniff

PHOTO = textured_photo(np.random.default_rng(5), 64, 80)


def brands(major: bytes, *compatible: bytes) -> bytes:
    """The first box of a file of the ISO family: HEIC, AVIF, a video."""
    content = b"ftyp" + major + bytes(4) + b"".join(compatible)
    return struct.pack(">I", len(content) + 4) + content + bytes(200)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF", "GIF"])
def test_every_format_that_is_read_is_told_by_content(format_name: str) -> None:
    buffer = io.BytesIO()
    Pil.fromarray(PHOTO).save(buffer, format_name)
    content = sniff(buffer.getvalue()[:HEAD_BYTES])
    assert content.photo
    assert content.plugin == format_name


@pytest.mark.parametrize(
    ("head", "what", "photo"),
    [
        (brands(b"heic", b"mif1", b"heic"), "a HEIC photo", True),
        (brands(b"mif1", b"mif1", b"heic"), "a HEIC photo", True),
        (brands(b"mif1", b"mif1", b"avif"), "an AVIF", True),
        (brands(b"avif", b"mif1", b"avif"), "an AVIF", True),
        (brands(b"crx "), "a camera's raw file", True),
        (brands(b"qt  "), "a video", False),
        (brands(b"isom", b"mp42"), "a video", False),
        (b"II*\0\x10\0\0\0CR\2\0", "a camera's raw file", True),
        (b"\xff\x0a\xfa\x7f", "a JPEG XL", True),
        (b"8BPS\0\1", "a Photoshop document", True),
        (b"BMW and other cars", "a text", False),
        ("Grüße".encode(), "a text", False),
        ("ü".encode() * 5000, "a text", False),
        ("x" + "ü" * 5000, "a text", False),
        ("utf-16".encode("utf-16"), "a text", False),
        (b"<!DOCTYPE html><html>", "a web page", False),
        (b"\0\0\0\x01Bud1\0", "a folder's settings (.DS_Store)", False),
        (b"\0\x05\x16\x07\0\x02", "a file's attributes (AppleDouble)", False),
        (b"RIFF\0\0\0\0AVI LIST", "a video", False),
        (bytes(50), "data of an unknown kind", False),
        (b"", "an empty file", False),
    ],
)
def test_what_a_file_is(head: bytes | str, what: str, photo: bool) -> None:
    data = head.encode() if isinstance(head, str) else head
    content = sniff(data[:HEAD_BYTES])
    assert (content.what, content.photo) == (what, photo)


def raw_like_tiff(**tags: int) -> bytes:
    """A TIFF as cameras write them: a small preview first."""
    directory = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in tags.items():
        directory[int(tag[1:])] = value
    buffer = io.BytesIO()
    Pil.fromarray(PHOTO).save(buffer, "TIFF", tiffinfo=directory)
    return buffer.getvalue()


@pytest.mark.parametrize("tags", [{"t50706": 1}, {"t254": 1}])
def test_the_preview_in_a_raw_file_is_not_taken_for_the_photo(tags: dict[str, int]) -> None:
    with pytest.raises(UnreadableImageError, match="camera's raw file; save it as JPEG or PNG"):
        codec.decode(raw_like_tiff(**tags))
    assert codec.decode(raw_like_tiff(t254=0)).shape == PHOTO.shape


def test_heic_without_its_package_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    photo = tmp_path / "IMG_1.jpg"  # by any name
    photo.write_bytes(brands(b"heic", b"mif1"))
    with pytest.raises(UnreadableImageError, match=r"IMG_1.jpg: a HEIC photo .*falseflaw\[heic\]"):
        codec.decode(photo)


@pytest.mark.skipif(importlib.util.find_spec("pillow_heif") is None, reason="the extra heic is not installed")
@pytest.mark.parametrize("name", ["IMG_1.HEIC", "IMG_1.jpg", "IMG_1"])
def test_heic_is_read_by_any_name(tmp_path: Path, name: str) -> None:
    import pillow_heif

    exif = Pil.Exif()
    exif[0x0112] = 6
    pillow_heif.from_pillow(Pil.fromarray(PHOTO)).save(tmp_path / name, quality=95, exif=exif.tobytes())
    pixels = codec.decode(tmp_path / name)
    assert pixels.dtype == np.uint8
    assert sorted(pixels.shape) == sorted(PHOTO.shape)
    assert codec.is_photo(tmp_path / name)
