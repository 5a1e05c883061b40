"""Walks over the chunks of a WebP (RIFF container, WebP Container Specification)."""

from __future__ import annotations

import struct

from falseflaw.metadata.blocks import MAX_BLOCK, MAX_BLOCKS, Blocks

_KEPT = {b"EXIF": "exif", b"XMP ": "xmp", b"C2PA": "c2pa"}


def walk_webp(data: bytes, blocks: Blocks) -> None:
    """Collects the blocks of a WebP; its metadata follow the pixels."""
    size = 8 + int.from_bytes(data[4:8], "little")
    if size > len(data):
        blocks.add_problem("webp", "chunks", "truncated")
    position, size = 12, min(size, len(data))
    for _ in range(MAX_BLOCKS):
        if position + 8 > size:
            return
        name, length = struct.unpack_from("<4sI", data, position)
        start, end = position + 8, position + 8 + length
        if end > size:
            blocks.add_problem("webp", "chunks", "truncated")
            return
        what = _KEPT.get(name)
        if what is not None and length > MAX_BLOCK:
            blocks.add_problem("webp", what, "too_large")
        elif what == "exif":
            blocks.exif = blocks.exif or data[start:end].removeprefix(b"Exif\0\0")
        elif what == "xmp" and not blocks.xmp:
            blocks.xmp.append(data[start:end])
        elif what == "c2pa":
            blocks.manifest = blocks.manifest or data[start:end]
        position = end + length % 2
    blocks.add_problem("webp", "chunks", "too_many")
