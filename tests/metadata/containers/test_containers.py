import io
import struct

import pytest
from PIL import Image as Pil
from tests.metadata.files import (
    ASCII,
    JPEG,
    MAIN_XMP,
    PHOTO,
    PNG,
    ascii_entry,
    chunk,
    exif,
    exif_segment,
    facts,
    jpeg,
    only,
    png,
    reasons,
    saved,
    text_chunk,
    xmp,
    xmp_segment,
)

from falseflaw.metadata.blocks import Blocks
from falseflaw.metadata.containers import heif, read_blocks
from falseflaw.metadata.parts import exif as tags

TREE = exif(shown=[ascii_entry(tags.MAKE, "Canon")])
EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
GUID = b"0123456789ABCDEF0123456789ABCDEF"


def extension(offset: int, content: bytes, name: bytes = GUID) -> tuple[int, bytes]:
    return 0xE1, EXTENSION + name + struct.pack(">II", 999, offset) + content


def test_a_long_packet_of_a_jpeg_is_joined() -> None:
    main = xmp("", f'xmp:Label="{GUID.decode()}"')
    rest = xmp("<xmp:CreatorTool>GIMP</xmp:CreatorTool>")
    photo = jpeg(xmp_segment(main), extension(200, rest[200:]), extension(0, rest[:200]))
    assert only(photo, "editor_trace").values["editor"] == "GIMP"
    stranger = jpeg(xmp_segment(main), extension(0, rest, b"F" * 32))
    assert facts(stranger, "editor_trace") == []


def test_the_first_exif_and_the_first_packet_count() -> None:
    other = exif(shown=[ascii_entry(tags.MAKE, "Nikon")])
    photo = jpeg(
        exif_segment(TREE), exif_segment(other), (0xE1, MAIN_XMP + xmp("")), (0xE1, MAIN_XMP + b"<a>")
    )
    assert only(photo, "camera").values["make"] == "Canon"
    assert reasons(photo) == []


def test_padding_before_a_marker_is_skipped() -> None:
    assert only(JPEG[:2] + b"\xff" * 500 + jpeg(exif_segment(TREE))[2:], "camera").values["make"] == "Canon"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (JPEG[:300], "truncated"),
        (JPEG[:2] + b"\xff\xe1\xff\xff", "truncated"),
        (JPEG[:2] + b"\xff\xe1\0\1" + JPEG[2:], "damaged"),
        (JPEG[:2] + b"\xff\xfe\0\4ab" + b"rubbish" + JPEG[2:], "damaged"),
    ],
)
def test_a_damaged_jpeg_is_told(data: bytes, reason: str) -> None:
    assert reasons(data) == [("jpeg", "segments", reason)]


def test_a_png_is_read_behind_its_pixels_too() -> None:
    behind = PNG[:-12] + chunk(*text_chunk("Software", "GIMP")) + PNG[-12:]
    assert only(behind, "editor_trace").values["editor"] == "GIMP"
    assert facts(PNG + chunk(*text_chunk("Software", "GIMP")), "editor_trace") == []


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (png((b"tEXt", b"Software\0GIMP")).replace(b"\0GIMP", b"\0Gimp"), ("png", "text", "bad_checksum")),
        (png((b"zTXt", b"Software\0\0rubbish")), ("png", "text", "damaged")),
        (png((b"iTXt", b"Software\0\1")), ("png", "text", "damaged")),
        (png((b"tEXt", b"Software")), ("png", "text", "damaged")),
        (png((b"tEXt", b"Raw profile type exif\0\nexif\n 4\nzz")), ("png", "text", "damaged")),
        (png((b"eXIf", bytes(17_000_000))), ("png", "exif", "too_large")),
        (PNG[:-20], ("png", "chunks", "truncated")),
        (PNG[:33] + b"\xff\xff\xff\xffIDAT" + bytes(20), ("png", "chunks", "truncated")),
    ],
)
def test_a_damaged_png_is_told(data: bytes, problem: tuple[str, str, str]) -> None:
    assert reasons(data) == [problem]


def test_texts_of_a_png_are_read_in_whatever_encoding() -> None:
    for raw in ("图".encode(), b"caf\xe9"):
        photo = png((b"tEXt", b"Software\0" + raw))
        assert only(photo, "software").values["name"] in {"图", "café"}


