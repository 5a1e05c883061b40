"""Cuts the blocks of metadata out of the containers that photos come in."""

from __future__ import annotations

from collections.abc import Callable

from falseflaw.imaging.formats import HEAD_BYTES, sniff
from falseflaw.metadata.blocks import Blocks
from falseflaw.metadata.containers.heif import walk_heif
from falseflaw.metadata.containers.jpeg import walk_jpeg
from falseflaw.metadata.containers.png import walk_png
from falseflaw.metadata.containers.tiff import walk_tiff
from falseflaw.metadata.containers.webp import walk_webp


def read_blocks(data: bytes) -> Blocks:
    """Collects the blocks of a photo's file; never raises, whatever the bytes."""
    blocks = Blocks()
    walk = _walker(data, blocks)
    if walk is None:
        blocks.add_problem("file", "file", "unknown_format")
        return blocks
    try:
        walk(data, blocks)
    except Exception:  # a walker that met what it was not written for keeps what it has
        blocks.add_problem(blocks.kind, blocks.kind, "damaged")
    return blocks


def _walker(data: bytes, blocks: Blocks) -> Callable[[bytes, Blocks], None] | None:
    plugin = sniff(data[:HEAD_BYTES]).plugin
    blocks.kind, walk = _WALKERS.get(plugin, ("", None))
    return walk


_WALKERS: dict[str, tuple[str, Callable[[bytes, Blocks], None]]] = {
    "JPEG": ("jpeg", walk_jpeg),
    "PNG": ("png", walk_png),
    "WEBP": ("webp", walk_webp),
    "HEIF": ("heif", walk_heif),
    "AVIF": ("heif", walk_heif),
    "TIFF": ("tiff", walk_tiff),
}
