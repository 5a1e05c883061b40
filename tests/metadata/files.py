"""Builders of tiny photos with metadata of any kind, damaged ones too."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from PIL import Image as Pil

from falseflaw.imaging import codec
from falseflaw.metadata import Fact, read_facts
from falseflaw.types import Image

_Y, _X = np.mgrid[0:96, 0:128]
PHOTO: Image = np.stack(
    [120 + 60 * np.sin(_X / 9), 100 + 50 * np.cos(_Y / 7), (_X + _Y) % 200], axis=-1
).astype(np.uint8)
JPEG = codec.encode_jpeg(PHOTO, 90)
PNG = codec.encode_png(PHOTO)

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED = 1, 2, 3, 4, 5, 7
SHOWN, CAMERA, THUMBNAIL = "shown", "camera", "thumbnail"
Entry = tuple[int, int, bytes]
"""Tag, type and value."""

MAIN_XMP = b"http://ns.adobe.com/xap/1.0/\0"
NAMESPACES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpMM": "http://ns.adobe.com/xap/1.0/mm/",
    "stEvt": "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#",
    "crs": "http://ns.adobe.com/camera-raw-settings/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "TC260": "http://www.tc260.org.cn/ns/AIGC/1.0/",
}


def segment(marker: int, content: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


def jpeg(*segments: tuple[int, bytes], photo: bytes = JPEG) -> bytes:
    """The photo as JPEG with further segments at its beginning."""
    return photo[:2] + b"".join(segment(*each) for each in segments) + photo[2:]


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(*chunks: tuple[bytes, bytes], photo: bytes = PNG) -> bytes:
    """The photo as PNG with further chunks behind its header."""
    return photo[:33] + b"".join(chunk(*each) for each in chunks) + photo[33:]


def text_chunk(keyword: str, text: str) -> tuple[bytes, bytes]:
    return b"iTXt", keyword.encode() + b"\0\0\0\0\0" + text.encode()


def exif(order: str = ">", **directories: list[Entry]) -> bytes:
    """A TIFF tree with the directories `shown`, `camera` and `thumbnail`."""
    shown = list(directories.get(SHOWN, []))
    camera, thumbnail = directories.get(CAMERA, []), directories.get(THUMBNAIL, [])
    if camera:
        shown.append((0x8769, LONG, bytes(4)))  # where it lies is known once the first one is laid out
        shown[-1] = (0x8769, LONG, struct.pack(order + "I", 8 + len(_directory(order, 8, shown, 0))))
    first_size = len(_directory(order, 8, shown, 0))
    camera_part = _directory(order, 8 + first_size, camera, 0) if camera else b""
    following = 8 + first_size + len(camera_part) if thumbnail else 0
    first = _directory(order, 8, shown, following)
    last = _directory(order, following, thumbnail, 0) if thumbnail else b""
    mark = b"MM\0*" if order == ">" else b"II*\0"
    return mark + struct.pack(order + "I", 8) + first + camera_part + last


def _directory(order: str, start: int, entries: list[Entry], following: int) -> bytes:
    sizes = {BYTE: 1, ASCII: 1, SHORT: 2, LONG: 4, RATIONAL: 8, UNDEFINED: 1}
    head, tail = struct.pack(order + "H", len(entries)), b""
    place = start + 2 + 12 * len(entries) + 4
    for tag, kind, value in sorted(entries):
        head += struct.pack(order + "HHI", tag, kind, len(value) // sizes[kind])
        if len(value) <= 4:
            head += value.ljust(4, b"\0")
        else:
            head += struct.pack(order + "I", place + len(tail))
            tail += value + bytes(len(value) % 2)
    return head + struct.pack(order + "I", following) + tail


def ascii_entry(tag: int, text: str) -> Entry:
    return tag, ASCII, text.encode() + b"\0"


def exif_segment(data: bytes) -> tuple[int, bytes]:
    return 0xE1, b"Exif\0\0" + data


def xmp(inner: str, attributes: str = "") -> bytes:
    """A packet whose description has these elements and attributes; all prefixes are declared."""
    declared = " ".join(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        f'<x:xmpmeta {declared}><rdf:RDF><rdf:Description rdf:about="" {attributes}>{inner}'
        '</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


def xmp_segment(packet: bytes) -> tuple[int, bytes]:
    return 0xE1, MAIN_XMP + packet


def iim(*records: tuple[int, int, bytes]) -> bytes:
    return b"".join(
        struct.pack(">BBBH", 0x1C, record, number, len(content)) + content
        for record, number, content in records
    )


def iim_segment(data: bytes) -> tuple[int, bytes]:
    resource = b"8BIM\x04\x04\0\0" + struct.pack(">I", len(data)) + data + bytes(len(data) % 2)
    return 0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x25\0\0" + struct.pack(">I", 16) + bytes(16) + resource


def jumbf(content: bytes = b"") -> bytes:
    """A manifest store by its first boxes alone."""
    described = b"c2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71\x03c2pa\0"
    inner = struct.pack(">I", 8 + len(described)) + b"jumd" + described + content
    return struct.pack(">I", 8 + len(inner)) + b"jumb" + inner


def jumbf_segments(store: bytes, most: int = 60_000) -> list[tuple[int, bytes]]:
    pieces = [store[at : at + most] for at in range(8, len(store), most)]
    return [
        (0xEB, b"JP" + struct.pack(">HI", 1, number) + store[:8] + piece)
        for number, piece in enumerate(pieces, 1)
    ]


def saved(format_name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Pil.fromarray(PHOTO).save(buffer, format_name, **options)
    return buffer.getvalue()


def facts(data: bytes, code: str) -> list[Fact]:
    """The facts of a file that have this code."""
    return [fact for fact in read_facts(data) if fact.code == code]


def only(data: bytes, code: str) -> Fact:
    """The single fact of a file that has this code."""
    (fact,) = facts(data, code)
    return fact


def reasons(data: bytes) -> list[tuple[str, str, str]]:
    """Source, part and reason of what could not be read."""
    return [(fact.source, fact.values["what"], fact.values["reason"]) for fact in facts(data, "unreadable")]
