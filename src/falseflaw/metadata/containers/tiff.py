"""Finds the blocks of a TIFF, which is a directory of entries like EXIF data itself."""

from __future__ import annotations

from functools import partial

from falseflaw.metadata.blocks import Blocks
from falseflaw.metadata.parts import exif as tags
from falseflaw.metadata.parts.exif import SHOWN, parse_exif


def walk_tiff(data: bytes, blocks: Blocks) -> None:
    """Collects the blocks of a TIFF; the file itself is the EXIF data."""
    if data[2:4] in {b"+\0", b"\0+"}:  # BigTIFF
        blocks.add_problem("tiff", "tiff", "not_supported")
        return
    blocks.exif = data
    # What is wrong with the directories is told when the EXIF data are parsed.
    tree = parse_exif(data, partial(blocks.add_problem, "exif", "exif"))
    packet = tree.raw(SHOWN, tags.XMP)
    blocks.xmp.extend([packet] if packet else [])
    blocks.iim = tree.raw(SHOWN, tags.IIM)
    blocks.manifest = tree.raw(SHOWN, tags.C2PA)
