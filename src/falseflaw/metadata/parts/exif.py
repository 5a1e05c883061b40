"""Parses EXIF data: a TIFF tree of which a few known branches are followed (CIPA DC-008, TIFF 6.0)."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field

MAX_ENTRIES = 1000
"""Of one directory."""

MAX_VALUE = 1_000_000
"""Of one entry, bytes; larger ones are left out, ComfyUI's workflows stay below it."""

SHOWN, THUMBNAIL, CAMERA, PLACE = "shown", "thumbnail", "camera", "place"
"""The directories: of the picture (0), of its thumbnail (1), of the camera (EXIF), of the place (GPS)."""

MAKE, MODEL, SOFTWARE, CHANGED = 0x010F, 0x0110, 0x0131, 0x0132
DESCRIPTION, XP_COMMENT = 0x010E, 0x9C9C
EXPOSURE, APERTURE, SENSITIVITY, TAKEN, FOCAL_LENGTH = 0x829A, 0x829D, 0x8827, 0x9003, 0x920A
USER_COMMENT, LENS = 0x9286, 0xA434
XMP, IIM, C2PA = 0x02BC, 0x83BB, 0xCD41
THUMBNAIL_START, THUMBNAIL_LENGTH = 0x0201, 0x0202

_READ = frozenset(
    {MAKE, MODEL, SOFTWARE, CHANGED, DESCRIPTION, XP_COMMENT, EXPOSURE, APERTURE, SENSITIVITY, TAKEN}
    | {FOCAL_LENGTH, USER_COMMENT, LENS, XMP, IIM, C2PA, THUMBNAIL_START, THUMBNAIL_LENGTH}
)
"""Entries whose damage is told; honest files are full of others that editors moved or cut."""

_POINTERS = {0x8769: CAMERA, 0x8825: PLACE}
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}

Problem = Callable[[str], None]
"""Takes the reason why something could not be read."""


@dataclass(frozen=True)
class Exif:
    """The entries of the directories that are followed, undecoded.

    Attributes:
        data: From the TIFF header on; offsets count from here.
        order: `<` or `>`, as in `struct`.
        directories: By name, then by tag: type, place and size in bytes.
    """

    data: bytes = b""
    order: str = ">"
    directories: dict[str, dict[int, tuple[int, int, int]]] = field(default_factory=dict)

    def raw(self, directory: str, tag: int) -> bytes:
        """Returns the bytes of an entry; empty where there is none."""
        return self._entry(directory, tag)[1]

    def text(self, directory: str, tag: int) -> str:
        """Returns an entry as text up to its end mark; UTF-8, else Latin-1."""
        return _decode(self.raw(directory, tag).partition(b"\0")[0])

    def integer(self, directory: str, tag: int) -> int | None:
        """Returns the first number of an entry of type BYTE, SHORT or LONG."""
        kind, raw = self._entry(directory, tag)
        code = {1: "B", 3: "H", 4: "I"}.get(kind)
        if code is None or len(raw) < _SIZES[kind]:
            return None
        return int(struct.unpack_from(self.order + code, raw)[0])

    def rational(self, directory: str, tag: int) -> tuple[int, int] | None:
        """Returns numerator and denominator of an entry of type RATIONAL; none without a value."""
        kind, raw = self._entry(directory, tag)
        if kind != 5 or len(raw) < 8:
            return None
        above, below = struct.unpack_from(self.order + "II", raw)
        return (above, below) if below else None

    def _entry(self, directory: str, tag: int) -> tuple[int, bytes]:
        # Cut out when it is asked for: a thousand entries may point at the same megabyte.
        kind, place, size = self.directories.get(directory, {}).get(tag, (0, 0, 0))
        return kind, self.data[place : place + size]

    def user_comment(self) -> str:
        """Returns the comment of the camera directory, whose first 8 bytes name its encoding."""
        raw = self.raw(CAMERA, USER_COMMENT)
        code, rest = raw[:8], raw[8:]
        if code == b"UNICODE\0":
            return _decode_utf16(rest, self.order)
        if code in {b"ASCII\0\0\0", bytes(8)}:
            return _decode(rest.rstrip(b"\0"))
        return _decode(raw.rstrip(b"\0"))  # some programs write no code at all

    def wide_text(self, tag: int) -> str:
        """Returns one of Windows' own entries, which are UTF-16, little-endian."""
        return self.raw(SHOWN, tag).decode("utf-16-le", "replace").rstrip("\0")


def parse_exif(data: bytes, problem: Problem) -> Exif:
    """Parses EXIF data; what is damaged is told and left out.

    Args:
        data: From the TIFF header on; empty for none.
        problem: Told `damaged`, `truncated`, `too_many` or `too_large`.
    """
    if not data:
        return Exif()
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(data[:4])
    if order is None or len(data) < 8:
        problem("damaged" if len(data) >= 8 else "truncated")
        return Exif()
    exif = Exif(data, order)
    (start,) = struct.unpack_from(order + "I", data, 4)
    following = _read_directory(exif, SHOWN, start, problem)
    for pointer, name in _POINTERS.items():
        place = exif.integer(SHOWN, pointer)
        if place is not None:  # each name is read once, so that loops end
            _read_directory(exif, name, place, problem)
    if following:
        _read_directory(exif, THUMBNAIL, following, problem)
    return exif


def _read_directory(exif: Exif, name: str, start: int, problem: Problem) -> int:
    """Reads a directory of entries; returns where the one behind it begins, or 0."""
    data, order = exif.data, exif.order
    if start < 8 or start + 2 > len(data):
        problem("truncated" if start >= 8 else "damaged")
        return 0
    (count,) = struct.unpack_from(order + "H", data, start)
    entries: dict[int, tuple[int, int, int]] = {}
    exif.directories[name] = entries
    if count > MAX_ENTRIES:
        problem("too_many")
    for at in range(start + 2, start + 2 + 12 * min(count, MAX_ENTRIES), 12):
        if at + 12 > len(data):
            problem("truncated")
            return 0
        tag, kind, number = struct.unpack_from(order + "HHI", data, at)
        size = _SIZES.get(kind, 0) * number
        place = at + 8 if size <= 4 else struct.unpack_from(order + "I", data, at + 8)[0]
        if tag in entries or not size:
            continue
        if size > MAX_VALUE or place + size > len(data):
            if tag in _READ:
                problem("too_large" if size > MAX_VALUE else "truncated")
        else:
            entries[tag] = (kind, place, size)
    end = start + 2 + 12 * count
    return int(struct.unpack_from(order + "I", data, end)[0]) if end + 4 <= len(data) else 0


def _decode(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _decode_utf16(raw: bytes, order: str) -> str:
    """Decodes UTF-16; many programs write big-endian whatever the order of the file."""
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return raw.decode("utf-16", "replace").rstrip("\0")
    head = raw[:400]
    high = head[::2].count(0) - head[1::2].count(0)  # Latin letters have a zero in the high byte
    big = high > 0 if high else order == ">"
    return raw.decode("utf-16-be" if big else "utf-16-le", "replace").rstrip("\0")
