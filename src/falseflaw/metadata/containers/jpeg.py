"""Walks over the segments of a JPEG (ITU-T T.81, annex B) up to its pixels."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from falseflaw.metadata.blocks import MAX_BLOCK, MAX_BLOCKS, Blocks, Coding, Component
from falseflaw.metadata.containers.photoshop import find_iim

_EXIF = b"Exif\0"
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_EXTENSION = b"http://ns.adobe.com/xmp/extension/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_C2PA_UUID = b"c2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71"
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # the others are tables
_MAX_COMMENTS, _MAX_COMMENT = 20, 10_000
_MAX_DEFINITIONS = 100


def walk_jpeg(data: bytes, blocks: Blocks) -> None:
    """Collects the blocks of a JPEG's first picture."""
    blocks.coding = Coding()
    extension: dict[bytes, list[tuple[int, bytes]]] = {}
    boxes: dict[int, list[tuple[int, bytes]]] = {}
    resources: list[bytes] = []
    sizes = dict.fromkeys(("xmp", "iptc", "c2pa"), 0)

    def within_limit(source: str, payload: bytes) -> bool:
        sizes[source] += len(payload)
        if sizes[source] > MAX_BLOCK:
            blocks.add_problem(source, source, "too_large")
        return sizes[source] <= MAX_BLOCK

    for marker, start, end in _segments(data, blocks):
        head = data[start : start + 40]
        if marker == 0xDB:
            _read_tables(data[start:end], blocks)
        elif marker in _FRAMES:
            _read_frame(marker, data[start:end], blocks)
        elif marker == 0xE1 and head.startswith(_EXIF):
            blocks.exif = blocks.exif or data[start + 6 : end]
        elif marker == 0xE1 and head.startswith(_XMP):
            if within_limit("xmp", data[start:end]) and not blocks.xmp:
                blocks.xmp.append(data[start + len(_XMP) : end])
        elif marker == 0xE1 and head.startswith(_XMP_EXTENSION) and end - start >= len(_XMP_EXTENSION) + 40:
            begin = start + len(_XMP_EXTENSION)
            if within_limit("xmp", data[begin:end]):
                offset = int.from_bytes(data[begin + 36 : begin + 40], "big")
                extension.setdefault(data[begin : begin + 32], []).append((offset, data[begin + 40 : end]))
        elif marker == 0xED and head.startswith(_PHOTOSHOP):
            if within_limit("iptc", data[start:end]):
                resources.append(data[start + len(_PHOTOSHOP) : end])
        elif marker == 0xEB and head.startswith(b"JP") and end - start >= 16:
            number, sequence = struct.unpack_from(">HI", data, start + 2)
            if within_limit("c2pa", data[start:end]):
                boxes.setdefault(number, []).append((sequence, data[start + 8 : end]))
        elif marker == 0xEC and head.startswith(b"Ducky"):
            blocks.saved_for_web = True
        elif marker == 0xFE and len(blocks.comments) < _MAX_COMMENTS:
            blocks.comments.append(data[start : min(end, start + _MAX_COMMENT)])

    if blocks.xmp:  # the main packet names its extension by MD5
        for name, parts in extension.items():
            if name in blocks.xmp[0]:
                blocks.xmp.append(b"".join(part for _, part in sorted(parts)))
                break
    blocks.iim = find_iim(b"".join(resources), blocks)
    for parts in boxes.values():
        store = _join_box(parts)
        if _C2PA_UUID in store[:64]:
            blocks.manifest = store
            break


def _segments(data: bytes, blocks: Blocks) -> Iterator[tuple[int, int, int]]:
    """Yields marker, start and end of each segment's content, until the pixels or the first damage."""
    position = 2
    for _ in range(MAX_BLOCKS):
        while data[position : position + 2] == b"\xff\xff":  # padding
            position += 1
        if position + 4 > len(data):
            blocks.add_problem("jpeg", "segments", "truncated")
            return
        marker, length = data[position + 1], int.from_bytes(data[position + 2 : position + 4], "big")
        if data[position] != 0xFF or marker in {0x00, 0x01, *range(0xD0, 0xDA)} or length < 2:
            blocks.add_problem("jpeg", "segments", "damaged")
            return
        end = position + 2 + length
        if end > len(data):
            blocks.add_problem("jpeg", "segments", "truncated")
            return
        if marker == 0xDA:
            return
        yield marker, position + 4, end
        position = end
    blocks.add_problem("jpeg", "segments", "too_many")


def _read_tables(content: bytes, blocks: Blocks) -> None:
    """Reads quantization tables: precision and number, then 64 steps in zigzag order, of 8 or 16 bits."""
    coding = blocks.coding
    assert coding is not None
    position = 0
    while position < len(content):
        deep, number = content[position] >> 4, content[position] & 15
        after = position + 1 + (128 if deep else 64)
        if deep > 1 or number > 3 or after > len(content):
            blocks.add_problem("jpeg", "jpeg_tables", "damaged")
            return
        if coding.definitions >= _MAX_DEFINITIONS:
            blocks.add_problem("jpeg", "jpeg_tables", "too_many")
            return
        steps = struct.unpack_from(">64H" if deep else ">64B", content, position + 1)
        coding.tables[number] = steps
        coding.definitions += 1
        position = after


def _read_frame(marker: int, content: bytes, blocks: Blocks) -> None:
    assert blocks.coding is not None
    if len(content) < 6 or len(content) < 6 + 3 * content[5]:
        blocks.add_problem("jpeg", "frame", "damaged")
        return
    height, width, count = struct.unpack_from(">HHB", content, 1)
    blocks.coding.process = marker
    blocks.coding.size = blocks.size = (width, height)
    blocks.coding.components = tuple(
        Component(content[at + 1] >> 4, content[at + 1] & 15, content[at + 2])
        for at in range(6, 6 + 3 * count, 3)
    )


def _join_box(parts: list[tuple[int, bytes]]) -> bytes:
    """Joins the parts of a JUMBF box (ISO 19566-5, annex D); each repeats the box's own header."""
    parts.sort(key=lambda part: part[0])
    header = 16 if parts[0][1][:4] == b"\0\0\0\1" else 8
    return parts[0][1] + b"".join(part[header:] for _, part in parts[1:])