def test_what_follows_a_webp_is_not_its_own() -> None:
    assert reasons(saved("WEBP") + b"rubbish of a download") == []


def test_a_damaged_webp_is_told() -> None:
    whole = saved("WEBP", exif=b"Exif\0\0" + TREE)
    assert reasons(whole) == []
    assert reasons(whole[:-20]) == [("webp", "chunks", "truncated")]


def test_a_heic_of_a_phone_is_read() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    buffer = io.BytesIO()
    image = pillow_heif.from_pillow(Pil.fromarray(PHOTO))
    image.save(buffer, exif=b"Exif\0\0" + TREE, xmp=xmp("", 'xmp:CreatorTool="Snapseed"'))
    assert only(buffer.getvalue(), "camera").values["make"] == "Canon"
    assert only(buffer.getvalue(), "editor_trace").values["editor"] == "Snapseed"
    assert reasons(buffer.getvalue()) == []


def test_items_that_share_a_megabyte_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    count, metas = 9000, 30
    entries = b"".join(box(b"infe", b"\2\0\0\0" + struct.pack(">HH", n, 0) + b"Exif\0") for n in range(count))
    places = b"\0\0\0\0\x44\0" + struct.pack(">H", count)
    places += b"".join(struct.pack(">HHHII", number, 0, 1, 0, 1_000_000) for number in range(count))
    items = box(b"iinf", bytes(4) + struct.pack(">H", count) + entries)
    meta = box(b"meta", bytes(4) + items + box(b"iloc", places))
    read: list[int] = []
    original = heif._read_meta

    def counted(data: bytes, start: int, end: int, blocks: Blocks) -> None:
        read.append(start)
        original(data, start, end, blocks)

    monkeypatch.setattr(heif, "_read_meta", counted)
    photo = box(b"ftyp", b"heic\0\0\0\0mif1heic") + meta * metas
    assert len(read_blocks(photo).exif) <= 1_000_000
    assert len(read) == 1


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def heic(places: bytes, entry: bytes = b"\2\0\0\0\0\1\0\0Exif\0") -> bytes:
    items = box(b"iinf", bytes(4) + b"\0\1" + box(b"infe", entry))
    return box(b"ftyp", b"heic\0\0\0\0mif1heic") + box(b"meta", bytes(4) + items + box(b"iloc", places))


@pytest.mark.parametrize(
    ("places", "problem"),
    [
        (b"\0\0\0\0\x44\0\0\1\0\1\0\0\0\1" + struct.pack(">II", 1 << 31, 9), ("heif", "exif", "truncated")),
        (b"\1\0\0\0\x44\0\0\1\0\1\0\1\0\0\0\1" + struct.pack(">II", 0, 9), ("heif", "exif", "not_supported")),
        (b"\0\0\0\0\x44\0\0\1\0\1", ("heif", "heif", "damaged")),
        (b"\0\0\0\0\0\0\xff\xff" + b"\0\1\0\0\xff\xff" * 65535, ("heif", "heif", "damaged")),
    ],
    ids=["beyond the end", "in another place", "cut", "fields of no bytes"],
)
def test_a_damaged_heic_is_told(places: bytes, problem: tuple[str, str, str]) -> None:
    assert reasons(heic(places)) == [problem]


def test_boxes_of_a_wrong_size_end_the_walk() -> None:
    begin = box(b"ftyp", b"heic\0\0\0\0mif1heic")
    assert reasons(begin + b"\0\0\0\4meta" + bytes(40)) == [("heif", "boxes", "damaged")]
    assert reasons(begin + b"\0\0\xff\xffmeta" + bytes(40)) == [("heif", "boxes", "truncated")]
    assert reasons(begin + box(b"free", b"") * 10_001) == [("heif", "boxes", "too_many")]


def test_a_big_tiff_is_told() -> None:
    assert reasons(b"II+\0\x08\0\0\0" + bytes(40)) == [("tiff", "tiff", "not_supported")]


def test_a_tiff_is_its_own_exif_data() -> None:
    photo = exif(shown=[(tags.MAKE, ASCII, b"Canon\0"), (0x0100, 4, struct.pack(">I", 8))])
    assert only(photo, "camera").values["make"] == "Canon"


def test_sizes_are_told_without_decoding() -> None:
    assert read_blocks(JPEG).size == read_blocks(PNG).size == (PHOTO.shape[1], PHOTO.shape[0])
    assert read_blocks(PNG).coding is None
