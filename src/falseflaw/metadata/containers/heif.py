"""Finds the blocks of a HEIC or AVIF among its boxes (ISO 14496-12, ISO 23008-12)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from falseflaw.metadata.blocks import MAX_BLOCK, Blocks

_MAX_BOXES = 10_000
_C2PA_UUID = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")


def walk_heif(data: bytes, blocks: Blocks) -> None:
    """Collects the EXIF and XMP items and the C2PA box of a HEIC or AVIF."""
    seen = False
    for name, start, end in _boxes(data, 0, len(data), blocks):
        if name == b"meta" and not seen:  # a file has one; boxes may all point at the same bytes
            seen = True
            _read_meta(data, start + 4, end, blocks)
        elif name == b"uuid" and data[start : start + 16] == _C2PA_UUID:
            # Version and flags, the purpose and its end mark, an offset of 8 bytes, then the store.
            purpose_end = data.find(b"\0", start + 20, min(end, start + 60))
            if purpose_end < 0:
                blocks.add_problem("heif", "c2pa", "damaged")
            elif data[start + 20 : purpose_end] == b"manifest" and not blocks.manifest:
                blocks.manifest = data[purpose_end + 9 : min(end, purpose_end + 9 + MAX_BLOCK)]


def _boxes(data: bytes, start: int, end: int, blocks: Blocks) -> Iterator[tuple[bytes, int, int]]:
    """Yields name, start and end of the content of each box; size 0 means up to the end, 1 a long one."""
    for _ in range(_MAX_BOXES):
        if start + 8 > end:
            return
        size, name = struct.unpack_from(">I4s", data, start)
        content = start + 8
        if size == 1 and start + 16 <= end:
            (size,) = struct.unpack_from(">Q", data, content)
            content += 8
        after = end if size == 0 else start + size
        if after < content or after > end:
            blocks.add_problem("heif", "boxes", "truncated" if after > end else "damaged")
            return
        yield name, content, after
        start = after
    blocks.add_problem("heif", "boxes", "too_many")


def _read_meta(data: bytes, start: int, end: int, blocks: Blocks) -> None:
    wanted: dict[str, int] = {}
    places: dict[int, list[tuple[int, int]]] = {}
    for name, content, after in _boxes(data, start, end, blocks):
        if name == b"iinf":
            wide = data[content] > 0
            for kind, entry, entry_end in _boxes(data, content + (8 if wide else 6), after, blocks):
                if kind == b"infe":
                    _read_item(data[entry : min(entry_end, entry + 200)], wanted)
        elif name == b"iloc" and not places:
            places = _read_places(data[content:after])
    for what, number in wanted.items():
        pieces = places.get(number, [])
        if not pieces or any(offset + length > len(data) for offset, length in pieces):
            blocks.add_problem("heif", what, "truncated" if pieces else "not_supported")
            continue
        if sum(length for _, length in pieces) > MAX_BLOCK:
            blocks.add_problem("heif", what, "too_large")
            continue
        item = b"".join(data[offset : offset + length] for offset, length in pieces)
        if what == "xmp":
            blocks.xmp.extend([item] if not blocks.xmp else [])
        elif len(item) > 4:  # begins with the distance to the TIFF header
            blocks.exif = blocks.exif or item[4 + int.from_bytes(item[:4], "big") :]


def _read_item(entry: bytes, wanted: dict[str, int]) -> None:
    """Notes the first item of its kind that holds metadata.

    Args:
        entry: Version and flags, number, protection, type, name and content type.
        wanted: Numbers by kind, `exif` or `xmp`.
    """
    version = entry[0]
    number_size = 2 if version == 2 else 4
    number = int.from_bytes(entry[4 : 4 + number_size], "big")
    kind = entry[6 + number_size : 10 + number_size]
    if version not in {2, 3}:
        return
    if kind == b"Exif":
        wanted.setdefault("exif", number)
    elif kind == b"mime" and b"application/rdf+xml" in entry:
        wanted.setdefault("xmp", number)


def _read_places(content: bytes) -> dict[int, list[tuple[int, int]]]:
    """Returns offset and length of the pieces of each item that lies in the file itself."""
    version = content[0]
    offset_size, length_size = content[4] >> 4, content[4] & 15
    base_size, index_size = content[5] >> 4, content[5] & 15 if version else 0
    number_size = 4 if version == 2 else 2
    position, left = 6, _MAX_BOXES

    def take(size: int) -> int:
        nonlocal position
        if position + size > len(content):
            raise IndexError
        position += size
        return int.from_bytes(content[position - size : position], "big")

    places: dict[int, list[tuple[int, int]]] = {}
    for _ in range(min(take(number_size), _MAX_BOXES)):
        number = take(number_size)
        method = take(2) & 15 if version else 0
        take(2)  # number of the file that holds it; 0 is this one
        base = take(base_size)
        pieces = []
        count = take(2)
        left -= count  # fields may take no bytes, then the file's size limits nothing
        if left < 0:
            raise IndexError
        for _ in range(count):
            take(index_size)
            offset, length = base + take(offset_size), take(length_size)
            pieces.append((offset, length))
        if method == 0:
            places[number] = pieces
    return places
