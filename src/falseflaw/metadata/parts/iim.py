"""Parses IPTC-IIM records (IPTC Information Interchange Model 4.2)."""

from __future__ import annotations

from dataclasses import dataclass

from falseflaw.metadata.parts.exif import Problem

MAX_RECORDS = 1000
MAX_VALUE = 100_000
"""Of one record, bytes."""

PROGRAM, VERSION, CREDIT = (2, 65), (2, 70), (2, 110)
_CHARACTER_SET = (1, 90)
_UTF_8 = b"\x1b%G"


@dataclass(frozen=True)
class Iim:
    """Record and data set number with its text, in the order of the file."""

    records: tuple[tuple[tuple[int, int], str], ...] = ()

    def values(self, number: tuple[int, int]) -> list[str]:
        """Returns the texts of a data set, such as `PROGRAM`."""
        return [text for each, text in self.records if each == number]


def parse_iim(data: bytes, problem: Problem) -> Iim:
    """Parses records up to the first damage.

    Args:
        data: Records, each of a mark (0x1C), its two numbers, a length and its content.
        problem: Told `damaged`, `truncated`, `too_large` or `too_many`.
    """
    raw: list[tuple[tuple[int, int], bytes]] = []
    position = 0
    while position < len(data) and data[position] == 0x1C:
        if len(raw) >= MAX_RECORDS:
            problem("too_many")
            break
        number = (data[position + 1], data[position + 2]) if position + 5 <= len(data) else (0, 0)
        length = int.from_bytes(data[position + 3 : position + 5], "big")
        start = position + 5
        if length & 0x8000:  # the length's own length follows
            start += length & 0x7FFF
            length = int.from_bytes(data[position + 5 : min(start, position + 13)], "big")
        if start + length > len(data) or number == (0, 0):
            problem("truncated")
            break
        if length > MAX_VALUE:
            problem("too_large")
        else:
            raw.append((number, data[start : start + length]))
        position = start + length
    else:
        if data[position:].strip(b"\0"):
            problem("damaged")
    utf_8 = (_CHARACTER_SET, _UTF_8) in raw
    return Iim(tuple((number, _decode(content, utf_8)) for number, content in raw))


def _decode(content: bytes, utf_8: bool) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("utf-8" if utf_8 else "latin-1", "replace")
