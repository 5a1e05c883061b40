"""Walks over the chunks of a PNG (W3C PNG, third edition)."""

from __future__ import annotations

import binascii
import struct
import zlib

from falseflaw.metadata.blocks import MAX_BLOCK, MAX_BLOCKS, MAX_INFLATED, MAX_INFLATED_IN_ALL, Blocks
from falseflaw.metadata.containers.photoshop import find_iim

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_KEPT = {b"IHDR": "header", b"eXIf": "exif", b"caBX": "c2pa"} | dict.fromkeys(_TEXTS, "text")
_XMP = "XML:com.adobe.xmp"
_PROFILE = "Raw profile type "


def walk_png(data: bytes, blocks: Blocks) -> None:
    """Collects the blocks of a PNG, those behind its pixels too."""
    position = len(SIGNATURE)
    for _ in range(MAX_BLOCKS):
        if position + 12 > len(data):
            blocks.add_problem("png", "chunks", "truncated")
            return
        length, name = struct.unpack_from(">I4s", data, position)
        after = position + 12 + length
        if after > len(data):
            blocks.add_problem("png", "chunks", "truncated")
            return
        if name == b"IEND":
            return
        what = _KEPT.get(name)
        if what is not None and length > MAX_BLOCK:
            blocks.add_problem("png", what, "too_large")
        elif what is not None and zlib.crc32(data[position + 4 : after - 4]) != int.from_bytes(
            data[after - 4 : after], "big"
        ):
            blocks.add_problem("png", what, "bad_checksum")
        elif what is not None:
            _read_chunk(name, data[position + 8 : after - 4], blocks)
        position = after
    blocks.add_problem("png", "chunks", "too_many")


def _read_chunk(name: bytes, content: bytes, blocks: Blocks) -> None:
    if name == b"IHDR" and len(content) >= 8:
        width, height = struct.unpack_from(">II", content)
        blocks.size = (width, height)
    elif name == b"eXIf":
        blocks.exif = blocks.exif or content.removeprefix(b"Exif\0\0")
    elif name == b"caBX":
        blocks.manifest = blocks.manifest or content
    elif name in _TEXTS:
        _read_text(name, content, blocks)


def _read_text(name: bytes, content: bytes, blocks: Blocks) -> None:
    """Reads keyword and text; the latter is Latin-1, compressed or not, or (iTXt) UTF-8."""
    raw_keyword, found, rest = content.partition(b"\0")
    keyword = raw_keyword[:79].decode("latin-1")
    packed, encoding = name == b"zTXt", "latin-1"
    if name == b"zTXt":
        rest = rest[1:]
    elif name == b"iTXt":  # flag, method, language, translated keyword, text
        parts = rest[2:].split(b"\0", 2)
        packed, encoding = rest[:1] == b"\1", "utf-8"
        rest = parts[2] if len(parts) == 3 else b""
        found = found if len(parts) == 3 else b""
    if not found:
        blocks.add_problem("png", "text", "damaged")
        return
    if packed:
        inflated = _inflate(rest, blocks)
        if inflated is None:
            return
        rest = inflated
    if keyword == _XMP:
        blocks.xmp.extend([rest] if not blocks.xmp else [])
    elif keyword.startswith(_PROFILE):
        _read_profile(keyword[len(_PROFILE) :], rest, blocks)
    else:
        blocks.add_text(keyword, _decode(rest[:MAX_INFLATED], encoding))


def _decode(raw: bytes, encoding: str) -> str:
    """Decodes a text; many programs write UTF-8 where the standard wants Latin-1."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode(encoding, "replace")


def _inflate(packed: bytes, blocks: Blocks) -> bytes | None:
    """Inflates no more than `MAX_INFLATED` bytes."""
    inflater = zlib.decompressobj()
    if blocks.inflated > MAX_INFLATED_IN_ALL - MAX_INFLATED:
        blocks.add_problem("png", "texts", "too_large")
        return None
    try:
        text = inflater.decompress(packed, MAX_INFLATED)
    except zlib.error:
        blocks.inflated += MAX_INFLATED  # however far it came
        blocks.add_problem("png", "text", "damaged")
        return None
    blocks.inflated += len(text)
    if not inflater.eof:
        blocks.add_problem("png", "text", "too_large" if len(text) >= MAX_INFLATED else "truncated")
        return None
    return text


def _read_profile(kind: str, text: bytes, blocks: Blocks) -> None:
    """Reads what ImageMagick writes: a name, a count of bytes, then the bytes in hexadecimal."""
    parts = text.split(None, 2)
    try:
        raw = binascii.unhexlify(b"".join(parts[2].split())) if len(parts) == 3 else b""
    except binascii.Error:
        raw = b""
    if not raw:
        blocks.add_problem("png", "text", "damaged")
    elif raw.startswith(b"Exif\0\0"):  # "exif" or "APP1"
        blocks.exif = blocks.exif or raw[6:]
    elif kind == "exif":
        blocks.exif = blocks.exif or raw
    elif kind == "xmp":
        blocks.xmp.extend([raw] if not blocks.xmp else [])
    elif kind in {"iptc", "8bim"}:
        blocks.iim = blocks.iim or (find_iim(raw, blocks) if raw.startswith(b"8BIM") else raw)
