import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image as Pil
from tests.helpers import textured_photo

from falseflaw.imaging import codec
from falseflaw.imaging.metadata import without_metadata
from falseflaw.types import Image

PHOTO = textured_photo(np.random.default_rng(3), 40, 60)
LONG = zlib.compress(b"a" * 3_000_000)  # above the 1 MB that Pillow would inflate
SIDEWAYS = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
XMP_SIDEWAYS = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
PNG = codec.encode_png(PHOTO)
JPEG = codec.encode_jpeg(PHOTO, 90)


def png(*chunks: tuple[bytes, bytes], at: int = 33) -> bytes:
    """The photo as PNG with further chunks behind its header, or elsewhere."""
    written = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return PNG[:at] + written + PNG[at:]


def jpeg(*segments: tuple[int, bytes], copies: int = 1) -> bytes:
    """The photo as JPEG with further segments at its beginning."""
    written = b"".join(
        bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data for marker, data in segments
    )
    return JPEG[:2] + written * copies + JPEG[2:]


def gif(comment_blocks: int) -> bytes:
    buffer = io.BytesIO()
    Pil.fromarray(PHOTO).quantize(16).save(buffer, "GIF")
    data = buffer.getvalue()
    start = 13 + 3 * (2 << (data[10] & 7))
    return data[:start] + b"\x21\xfe" + (b"\xff" + bytes(255)) * comment_blocks + b"\0" + data[start:]


def decoded_peak(data: bytes) -> tuple[Image, int]:
    """The pixels, and the most bytes that Python held on the way to them."""
    tracemalloc.start()
    try:
        return codec.decode(data), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "make",  # when it is its turn: some are large
    [
        pytest.param(lambda: png((b"zTXt", b"Comment\0\0" + LONG)), id="long compressed text"),
        pytest.param(
            lambda: png((b"zTXt", b"c\0\0" + LONG), at=len(PNG) - 12), id="long text behind the pixels"
        ),
        pytest.param(lambda: png((b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + LONG)), id="long compressed XMP"),
        pytest.param(lambda: png((b"zTXt", b"Raw profile type exif\0\0" + LONG)), id="long compressed EXIF"),
        pytest.param(lambda: png((b"iCCP", b"profile\0\0" + LONG)), id="long color profile"),
        pytest.param(lambda: png((b"iCCP", b"profile\0")), id="no color profile"),
        pytest.param(lambda: png((b"zTXt", b"Comment\0\7" + LONG)), id="unknown compression"),
        pytest.param(lambda: png(*[(b"tEXt", b"c\0" + bytes(70_000))] * 1000), id="70 MB of texts"),
        pytest.param(
            lambda: png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + b"q" * 70_000_000)), id="70 MB of XMP"
        ),
        pytest.param(lambda: png((b"pHYs", b"1")), id="damaged resolution"),
        pytest.param(lambda: png((b"gAMA", b"1")), id="damaged gamma"),
        pytest.param(lambda: png((b"tEXt", b"c\0d")).replace(b"tEXtc\0d", b"tEXtc\0e"), id="wrong checksum"),
    ],
)
def test_a_png_is_read_whatever_its_metadata(make: Callable[[], bytes]) -> None:
    np.testing.assert_array_equal(codec.decode(make()), PHOTO)


@pytest.mark.parametrize("name", [b"zTXt", b"iTXt", b"iCCP"])
def test_metadata_that_would_fill_the_memory_is_never_inflated(name: bytes) -> None:
    deflater = zlib.compressobj(9)
    bomb = b"".join(deflater.compress(bytes(1_000_000)) for _ in range(300)) + deflater.flush()
    begin = {
        b"zTXt": b"Raw profile type exif\0\0",
        b"iTXt": b"XML:com.adobe.xmp\0\1\0\0\0",
        b"iCCP": b"p\0\0",
    }[name]
    pixels, peak = decoded_peak(png((name, begin + bomb)))
    np.testing.assert_array_equal(pixels, PHOTO)
    assert peak < 20_000_000


@pytest.mark.parametrize(
    "data",
    [
        png((b"eXIf", SIDEWAYS)),
        png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP_SIDEWAYS)),
        png((b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(XMP_SIDEWAYS))),
        png((b"zTXt", b"Comment\0\0" + LONG), (b"eXIf", SIDEWAYS), (b"iCCP", b"p\0\0" + LONG)),
        png((b"eXIf", SIDEWAYS + bytes(5_000_000))),
        jpeg((0xE1, b"Exif\0\0" + SIDEWAYS)),
        jpeg((0xE2, b"ICC_PROFILE\0"), (0xFE, bytes(60_000)), (0xE1, b"Exif\0\0" + SIDEWAYS)),
        jpeg((0xE1, b"http://ns.adobe.com/xap/1.0/\0" + XMP_SIDEWAYS)),
        jpeg((0xE1, b"Exif\0\0" + SIDEWAYS + bytes(65_000)), (0xE1, b"Exif\0\0" + bytes(65_000))),
    ],
)
def test_what_turns_the_photo_still_does(data: bytes) -> None:
    assert codec.decode(data).shape == (60, 40, 3)


