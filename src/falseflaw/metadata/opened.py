"""A photo's file, cut into blocks and its blocks parsed, as the readers of facts see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from falseflaw.metadata.blocks import Blocks
from falseflaw.metadata.containers import read_blocks
from falseflaw.metadata.parts.exif import Exif, Problem, parse_exif
from falseflaw.metadata.parts.iim import Iim, parse_iim
from falseflaw.metadata.parts.xmp import Xmp, parse_xmp

_Block = TypeVar("_Block")
_Parsed = TypeVar("_Parsed")


@dataclass(frozen=True)
class Opened:
    """A file's metadata; what it does not have is empty.

    Attributes:
        data: The whole file.
        blocks: What its container holds; readers add the problems that they meet.
    """

    data: bytes
    blocks: Blocks
    exif: Exif
    xmp: Xmp
    iim: Iim


def open_metadata(data: bytes) -> Opened:
    """Parses the metadata of a file; never raises, whatever the bytes."""
    blocks = read_blocks(data)
    return Opened(
        data,
        blocks,
        _parse(parse_exif, blocks.exif, Exif(), partial(blocks.add_problem, "exif", "exif")),
        _parse(parse_xmp, blocks.xmp, Xmp(), partial(blocks.add_problem, "xmp", "xmp")),
        _parse(parse_iim, blocks.iim, Iim(), partial(blocks.add_problem, "iptc", "iptc")),
    )


def _parse(
    parse: Callable[[_Block, Problem], _Parsed], block: _Block, empty: _Parsed, problem: Problem
) -> _Parsed:
    try:
        return parse(block, problem)
    except Exception:  # a parser that meets the unforeseen must not cost the others
        problem("damaged")
        return empty
