"""Every reader at once: order, limits, and files made to break them."""

from __future__ import annotations

import dataclasses
import random
import struct
import sys
import tracemalloc
import unicodedata
import zlib
from collections import Counter
from pathlib import Path

import pytest
from tests.metadata.files import (
    BYTE,
    JPEG,
    LONG,
    PNG,
    UNDEFINED,
    ascii_entry,
    chunk,
    exif,
    exif_segment,
    facts,
    iim,
    iim_segment,
    jpeg,
    jumbf,
    jumbf_segments,
    png,
    reasons,
    saved,
    segment,
    text_chunk,
    xmp,
    xmp_segment,
)

from falseflaw.metadata import CODES, Fact, read_facts, reading
from falseflaw.metadata.blocks import MAX_INFLATED_IN_ALL
from falseflaw.metadata.containers import read_blocks
from falseflaw.metadata.facts import MAX_TEXT
from falseflaw.metadata.parts import exif as tags

TREE = exif(
    shown=[
        ascii_entry(tags.MAKE, "Canon"),
        ascii_entry(tags.SOFTWARE, "GIMP 2.10"),
        (tags.XP_COMMENT, BYTE, "note".encode("utf-16-le")),
    ],
    camera=[(tags.USER_COMMENT, UNDEFINED, b'ASCII\0\0\0{"AIGC": {"Label": "1"}}')],
    thumbnail=[
        (tags.THUMBNAIL_START, LONG, struct.pack(">I", 8)),
        (tags.THUMBNAIL_LENGTH, LONG, struct.pack(">I", 40)),
    ],
)
PACKET = xmp(
    "<xmpMM:History><rdf:Seq><rdf:li stEvt:action='saved' stEvt:softwareAgent='Adobe Photoshop 25'/>"
    "</rdf:Seq></xmpMM:History>",
    'xmp:CreatorTool="Adobe Firefly" Iptc4xmpExt:DigitalSourceType="trainedAlgorithmicMedia" '
    'photoshop:Credit="Made with Google AI"',
)
RECORDS = iim((1, 90, b"\x1b%G"), (2, 65, b"Snapseed"), (2, 110, b"Made with AI"))
FULL = {
    "jpeg": jpeg(
        exif_segment(TREE),
        xmp_segment(PACKET),
        iim_segment(RECORDS),
        (0xEC, b"Ducky\0\1\0\4\0\0\0\x50\0\0"),
        (0xFE, b"Created with GIMP"),
        *jumbf_segments(jumbf(bytes(90)), most=60),
    ),
    "png": png(
        (b"eXIf", TREE),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(PACKET)),
        (b"zTXt", b"parameters\0\0" + zlib.compress(b"a\nSteps: 9, Sampler: Euler, Seed: 1")),
        (b"tEXt", b"Raw profile type iptc\0\niptc\n  9\n" + RECORDS.hex().encode()),
        text_chunk("Software", "NovelAI"),
        (b"caBX", jumbf(bytes(30))),
    ),
    "webp": saved("WEBP", exif=b"Exif\0\0" + TREE, xmp=PACKET),
    "avif": saved("AVIF", exif=b"Exif\0\0" + TREE, xmp=PACKET),
    "tiff": saved("TIFF", tiffinfo={305: "GIMP", 700: PACKET, 33723: RECORDS, 52545: jumbf()}),
}


@pytest.fixture(autouse=True)
def without_c2pa(monkeypatch: pytest.MonkeyPatch) -> None:
    """The native library has limits of its own, see tests/metadata/readers/test_content_credentials.py."""
    monkeypatch.setitem(sys.modules, "c2pa", None)


def check(found: tuple[Fact, ...]) -> None:
    """What holds of the facts of any file."""
    assert [fact.code for fact in found] == sorted((fact.code for fact in found), key=CODES.index)
    assert max(Counter(fact.code for fact in found).values(), default=0) <= reading.MAX_FACTS
    for fact in found:
        assert (fact.code == "unreadable") == (fact.weight == "unreadable")
        assert len(fact.values) <= 12
        for text in fact.values.values():
            assert 0 < len(text) <= MAX_TEXT
            assert not any(unicodedata.category(character)[0] == "C" for character in text)


