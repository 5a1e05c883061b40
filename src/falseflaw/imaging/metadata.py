"""Takes out of an image file what says nothing about its pixels, before Pillow reads it.

Pillow refuses a PNG whose texts or color profile inflate to more than 1 MB, fails at damaged profiles, and
needs minutes to join thousands of EXIF segments of a JPEG or comments of a GIF. Nothing of that matters here,
so it is cut off unread. What turns the picture stays: EXIF data and the XMP packet that may stand for it.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

MAX_TEXT = 1_000_000
"""Of a compressed text that is kept, bytes once inflated; longer ones are cut off, never inflated further."""

MAX_METADATA = 16_000_000
"""Of metadata that is kept as it is, bytes; longer ones are cut off."""

MAX_MARKERS = 100_000
"""Of a JPEG that are counted; one with more is taken for one of too many scans."""

_PNG = b"\x89PNG\r\n\x1a\n"
_TURNING_TEXTS = (b"XML:com.adobe.xmp", b"Raw profile type exif")
_EXIF, _XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"

_JFIF = b"\xff\xe0\x00\x10JFIF\0\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_END = b"\xff\xd9"
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
"""Of segments; coded pixels hold none but restarts."""


def without_metadata(data: bytes) -> bytes:
    """Returns a JPEG, PNG, GIF or AVIF without what its first picture does not need; other data as it is.

    What follows damage is kept as it is, so that a broken file stays as readable as it was.
    """
    pieces: list[bytes | memoryview]
    if data.startswith(_PNG):
        pieces = [_PNG, *_png_chunks(data)]
    elif data.startswith(b"\xff\xd8"):
        pieces = [data[:2], *_jpeg_segments(data)]
    elif data.startswith((b"GIF87a", b"GIF89a")):
        pieces = list(_gif_blocks(data))
    elif data[4:12] in {b"ftypavif", b"ftypmif1"}:
        return _avif_without_exif(data)
    else:
        return data
    return data if sum(map(len, pieces)) == len(data) else b"".join(pieces)


def count_scans(data: bytes, most: int) -> int:
    """Returns how many scans, passes over all pixels, a JPEG's first picture has; `most` + 1 if more."""
    scans, position = 0, 2
    for _ in range(MAX_MARKERS):
        found = _MARKER.search(data, position)
        if found is None or found[0] == _END:
            return scans
        scans += found[0] == b"\xff\xda"
        if scans > most:
            return scans
        position = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
    return most + 1


def plain_jpeg(data: bytes) -> bytes:
    """Returns a JPEG with the same coded pixels and no segment that they do not need, as our encoder does.

    Args:
        data: A JPEG in YCbCr; what turns it is lost too.
    """
    pieces = [data[:2], _JFIF]
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # padding
            position += 1
            continue
        after = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == 0xDA or after > len(data):
            break
        if not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            pieces.append(data[position:after])
        position = after
    end = data.rfind(_END)
    return b"".join([*pieces, data[position : end + 2 if end > position else len(data)]])


def _png_chunks(data: bytes) -> Iterator[memoryview]:
    """Yields the chunks that pixels, transparency or rotation depend on; runs of them come as one piece."""
    view, position, kept_from = memoryview(data), len(_PNG), len(_PNG)
    seen: set[bytes] = set()
    while position + 12 <= len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        after = position + 12 + length
        if after > len(data):
            break
        if not _is_needed(name, view[position + 4 : after], seen):
            yield view[kept_from:position]
            kept_from = after
        position = after
    yield view[kept_from:]


def _is_needed(name: bytes, chunk: memoryview, seen: set[bytes]) -> bool:
    """Tells whether a PNG chunk, from its name to its checksum, matters; the first of its kind counts."""
    if name[:1].isupper() or name == b"tRNS":
        return True
    content = chunk[4:-4]
    if name == b"eXIf":
        key = name
    elif name in {b"tEXt", b"zTXt", b"iTXt"}:
        key = bytes(content[:80]).partition(b"\0")[0]
        if key not in _TURNING_TEXTS or not _inflates(name, content):
            return False
    else:
        return False
    intact = zlib.crc32(chunk[:-4]) == int.from_bytes(chunk[-4:], "big")
    if key in seen or len(content) > MAX_METADATA or not intact:
        return False
    seen.add(key)
    return True


def _inflates(name: bytes, content: memoryview) -> bool:
    """Tells whether a text is whole and within the limit; no more than the limit is ever inflated."""
    _, _, rest = bytes(content[: MAX_METADATA + 1]).partition(b"\0")
    if name == b"tEXt" or (name == b"iTXt" and rest[:1] == b"\0"):
        return True
    if name == b"zTXt":
        method, packed = rest[:1], rest[1:]
    else:  # flag, method, language, translated keyword, text
        parts = rest[2:].split(b"\0", 2)
        method, packed = rest[1:2], parts[2] if len(parts) == 3 else b""
    inflater = zlib.decompressobj()
    try:
        inflater.decompress(packed, MAX_TEXT)
    except zlib.error:
        return False
    return method == b"\0" and inflater.eof


def _jpeg_segments(data: bytes) -> Iterator[memoryview]:
    """Yields the segments that decoding needs, the first EXIF and the first XMP one, then the pixels."""
    view, position, kept_from = memoryview(data), 2, 2
    seen: set[bytes] = set()
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # padding
            position += 1
            continue
        after = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
        if marker == 0xDA or not 0xC0 <= marker <= 0xFE or 0xD0 <= marker <= 0xD9 or after > len(data):
            break
        if (0xE0 <= marker <= 0xEF or marker == 0xFE) and not _turns_or_colors(
            marker, data[position + 4 : min(after, position + 64)], after - position - 4, seen
        ):
            yield view[kept_from:position]
            kept_from = after
        position = after
    yield view[kept_from:]


def _turns_or_colors(marker: int, start: bytes, length: int, seen: set[bytes]) -> bool:
    if marker == 0xE0:  # tells the decoder that the colors are YCbCr
        return start.startswith(b"JFIF\0") and length >= 14
    if marker == 0xEE:  # and this one, which transform they went through
        return start.startswith(b"Adobe") and length >= 12
    key = next((key for key in (_EXIF, _XMP) if marker == 0xE1 and start.startswith(key)), None)
    if key is None or key in seen:
        return False
    seen.add(key)
    return True


def _gif_blocks(data: bytes) -> Iterator[memoryview]:
    """Yields the file without the comments, texts and program data before its first picture."""
    view = memoryview(data)
    position = 13 + (3 * (2 << (data[10] & 7)) if len(data) > 10 and data[10] & 0x80 else 0)
    kept_from = 0
    while position + 2 < len(data) and data[position] == 0x21:
        after = position + 2
        while after < len(data) and data[after]:
            after += data[after] + 1
        after += 1
        if after > len(data):
            break
        if data[position + 1] != 0xF9:  # that one tells which color is transparent
            yield view[kept_from:position]
            kept_from = after
        position = after
    yield view[kept_from:]


def _avif_without_exif(data: bytes) -> bytes:
    """Calls the EXIF data something that no reader knows: damaged, it hides the picture; it turns nothing.

    An item's entry (`infe`, ISO 14496-12) holds version and flags, number and protection before its type.
    """
    places = [match.end() for match in re.finditer(rb"infe\x02.{7}(?=Exif)", data[:65_536], re.DOTALL)]
    if not places:
        return data
    changed = bytearray(data)
    for place in places:
        changed[place : place + 4] = b"skip"
    return bytes(changed)
