"""What one place in a photo's file says, as a record that has no language and no opinion."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

MAX_TEXT = 200
"""Of one value, characters; longer ones end in an ellipsis."""

CODES = (
    "c2pa_manifest",
    "iptc_digital_source_type",
    "ai_credit",
    "aigc_label",
    "png_generator_text",
    "software",
    "editor_trace",
    "camera",
    "jpeg_tables",
    "thumbnail_differs",
    "screenshot_size",
    "screenshot_note",
    "unreadable",
)
"""Every `Fact.code`, in the order in which `read_facts` returns them; docs/facts.md says what each means."""

Weight = Literal["declares_ai", "declares_edit", "camera", "neutral", "unreadable"]


@dataclass(frozen=True)
class Fact:
    """One thing that the file itself says or shows, beside the pixels.

    Whoever writes a file can write, copy or remove any of it, a checked signature aside. A fact never changes
    the probability, none proves a photo to be fake, and none, nor the lack of any, proves it to be honest.

    Attributes:
        code: What was found, one of `CODES`.
        source: Where it stands: `exif`, `xmp`, `iptc`, `png`, `jpeg`, `webp`, `heif`, `tiff`, `c2pa`, `size`
            or `file`.
        values: Short printable strings by key, in a fixed order. Words of our own are codes to translate
            (`not_checked`, `truncated`); the others are quoted from the file, and anyone may have written
            them: escape them where they are shown.
        weight: What kind of statement it is, not how sure: `declares_ai` or `declares_edit` (the file says
            so, or carries what such a program leaves), `camera` (fields that cameras write, and anyone can
            copy), `neutral`, or `unreadable` (something is there that could not be read, and no more).
    """

    code: str
    source: str
    values: Mapping[str, str]
    weight: Weight


def make_fact(code: str, source: str, weight: Weight, values: Mapping[str, object]) -> Fact:
    """Builds a fact whose values are short, printable and not empty."""
    texts = {key: printable(value) for key, value in values.items() if value is not None}
    return Fact(code, source, {key: text for key, text in texts.items() if text}, weight)


def unreadable(source: str, what: str, reason: str) -> Fact:
    """Builds the fact that a part of the file is there and could not be read.

    Args:
        source: As in `Fact`.
        what: The part, such as `exif` or `aigc_label`.
        reason: `truncated`, `damaged`, `too_large`, `too_many`, `too_deep`, `bad_checksum`, `has_entities`,
            `unknown_format` or `not_supported`.
    """
    return make_fact("unreadable", source, "unreadable", {"what": what, "reason": reason})


def printable(value: object) -> str:
    """Returns a text of at most `MAX_TEXT` characters on one line.

    Control characters, marks that turn the direction of writing and other invisible ones are left out.
    """
    text = str(value)[: 8 * MAX_TEXT]
    kept = "".join(
        " " if character.isspace() else character
        for character in text
        if character.isspace() or unicodedata.category(character)[0] != "C"
    )
    line = " ".join(kept.split())
    return line if len(line) <= MAX_TEXT else line[: MAX_TEXT - 1].rstrip() + "…"