def test_transparency_stays() -> None:
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = (255, 0, 0, 255)
    buffer = io.BytesIO()
    Pil.fromarray(rgba).quantize(4).save(buffer, "PNG")
    data = buffer.getvalue()
    assert b"tRNS" in data
    assert codec.decode(data)[1, 1].tolist() == [255, 255, 255]


@pytest.mark.parametrize(
    "segments",
    [
        [(0xE1, b"Exif\0\0" + bytes(65_000))],
        [(0xE2, b"ICC_PROFILE\0\1\1" + bytes(65_000))],
        [(0xE2, b"ICC_PROFILE\0")],
        [(0xE2, b"MPF\0damaged")],
        [(0xE0, b"JFIF\0")],
        [(0xEE, b"Adobe\0")],
        [(0xED, b"Photoshop 3.0\x008BIM\x03\xed\x20")],
        [(0xFE, bytes(65_000))],
    ],
)
def test_a_jpeg_is_read_whatever_its_segments(segments: list[tuple[int, bytes]]) -> None:
    # Pillow joins segments of one kind again and again: 3,000 of them took five minutes.
    pixels, peak = decoded_peak(jpeg(*segments, copies=300))
    np.testing.assert_array_equal(pixels, codec.decode(JPEG))
    assert peak < 25_000_000


def test_the_color_transform_of_a_jpeg_stays() -> None:
    buffer = io.BytesIO()
    Pil.new("CMYK", (16, 16), (0, 255, 255, 0)).save(buffer, "JPEG", quality=100)
    data = buffer.getvalue()
    assert b"Adobe" in without_metadata(data)
    np.testing.assert_allclose(codec.decode(data).reshape(-1, 3).mean(axis=0), (255, 0, 0), atol=3)


def test_a_gif_is_read_whatever_its_comments() -> None:
    data = gif(40_000)  # ten megabytes, over which Pillow sits for 20 seconds
    assert len(without_metadata(data)) < 20_000
    np.testing.assert_array_equal(codec.decode(data), codec.decode(gif(0)))


@pytest.mark.parametrize("format_name", ["WEBP", "AVIF", "TIFF"])
def test_other_formats_are_read_whatever_their_metadata(format_name: str) -> None:
    buffer = io.BytesIO()
    large = {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0" + bytes(3_000_000), "icc_profile": bytes(3_000_000)}
    Pil.fromarray(PHOTO).save(buffer, format_name, **(large if format_name != "TIFF" else {}))
    assert codec.decode(buffer.getvalue()).shape == PHOTO.shape


def test_an_avif_is_read_though_its_exif_data_is_damaged() -> None:
    buffer = io.BytesIO()
    exif = b"MM\0*\0\0\0\x08\0\0"
    Pil.fromarray(PHOTO).save(buffer, "AVIF", exif=b"Exif\0\0" + exif)
    whole = buffer.getvalue()
    assert exif in whole
    damaged = whole.replace(exif, b"X" * len(exif))
    np.testing.assert_array_equal(codec.decode(damaged), codec.decode(whole))


def test_an_avif_is_turned_as_it_says() -> None:
    turned = Pil.Exif()
    turned[0x0112] = 6
    buffer = io.BytesIO()
    Pil.fromarray(PHOTO).save(buffer, "AVIF", exif=turned)  # written as a property of the picture
    assert codec.decode(buffer.getvalue()).shape == (60, 40, 3)


def test_what_is_cut_or_damaged_stays_as_it_is() -> None:
    rng = np.random.default_rng(4)
    for data in (png((b"tEXt", b"c\0d")), jpeg((0xFE, b"comment")), gif(3)):
        for length in range(0, len(data), 97):
            without_metadata(data[:length])
        for _ in range(300):
            damaged = bytearray(data)
            for position in rng.integers(0, 400, 4):
                damaged[position] = rng.integers(0, 256)
            assert len(without_metadata(bytes(damaged))) <= len(data)
    for data in (PNG, b"", b"\xff\xd8", b"GIF89a", b"text"):
        assert without_metadata(data) == data
