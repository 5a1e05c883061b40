import pytest
from tests.metadata.files import NAMESPACES, xmp

from falseflaw.metadata.parts.xmp import MAX_DEPTH, MAX_PROPERTIES, Xmp, parse_xmp


def parse(*packets: bytes) -> tuple[Xmp, list[str]]:
    told: list[str] = []
    return parse_xmp(list(packets), told.append), told


@pytest.mark.parametrize(
    "packet",
    [
        xmp("<xmp:CreatorTool>Tool é</xmp:CreatorTool>"),
        xmp("", 'xmp:CreatorTool="Tool é"'),
        xmp("<xmp:CreatorTool rdf:resource='Tool é'/>"),
        xmp("<xmp:CreatorTool><rdf:Alt><rdf:li>Tool é</rdf:li></rdf:Alt></xmp:CreatorTool>"),
        xmp("<xmp:CreatorTool>Tool &#233;</xmp:CreatorTool>"),
        xmp("<xmp:CreatorTool><![CDATA[Tool é]]></xmp:CreatorTool>"),
        xmp("<xmp:CreatorTool>Tool é</xmp:CreatorTool>").decode().encode("utf-16"),
        xmp("<xmp:CreatorTool>Tool é</xmp:CreatorTool>").decode().encode("utf-16-be"),
        b"\xef\xbb\xbf" + xmp("<xmp:CreatorTool>Tool é</xmp:CreatorTool>") + b" " * 2000 + b"\0",
        b'<?xml version="1.0" encoding="UTF-16"?>' + xmp("<xmp:CreatorTool>Tool é</xmp:CreatorTool>"),
    ],
)
def test_a_property_is_read_in_every_notation_and_encoding(packet: bytes) -> None:
    tree, told = parse(packet)
    assert told == []
    assert tree.values(NAMESPACES["xmp"], "CreatorTool") == ["Tool é"]
    assert tree.uses(NAMESPACES["xmp"])
    assert not tree.uses(NAMESPACES["crs"])


def test_fields_know_what_they_are_within() -> None:
    tree, _ = parse(
        xmp(
            "<xmpMM:History><rdf:Seq><rdf:li stEvt:action='saved'/>"
            "<rdf:li rdf:parseType='Resource'><stEvt:action>edited</stEvt:action></rdf:li>"
            "</rdf:Seq></xmpMM:History>"
            "<xmpMM:Versions><rdf:Seq><rdf:li stEvt:action='converted'/></rdf:Seq></xmpMM:Versions>"
        )
    )
    assert tree.values(NAMESPACES["stEvt"], "action") == ["saved", "edited", "converted"]
    assert tree.values(NAMESPACES["stEvt"], "action", within="History") == ["saved", "edited"]


def test_bytes_of_another_encoding_cost_a_letter_only() -> None:
    tree, told = parse(xmp("<xmp:CreatorTool>Tool X</xmp:CreatorTool>").replace(b"X", b"\xe9"))
    assert told == []
    assert tree.values(NAMESPACES["xmp"], "CreatorTool") == ["Tool \ufffd"]


def test_a_second_packet_is_read_after_a_damaged_one() -> None:
    tree, told = parse(b"<a><b>", xmp("<xmp:CreatorTool>Tool</xmp:CreatorTool>"))
    assert told == ["damaged"]
    assert tree.values(NAMESPACES["xmp"], "CreatorTool") == ["Tool"]


def test_depth_and_number_are_bounded() -> None:
    deep = "<rdf:li>" * (MAX_DEPTH - 4) + "a" + "</rdf:li>" * (MAX_DEPTH - 4)
    assert parse(xmp(f"<xmp:Label>{deep}</xmp:Label>"))[1] == []
    assert parse(xmp(f"<xmp:Label><rdf:li>{deep}</rdf:li></xmp:Label>"))[1] == ["too_deep"]
    tree, told = parse(xmp("<xmp:Label>a</xmp:Label>" * (MAX_PROPERTIES + 1)))
    assert (len(tree.properties), told) == (MAX_PROPERTIES, ["too_many"])
