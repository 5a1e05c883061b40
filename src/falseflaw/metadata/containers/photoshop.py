"""Finds the IPTC records among Photoshop's image resources (Adobe Photoshop File Formats)."""

from __future__ import annotations

from falseflaw.metadata.blocks import Blocks

_MAX_RESOURCES = 1000
_IIM = 0x0404
_SIGNATURES = frozenset({b"8BIM", b"MeSa", b"PHUT", b"AgHg", b"DCSR"})


def find_iim(resources: bytes, blocks: Blocks) -> bytes:
    """Returns the IPTC-IIM records, empty where there are none."""
    position = 0
    for _ in range(_MAX_RESOURCES):
        if position + 12 > len(resources):
            return b""
        if resources[position : position + 4] not in _SIGNATURES:
            blocks.add_problem("iptc", "iptc", "damaged")
            return b""
        number = int.from_bytes(resources[position + 4 : position + 6], "big")
        name = resources[position + 6]
        start = position + 6 + name + 1 + (name + 1) % 2  # a name with its length, padded to even
        size = int.from_bytes(resources[start : start + 4], "big")
        if start + 4 + size > len(resources):
            blocks.add_problem("iptc", "iptc", "truncated")
            return b""
        if number == _IIM:
            return resources[start + 4 : start + 4 + size]
        position = start + 4 + size + size % 2
    blocks.add_problem("iptc", "iptc", "too_many")
    return b""
