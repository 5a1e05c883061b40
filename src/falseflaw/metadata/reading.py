"""Runs every reader over a photo's file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

from falseflaw.metadata.facts import Fact, unreadable
from falseflaw.metadata.opened import Opened, open_metadata
from falseflaw.metadata.readers.aigc import read_aigc
from falseflaw.metadata.readers.camera import read_camera
from falseflaw.metadata.readers.compression import read_compression
from falseflaw.metadata.readers.content_credentials import read_content_credentials
from falseflaw.metadata.readers.generators import read_generators
from falseflaw.metadata.readers.screenshot import read_screenshot_note, read_screenshot_size
from falseflaw.metadata.readers.software import read_editors, read_software
from falseflaw.metadata.readers.source_type import read_credits, read_source_type
from falseflaw.metadata.readers.thumbnail import read_thumbnail

_READERS: tuple[tuple[str, Callable[[Opened], Iterator[Fact]]], ...] = (
    ("c2pa_manifest", read_content_credentials),
    ("iptc_digital_source_type", read_source_type),
    ("ai_credit", read_credits),
    ("aigc_label", read_aigc),
    ("png_generator_text", read_generators),
    ("software", read_software),
    ("editor_trace", read_editors),
    ("camera", read_camera),
    ("jpeg_tables", read_compression),
    ("thumbnail_differs", read_thumbnail),
    ("screenshot_size", read_screenshot_size),
    ("screenshot_note", read_screenshot_note),
)
"""Code and reader, in the order of `CODES`."""

MAX_FACTS = 12
"""Of one code; a file that says more says it in vain."""


def read_facts(data: bytes) -> tuple[Fact, ...]:
    """Tells what a photo's file says about itself, beside its pixels.

    The same bytes give the same facts in the same order. Facts never change the probability, and neither they
    nor their absence prove anything, see `Fact`.

    Args:
        data: A whole file. Hostile ones are expected: what cannot be read becomes a fact `unreadable`, last;
            the work is bounded by the limits in `falseflaw.metadata.blocks`.

    Returns:
        Facts in the order of `CODES`; none is a regular result.
    """
    photo = open_metadata(data)
    facts: list[Fact] = []
    failed: list[Fact] = []
    for code, reader in _READERS:
        try:
            facts += islice(reader(photo), MAX_FACTS)
        except Exception:  # one reader that meets the unforeseen must not cost the others
            failed.append(unreadable("file", code, "damaged"))
    told = [unreadable(*problem) for problem in photo.blocks.problems]
    return (*facts, *told, *failed)