def calls(data: bytes) -> int:
    """Calls of functions, native ones too, that reading a file takes: a measure of work without a clock."""
    count = 0

    def tick(*_: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(tick)
    try:
        read_facts(data)
    finally:
        sys.setprofile(None)
    return count


def peak(data: bytes) -> int:
    """The most bytes that Python held while it read a file."""
    tracemalloc.start()
    try:
        read_facts(data)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", FULL)
def test_a_file_that_says_everything_is_read(name: str) -> None:
    found = read_facts(FULL[name])
    check(found)
    codes = {fact.code for fact in found}
    assert codes > {"iptc_digital_source_type", "ai_credit", "software", "editor_trace"}
    assert ("c2pa_manifest" in codes) == (name in {"jpeg", "png", "tiff"})
    assert ("aigc_label" in codes) == ("camera" in codes) == (name != "tiff")


@pytest.mark.parametrize("name", FULL)
def test_the_same_bytes_give_the_same_facts(name: str) -> None:
    assert repr(read_facts(FULL[name])) == repr(read_facts(bytes(FULL[name])))


def test_a_plain_photo_has_next_to_nothing_to_say() -> None:
    assert read_facts(PNG) == ()
    assert [fact.code for fact in read_facts(JPEG)] == ["jpeg_tables"]


@pytest.mark.parametrize(
    "data", [b"", b"\xff\xd8", b"GIF89a" + bytes(50), b"BM" + bytes(60), b"text", b"%PDF-1.7"]
)
def test_files_without_a_reader_are_told(data: bytes) -> None:
    assert reasons(data) == [("file", "file", "unknown_format")]


@pytest.mark.parametrize("name", FULL)
def test_mutations_never_raise_and_are_bounded(name: str) -> None:
    rng = random.Random(name)
    whole = FULL[name]
    usual = calls(whole)
    for number in range(120):
        data = bytearray(whole)
        for _ in range(rng.choice([1, 2, 8, 40])):
            kind, place = rng.randrange(4), rng.randrange(len(data))
            if kind == 0:
                data[place] = rng.choice([0, 1, 0x7F, 0x80, 0xFE, 0xFF, rng.randrange(256)])
            elif kind == 1:
                data[place : place + 4] = rng.choice(
                    [bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\0\1"]
                )
            elif kind == 2:
                del data[place : place + rng.randrange(1, 30)]
            else:
                data[place:place] = data[rng.randrange(len(data)) :][: rng.randrange(1, 60)]
        if number % 6 == 0:
            del data[rng.randrange(len(data)) :]
        check(read_facts(bytes(data)))
        if number % 10 == 0:
            assert calls(bytes(data)) < 20 * usual + 20_000


@pytest.mark.parametrize("name", FULL)
def test_every_cut_is_read_up_to_there(name: str) -> None:
    whole = FULL[name]
    for length in range(0, len(whole), max(1, len(whole) // 60)):
        check(read_facts(whole[:length]))


def test_a_hundred_thousand_segments_are_not_read_to_the_end() -> None:
    many = JPEG[:2] + segment(0xE5, b"") * 150_000 + JPEG[2:]
    assert reasons(many) == [("jpeg", "segments", "too_many")]
    assert calls(many) < 1_000_000
    assert reasons(PNG[:33] + chunk(b"teST", b"") * 150_000 + PNG[33:]) == [("png", "chunks", "too_many")]


@pytest.mark.parametrize(
    "head",
    [
        (0xE1, b"Exif\0\0"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0"),
        (0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 32 + bytes(8)),
        (0xEB, b"JP\0\1\0\0\0\1\0\0\xff\xffjumb"),
        (0xED, b"Photoshop 3.0\0"),
        (0xFE, b"comment"),
        (0xDB, b"\1" * 65),
        (0xE2, b"ICC_PROFILE\0\1\1"),
    ],
    ids=["exif", "xmp", "xmp extension", "c2pa", "photoshop", "comment", "tables", "color profile"],
)
def test_a_hundred_megabytes_of_segments_fill_no_memory(head: tuple[int, bytes]) -> None:
    marker, begin = head
    huge = JPEG[:2] + segment(marker, begin.ljust(65_000, b"\0")) * 1600 + JPEG[2:]
    assert peak(huge) < 70_000_000
    check(read_facts(huge))


@pytest.mark.parametrize(
    ("name", "begin"),
    [
        (b"zTXt", b"parameters\0\0"),
        (b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0"),
        (b"zTXt", b"Raw profile type exif\0\0"),
    ],
)
def test_compressed_bombs_are_not_inflated(name: bytes, begin: bytes) -> None:
    deflater = zlib.compressobj(9)
    bomb = b"".join(deflater.compress(bytes(1_000_000)) for _ in range(40)) + deflater.flush()
    photo = png((name, begin + bomb))
    assert reasons(photo) == [("png", "text", "too_large")]
    assert peak(photo) < 5_000_000


@pytest.mark.parametrize("ending", [b"", b"\xff"])
def test_a_thousand_texts_are_not_inflated_together(ending: bytes) -> None:
    packed = zlib.compress(bytes(900_000))[: -4 if ending else None] + ending * 4  # a wrong sum at the end
    photo = png(*[(b"zTXt", b"Software\0\0" + packed)] * 1000)
    blocks = read_blocks(photo)
    assert 10_000_000 < blocks.inflated <= MAX_INFLATED_IN_ALL
    assert ("png", "texts", "too_large") in blocks.problems


def test_a_thousand_texts_are_a_hundred() -> None:
    photo = png(*[text_chunk("Software", f"program {number}") for number in range(1000)])
    check(read_facts(photo))
    assert ("png", "texts", "too_many") in reasons(photo)


ENTITIES = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + b"".join(
    b'<!ENTITY %c "%s">' % (98 + number, (b"&%c;" % (97 + number)) * 10) for number in range(9)
)


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b'<?xml version="1.0"?>' + ENTITIES + b"]><x>&j;</x>", "has_entities"),
        (b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', "has_entities"),
        (b'<!DOCTYPE x SYSTEM "http://example.invalid/x.dtd"><x/>', "has_entities"),
        (b"<a>" * 20_000, "too_deep"),
        (xmp("<xmp:Label>a</xmp:Label>" * 20_000), "too_many"),
        (xmp("<xmp:Label>" + "a" * 3_000_000 + "</xmp:Label>"), "too_large"),
        (xmp("<xmp:Label>a</xmp:Nickname>"), "damaged"),
        (xmp("<unknown:Label>a</unknown:Label>"), "damaged"),
        (b"\xff\xfe\x00\xd8\x00\xd8", "damaged"),
        (b"", ""),
        (b"no markup", "damaged"),
    ],
    ids=lambda value: value[:12].decode("latin-1") if isinstance(value, bytes) else value,
)
def test_hostile_xml_is_told(packet: bytes, reason: str) -> None:
    photo = png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet))
    check(read_facts(photo))
    assert ("xmp", "xmp", reason) in [*reasons(photo), ("xmp", "xmp", "")]
    assert peak(photo) < 30_000_000


def test_what_stands_before_the_damage_of_a_packet_counts() -> None:
    packet = xmp("<xmp:CreatorTool>GIMP</xmp:CreatorTool><xmp:Label>")
    photo = jpeg(xmp_segment(packet))
    assert [fact.values["editor"] for fact in facts(photo, "editor_trace")] == ["GIMP"]
    assert reasons(photo) == [("xmp", "xmp", "damaged")]


def test_texts_are_made_harmless() -> None:
    name = "Pho\u202eto\x1b[31m\x00shop\u200b <b>&amp;" + "x" * 500
    (fact,) = facts(png(text_chunk("Software", name)), "software")
    assert fact.values["name"].startswith("Photo[31mshop <b>&amp;xxx")
    assert len(fact.values["name"]) == MAX_TEXT
    assert fact.values["name"].endswith("…")


def test_a_reader_that_fails_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> list[Fact]:
        raise RecursionError

    monkeypatch.setattr(reading, "_READERS", (("camera", fail), *reading._READERS))
    found = read_facts(JPEG)
    assert [fact.code for fact in found] == ["jpeg_tables", "unreadable"]
    assert found[-1].values == {"what": "camera", "reason": "damaged"}


def test_facts_are_records() -> None:
    (fact,) = read_facts(JPEG)
    with pytest.raises(dataclasses.FrozenInstanceError):
        fact.code = "camera"  # type: ignore[misc]


def test_the_page_lists_every_code() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "facts.md").read_text(encoding="utf-8")
    listed = [line.split("`")[1] for line in page.splitlines() if line.startswith("| `")]
    assert tuple(listed) == CODES
    assert {code for code, _ in reading._READERS} == set(CODES) - {"unreadable"}
