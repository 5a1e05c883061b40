import struct

import pytest
from tests.metadata.files import ASCII, LONG, SHORT, UNDEFINED, ascii_entry, exif

from falseflaw.metadata.parts import exif as tags
from falseflaw.metadata.parts.exif import CAMERA, MAX_ENTRIES, MAX_VALUE, SHOWN, THUMBNAIL, Exif, parse_exif


def parse(data: bytes) -> tuple[Exif, list[str]]:
    told: list[str] = []
    return parse_exif(data, told.append), told


@pytest.mark.parametrize("order", ["<", ">"])
def test_all_directories_are_read_in_either_order(order: str) -> None:
    tree, told = parse(
        exif(
            order,
            shown=[ascii_entry(tags.MAKE, "Maker")],
            camera=[(tags.SENSITIVITY, SHORT, struct.pack(order + "H", 400))],
            thumbnail=[(tags.THUMBNAIL_START, LONG, struct.pack(order + "I", 12))],
        )
    )
    assert told == []
    assert tree.text(SHOWN, tags.MAKE) == "Maker"
    assert tree.integer(CAMERA, tags.SENSITIVITY) == 400
    assert tree.integer(THUMBNAIL, tags.THUMBNAIL_START) == 12


def test_what_is_absent_is_empty() -> None:
    for tree in (Exif(), parse(exif(shown=[ascii_entry(tags.MAKE, "")]))[0]):
        assert tree.text(SHOWN, tags.MAKE) == tree.text(CAMERA, tags.LENS) == tree.user_comment() == ""
        assert tree.integer(SHOWN, tags.MAKE) is None
        assert tree.rational(CAMERA, tags.EXPOSURE) is None
        assert tree.wide_text(tags.XP_COMMENT) == ""


def test_directories_that_point_at_themselves_end() -> None:
    loop = b"MM\0*" + struct.pack(">IHHHIIHHIII", 8, 2, 0x8769, LONG, 1, 8, 0x8825, LONG, 1, 8, 8)
    tree, told = parse(loop)
    assert told == []
    assert set(tree.directories) == {"shown", "camera", "place", "thumbnail"}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"MM", "truncated"),
        (b"XX\0*\0\0\0\x08\0\0", "damaged"),
        (b"MM\0*\0\0\0\x02\0\0", "damaged"),
        (b"MM\0*\xff\xff\xff\xff\0\0", "truncated"),
        (b"MM\0*\0\0\0\x08\xff\xff" + bytes(12 * 65535), "too_many"),
        (b"MM\0*\0\0\0\x08\0\x09", "truncated"),
        (b"MM\0*" + struct.pack(">IHHHII", 8, 1, tags.MAKE, ASCII, 900, 1 << 31), "truncated"),
        (b"MM\0*" + struct.pack(">IHHHII", 8, 1, tags.MAKE, ASCII, (1 << 32) - 1, 8), "too_large"),
        (b"MM\0*" + struct.pack(">IHHHII", 8, 1, tags.MAKE, 12, (1 << 32) - 1, 8), "too_large"),
    ],
)
def test_damage_is_told(data: bytes, reason: str) -> None:
    tree, told = parse(data)
    assert told == [reason]
    assert tree.text(SHOWN, tags.MAKE) == ""


def test_damage_in_an_entry_that_nobody_reads_is_not_told() -> None:
    maker_note = (0x927C, UNDEFINED, 1 << 30, 8)
    _, told = parse(b"MM\0*" + struct.pack(">IHHHIII", 8, 1, *maker_note, 0))
    assert told == []


def test_entries_that_share_a_megabyte_are_not_copied() -> None:
    count = MAX_ENTRIES
    entries = b"".join(struct.pack(">HHII", tag, UNDEFINED, MAX_VALUE, 8) for tag in range(count))
    tree, told = parse(b"MM\0*" + struct.pack(">IH", 8, count) + entries + bytes(MAX_VALUE + 8))
    assert told == []
    assert sum(size for _, _, size in tree.directories[SHOWN].values()) == count * MAX_VALUE


def test_a_wrong_type_is_no_value() -> None:
    tree, _ = parse(exif(camera=[(tags.SENSITIVITY, ASCII, b"4\0"), (tags.EXPOSURE, LONG, bytes(4))]))
    assert tree.integer(CAMERA, tags.SENSITIVITY) is None
    assert tree.rational(CAMERA, tags.EXPOSURE) is None


@pytest.mark.parametrize("raw", [b"caf\xe9\0", "café\0".encode()])
def test_texts_of_either_encoding_are_read(raw: bytes) -> None:
    assert parse(exif(shown=[(tags.MAKE, ASCII, raw)]))[0].text(SHOWN, tags.MAKE) == "café"
