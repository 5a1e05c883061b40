"""One photo in every kind of file that people send, and files that are none, all made here."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from tests.runtime.red import spotted_photo

from falseflaw.imaging import codec

PHOTO = spotted_photo(96, 128, 16, 40, side=32)
"""Altered, says the red bundle, and so it has to say of every file."""

OTHER = Pil.new("RGB", (128, 96), (90, 90, 90))
"""A second frame or page, without any red."""


def encoded(image: Pil.Image, format_name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def deep_png(values: NDArray[np.uint16]) -> bytes:
    """A PNG of 16 bits a channel, (H, W, C), which Pillow reads but does not write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    height, width, channels = values.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    chunks = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def deep_tiff(values: NDArray[np.uint16]) -> bytes:
    """A TIFF of 16 bits a channel, (H, W, 3)."""
    height, width, _ = values.shape
    data, bits = values.astype("<u2").tobytes(), 8 + 2 + 9 * 12 + 4
    tags = [(256, width), (257, height), (258, bits), (259, 1), (262, 2), (273, bits + 6), (277, 3)]
    tags += [(278, height), (279, len(data))]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    entries = entries.replace(struct.pack("<HHI", 258, 4, 1), struct.pack("<HHI", 258, 3, 3))
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    return head + entries + struct.pack("<IHHH", 0, 16, 16, 16) + data


def turned(format_name: str, **options: object) -> bytes:
    """The photo as a phone held upright saves it: lying on its side, with the turn in the EXIF data."""
    exif = Pil.Exif()
    exif[0x0112] = 6
    lying = Pil.fromarray(PHOTO).transpose(Pil.Transpose.ROTATE_90)
    return encoded(lying, format_name, exif=exif, **options)


def _deep(channels: int) -> NDArray[np.uint16]:
    opaque = np.full((*PHOTO.shape[:2], channels), 65535, np.uint16)
    opaque[..., :3] = PHOTO.astype(np.uint16) * 257
    return opaque


def _picture() -> Pil.Image:
    return Pil.fromarray(PHOTO)


def _pages(format_name: str, **options: object) -> bytes:
    # A copy: Pillow keeps the settings of one encoder in a picture and hands them to the next.
    return encoded(_picture(), format_name, save_all=True, append_images=[OTHER.copy()], **options)


def _claiming(width: int, height: int) -> bytes:
    """A tiny PNG whose header claims any size."""
    tiny = deep_png(np.zeros((1, 1, 3), np.uint16))
    header = struct.pack(">II", width, height) + tiny[24:29]
    return tiny[:16] + header + struct.pack(">I", zlib.crc32(b"IHDR" + header)) + tiny[33:]


def _wide_gif() -> bytes:
    data = bytearray(encoded(OTHER.copy(), "GIF"))
    data[6:10] = struct.pack("<HH", 65_535, 65_535)
    return bytes(data)


PHOTOS: dict[str, Callable[[], bytes]] = {
    "plain.jpg": lambda: codec.encode_jpeg(PHOTO, 95),
    "progressive.jpg": lambda: encoded(_picture(), "JPEG", quality=95, progressive=True),
    "multi-picture.jpg": lambda: _pages("MPO", quality=95),
    "cmyk.jpg": lambda: encoded(_picture().convert("CMYK"), "JPEG", quality=95),
    "turned.jpg": lambda: turned("JPEG", quality=95),
    "restarts.jpg": lambda: encoded(_picture(), "JPEG", quality=95, restart_marker_rows=1),
    "plain.png": lambda: codec.encode_png(PHOTO),
    "palette.png": lambda: encoded(_picture().quantize(256), "PNG"),
    "palette-transparent.png": lambda: encoded(_picture().quantize(200), "PNG", transparency=199),
    "alpha.png": lambda: encoded(_picture().convert("RGBA"), "PNG"),
    "16-bit.png": lambda: deep_png(_deep(3)),
    "16-bit-alpha.png": lambda: deep_png(_deep(4)),
    "turned.png": lambda: turned("PNG"),
    "animated.png": lambda: _pages("PNG"),
    "animated.gif": lambda: _pages("GIF"),
    "animated.webp": lambda: _pages("WEBP", lossless=True),
    "alpha.webp": lambda: encoded(_picture().convert("RGBA"), "WEBP", lossless=True),
    "plain.avif": lambda: codec.encode_avif(PHOTO, 90),
    "plain.bmp": lambda: encoded(_picture(), "BMP"),
    "pages.tif": lambda: _pages("TIFF"),
    "cmyk.tif": lambda: encoded(_picture().convert("CMYK"), "TIFF"),
    "jpeg-inside.tif": lambda: encoded(_picture(), "TIFF", compression="jpeg", quality=95),
    "lzw.tif": lambda: encoded(_picture(), "TIFF", compression="tiff_lzw"),
    "16-bit.tif": lambda: deep_tiff(_deep(3)),
}

_JPEG = PHOTOS["plain.jpg"]

BROKEN: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.jpg": (lambda: b"", "the file is empty"),
    "cut.jpg": (lambda: _JPEG()[:-400], "truncated"),
    "cut.png": (lambda: codec.encode_png(PHOTO)[:-400], "cannot read"),
    "cut.webp": (lambda: codec.encode_webp(PHOTO, 90)[:-400], "cannot read"),
    "cut.avif": (lambda: codec.encode_avif(PHOTO, 90)[:-400], "cannot read"),
    "cut.tif": (lambda: PHOTOS["lzw.tif"]()[:-400], "cannot read"),
    "header.jpg": (lambda: _JPEG()[:20], "a JPEG that is damaged"),
    "text.jpg": (lambda: b"IMG_0001", "got a text"),
    "page.heic": (lambda: b"<!DOCTYPE html><p>Not found", "got a web page"),
    "video.jpg": (lambda: b"\0\0\0\x14ftypqt  " + bytes(100), "got a video"),
    "raw.dng": (lambda: encoded(OTHER.copy(), "TIFF", tiffinfo={50706: b"\1\4\0\0"}), "camera's raw file"),
    "bomb.png": (lambda: _claiming(60_000, 60_000), "exceed the limit of 150000000 pixels"),
    "large.png": (lambda: encoded(Pil.new("1", (15_000, 10_001)), "PNG"), "15000x10001 pixels exceed"),
    "large.gif": (_wide_gif, "exceed the limit"),
}
