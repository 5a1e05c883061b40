"""Parses XMP packets (ISO 16684-1) into a flat list of properties; no entity is ever expanded."""

from __future__ import annotations

from dataclasses import dataclass
from xml.parsers import expat

from falseflaw.metadata.parts.exif import Problem

MAX_PACKET = 2_000_000
"""Of one packet, bytes; what follows is not parsed."""

MAX_DEPTH = 64
MAX_PROPERTIES = 5000
MAX_CHARACTERS = 100_000
"""Of one property."""

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_CONTAINERS = frozenset({"Seq", "Bag", "Alt", "li", "Description", "RDF", "value"})


class _RefusedError(Exception):
    """The packet is not parsed any further; the argument says why."""


@dataclass(frozen=True)
class Property:
    """A value with its name.

    Attributes:
        namespace: As a URI.
        name: Without a prefix.
        value: Text of the element or attribute.
        within: Name of the property that this one is a field of, such as `History`; empty at the top.
    """

    namespace: str
    name: str
    value: str
    within: str = ""


@dataclass(frozen=True)
class Xmp:
    """Properties of all packets in the order of the file; items of a list are properties of its name."""

    properties: tuple[Property, ...] = ()

    def values(self, namespace: str, *names: str, within: str | None = None) -> list[str]:
        """Returns the values of properties with one of these names, wherever they stand or in `within`."""
        return [
            each.value
            for each in self.properties
            if each.namespace == namespace and each.name in names and within in {None, each.within}
        ]

    def uses(self, namespace: str) -> bool:
        """Tells whether any property is of this namespace."""
        return any(each.namespace == namespace for each in self.properties)


def parse_xmp(packets: list[bytes], problem: Problem) -> Xmp:
    """Parses packets; each damaged one gives what stands before the damage.

    Args:
        packets: XML in UTF-8 or UTF-16; other bytes are read as UTF-8 as far as they go.
        problem: Told `damaged`, `too_large`, `too_many`, `too_deep`, or `has_entities` of a packet with a
            document type, which XMP never has and which entities need.
    """
    collector = _Collector()
    for packet in packets:
        if len(packet) > MAX_PACKET:
            problem("too_large")
        parser = expat.ParserCreate(namespace_separator="\n")
        parser.buffer_text = True
        parser.StartElementHandler = collector.start
        parser.EndElementHandler = collector.end
        parser.CharacterDataHandler = collector.text
        parser.StartDoctypeDeclHandler = _refuse_entities
        collector.stack.clear()
        try:
            parser.Parse(_decode(packet[:MAX_PACKET]), True)
        except _RefusedError as error:
            problem(str(error))
        except (expat.ExpatError, ValueError):
            problem("damaged")
    return Xmp(tuple(collector.properties))


def _refuse_entities(*_: object) -> None:
    raise _RefusedError("has_entities")


def _decode(packet: bytes) -> str:
    encoding = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}.get(packet[:2])
    if encoding is None:
        encoding = {b"<\0": "utf-16-le", b"\0<": "utf-16-be"}.get(packet[:2], "utf-8-sig")
    text = packet.decode(encoding, "replace").strip("\0 \t\r\n")
    # Python tells expat that its text is UTF-8; a packet that declares another encoding stays readable.
    return text[text.find("?>") + 2 :].lstrip() if text.startswith("<?xml ") else text


class _Collector:
    """Turns elements and attributes into properties."""

    def __init__(self) -> None:
        self.properties: list[Property] = []
        self.stack: list[tuple[str, str, list[str]]] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        if len(self.stack) >= MAX_DEPTH:
            raise _RefusedError("too_deep")
        namespace, name = _split(tag)
        self.stack.append((namespace, name, []))
        for key, value in attributes.items():
            kind, field = _split(key)
            if kind == RDF and field == "resource":
                self.add(*self._owner(), value)
            elif kind and kind != RDF and not kind.startswith("http://www.w3.org/XML"):
                self.add(kind, field, self._owner()[1], value)

    def text(self, text: str) -> None:
        if self.stack:
            self.stack[-1][2].append(text)

    def end(self, _: str) -> None:
        value = "".join(self.stack[-1][2]).strip()
        if value:
            self.add(*self._owner(), value)
        self.stack.pop()

    def add(self, namespace: str, name: str, within: str, value: str) -> None:
        if len(self.properties) >= MAX_PROPERTIES:
            raise _RefusedError("too_many")
        if name:
            self.properties.append(Property(namespace, name, value[:MAX_CHARACTERS], within))

    def _owner(self) -> tuple[str, str, str]:
        """Returns namespace and name of the property that is open, and the name of the one around it."""
        named = [
            (namespace, name)
            for namespace, name, _ in self.stack
            if not (namespace == RDF and name in _CONTAINERS) and name != "xmpmeta"
        ]
        if not named:
            return "", "", ""
        return *named[-1], named[-2][1] if len(named) > 1 else ""


def _split(name: str) -> tuple[str, str]:
    namespace, _, local = name.rpartition("\n")
    return namespace, local
