"""The label that China requires of generated content since September 2025 (GB 45438-2025, annex E)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from falseflaw.metadata.facts import Fact, make_fact
from falseflaw.metadata.opened import Opened
from falseflaw.metadata.parts import exif as tags

NAMESPACE = "http://www.tc260.org.cn/ns/AIGC/1.0/"
MAX_JSON = 65_536
"""Of a label, characters; the standard's fields take a few hundred."""

_FIELDS = (
    "Label",
    "ContentProducer",
    "ProduceID",
    "ReservedCode1",
    "ContentPropagator",
    "PropagateID",
    "ReservedCode2",
)
_MEANINGS = {"1": "generated", "2": "possibly_generated", "3": "suspected_generated"}


def read_aigc(photo: Opened) -> Iterator[Fact]:
    """Tells the AIGC label: its writer declares the content to be generated, or a platform suspects it.

    Label 1 is the producer's own word; 2 and 3 are a platform's: declared by the uploader without a label, or
    traces detected. The label says nothing about what part was generated, and it is lost with any removal of
    metadata.
    """
    seen: set[tuple[str, ...]] = set()
    for source, text, declared in _texts(photo):
        label = _parse(text)
        if label is None:
            if declared:
                photo.blocks.add_problem(source, "aigc_label", "damaged")
            continue
        fields = {field: _plain(label.get(field)) for field in _FIELDS}
        if tuple(fields.values()) not in seen:
            seen.add(tuple(fields.values()))
            yield make_fact(
                "aigc_label",
                source,
                "declares_ai",
                {"meaning": _MEANINGS.get(fields["Label"], "unknown"), **fields},
            )


def _texts(photo: Opened) -> Iterator[tuple[str, str, bool]]:
    """Yields source, text, and whether its place alone declares it to be a label."""
    values = photo.xmp.values(NAMESPACE, "AIGC")
    for value in values:
        yield "xmp", value, True
    if not values:  # written as a structure instead of JSON
        fields = {name: photo.xmp.values(NAMESPACE, name) for name in _FIELDS}
        if any(fields.values()):
            yield "xmp", json.dumps({name: found[0] for name, found in fields.items() if found}), True
    exif = photo.exif
    texts = [exif.user_comment(), exif.text(tags.SHOWN, tags.DESCRIPTION), exif.wide_text(tags.XP_COMMENT)]
    for text in texts:
        if "AIGC" in text[:MAX_JSON]:
            yield "exif", text, False
    for keyword, text in photo.blocks.texts:
        if keyword == "AIGC" or '"AIGC"' in text[:MAX_JSON]:
            yield "png", text, keyword == "AIGC"
    for comment in photo.blocks.comments:
        if b'"AIGC"' in comment:
            yield "jpeg", comment.decode("utf-8", "replace"), False


def _parse(text: str) -> dict[str, object] | None:
    """Returns the label's fields: the text is the label, or an object that holds it as `AIGC`."""
    start = text.find("{")
    text = text[start:].rstrip("\0 \r\n\t") if start >= 0 else ""
    # Nested deeper, the text is no label: the parser would climb down with it.
    if len(text) > MAX_JSON or text.count("{") + text.count("[") > 50:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    inner = value.get("AIGC") if isinstance(value, dict) else None
    if isinstance(inner, str):
        return _parse(inner)
    label = inner if isinstance(inner, dict) else value
    return label if isinstance(label, dict) and "Label" in label else None


def _plain(value: object) -> str:
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""
