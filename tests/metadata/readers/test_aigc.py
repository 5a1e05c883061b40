import json
from xml.sax.saxutils import escape, quoteattr

import pytest
from tests.metadata.files import (
    UNDEFINED,
    exif,
    exif_segment,
    facts,
    jpeg,
    only,
    png,
    reasons,
    text_chunk,
    xmp,
    xmp_segment,
)

from falseflaw.metadata.parts import exif as tags

LABEL = {
    "Label": "1",
    "ContentProducer": "001191110108MA01KP2T5U00000",
    "ProduceID": "e2f1",
    "ReservedCode1": "",
    "ContentPropagator": "平台",
    "PropagateID": "77",
    "ReservedCode2": "",
}
TEXT = json.dumps(LABEL, ensure_ascii=False)
WRAPPED = json.dumps({"AIGC": LABEL}, ensure_ascii=False)
COMMENT = exif(camera=[(tags.USER_COMMENT, UNDEFINED, b"ASCII\0\0\0" + WRAPPED.encode())])


@pytest.mark.parametrize(
    ("photo", "source"),
    [
        (jpeg(xmp_segment(xmp(f"<TC260:AIGC>{escape(TEXT)}</TC260:AIGC>"))), "xmp"),
        (jpeg(xmp_segment(xmp("", f"TC260:AIGC={quoteattr(TEXT)}"))), "xmp"),
        (jpeg(xmp_segment(xmp(f"<TC260:AIGC>{escape(WRAPPED)}</TC260:AIGC>"))), "xmp"),
        (jpeg(exif_segment(COMMENT)), "exif"),
        (png((b"eXIf", COMMENT)), "exif"),
        (png(text_chunk("AIGC", TEXT)), "png"),
        (png(text_chunk("Comment", WRAPPED)), "png"),
        (png(text_chunk("AIGC", json.dumps({"AIGC": TEXT}))), "png"),
        (jpeg((0xFE, WRAPPED.encode())), "jpeg"),
    ],
)
def test_the_label_is_found_wherever_it_may_stand(photo: bytes, source: str) -> None:
    fact = only(photo, "aigc_label")
    assert (fact.source, fact.weight) == (source, "declares_ai")
    assert fact.values == {"meaning": "generated", **{key: value for key, value in LABEL.items() if value}}


def test_a_structure_counts_as_well() -> None:
    inner = '<TC260:AIGC rdf:parseType="Resource"><TC260:Label>2</TC260:Label></TC260:AIGC>'
    assert only(jpeg(xmp_segment(xmp(inner))), "aigc_label").values == {
        "meaning": "possibly_generated",
        "Label": "2",
    }


@pytest.mark.parametrize(
    ("label", "meaning"),
    [
        ("1", "generated"),
        (1, "generated"),
        ("2", "possibly_generated"),
        ("3", "suspected_generated"),
        ("9", "unknown"),
    ],
)
def test_the_number_says_who_declares_it(label: object, meaning: str) -> None:
    fact = only(png(text_chunk("AIGC", json.dumps({"Label": label}))), "aigc_label")
    assert fact.values == {"meaning": meaning, "Label": str(label)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[1]",
        "null",
        '{"Label": ',
        "{" * 40_000,
        '{"Label":"1","a":' + "[" * 30_000,
        '{"AIGC": {"AIGC": {}}}',
    ],
)
def test_a_label_that_cannot_be_read_is_told(text: str) -> None:
    assert ("png", "aigc_label", "damaged") in reasons(png(text_chunk("AIGC", text)))
    assert facts(png(text_chunk("AIGC", text)), "aigc_label") == []


def test_two_labels_alike_are_one() -> None:
    photo = png(
        text_chunk("AIGC", TEXT), text_chunk("Comment", WRAPPED), text_chunk("AIGC", '{"Label": "3"}')
    )
    assert [fact.values["Label"] for fact in facts(photo, "aigc_label")] == ["1", "3"]
