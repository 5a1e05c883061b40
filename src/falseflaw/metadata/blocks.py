"""The metadata of a file as it lies there: cut out of its container, not understood yet."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_BLOCKS = 100_000
"""Segments, chunks or boxes of a file that are walked over; what follows is not looked at."""

MAX_BLOCK = 16_000_000
"""Of one block that is kept, bytes; larger ones are told as `too_large`."""

MAX_INFLATED = 1_000_000
"""Of one compressed text, bytes once inflated; nothing is inflated further."""

MAX_INFLATED_IN_ALL = 16_000_000
"""Of all compressed texts of a file, bytes once inflated."""

MAX_TEXTS = 100
"""Texts of a file that are kept."""

MAX_PROBLEMS = 10
"""Blocks that could not be read and are told one by one."""


@dataclass(frozen=True)
class Component:
    """One band of a JPEG: its sampling factors across and down, and the number of its table."""

    across: int
    down: int
    table: int


@dataclass
class Coding:
    """How a JPEG's pixels are coded.

    Attributes:
        tables: By number, 64 quantization steps in zigzag order; the last definition counts.
        components: In the order of the frame; empty without a frame header.
        size: Width and height, pixels.
        process: The frame's marker, 0xC0 (baseline) to 0xCF; 0 without a frame header.
        definitions: Tables that were read, those among them that were defined anew.
    """

    tables: dict[int, tuple[int, ...]] = field(default_factory=dict)
    components: tuple[Component, ...] = ()
    size: tuple[int, int] = (0, 0)
    process: int = 0
    definitions: int = 0


@dataclass
class Blocks:
    """What a walk over a container collected; a damaged one leaves what came before the damage.

    Attributes:
        kind: `jpeg`, `png`, `webp`, `heif`, `tiff`, or empty for other files.
        exif: From its TIFF header on; empty where there is none.
        xmp: Packets; a JPEG's extension comes second.
        iim: IPTC-IIM records.
        texts: Keyword and text of a PNG's text chunks.
        comments: Of a JPEG.
        manifest: Beginning of the C2PA manifest store, a JUMBF box; empty where there is none.
        saved_for_web: Whether a JPEG has the `Ducky` segment of Photoshop's "Save for Web".
        coding: Of a JPEG.
        size: Width and height where the container tells them, pixels.
        inflated: Bytes that compressed texts came to.
        problems: Source, part and reason of what could not be read, see `facts.unreadable`.
    """

    kind: str = ""
    exif: bytes = b""
    xmp: list[bytes] = field(default_factory=list)
    iim: bytes = b""
    texts: list[tuple[str, str]] = field(default_factory=list)
    comments: list[bytes] = field(default_factory=list)
    manifest: bytes = b""
    saved_for_web: bool = False
    coding: Coding | None = None
    size: tuple[int, int] = (0, 0)
    inflated: int = 0
    problems: list[tuple[str, str, str]] = field(default_factory=list)

    def add_problem(self, source: str, what: str, reason: str) -> None:
        """Notes what could not be read, once, and no more than `MAX_PROBLEMS` in all."""
        problem = (source, what, reason)
        if problem not in self.problems and len(self.problems) < MAX_PROBLEMS:
            self.problems.append(problem)

    def add_text(self, keyword: str, text: str) -> None:
        """Keeps a text of a PNG, no more than `MAX_TEXTS` in all."""
        if len(self.texts) < MAX_TEXTS:
            self.texts.append((keyword, text))
        else:
            self.add_problem("png", "texts", "too_many")
