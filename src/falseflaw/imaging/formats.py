"""What a file is by its first bytes, whatever its name says: photos to be read, others, no photos."""

from __future__ import annotations

from dataclasses import dataclass

HEAD_BYTES = 4096
"""So many bytes of a file are enough for `sniff`."""

READABLE = "a JPEG, PNG, WebP, AVIF, BMP, TIFF or GIF"

_SAVE_AS = "save it as JPEG or PNG in the program that made it"


@dataclass(frozen=True)
class Content:
    """What a file holds.

    Attributes:
        what: With its article, such as `a JPEG`; fits after "got".
        photo: Whether it is a picture of some kind, be it one that cannot be read here.
        plugin: Pillow's name of the format that reads it; empty where none does.
        advice: What to do with a photo that cannot be read; empty elsewhere.
    """

    what: str
    photo: bool = False
    plugin: str = ""
    advice: str = ""


EMPTY = Content("an empty file")
PIPE = Content("a pipe, socket or device")
HEIC = Content("a HEIC photo", True, "HEIF")
CAMERA_RAW = Content("a camera's raw file", True, advice=_SAVE_AS)

_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_AVIF_BRANDS = {b"avif", b"avis"}
_BMP_HEADERS = {12, 40, 52, 56, 64, 108, 124}  # a text may well begin with BM

_BEGINNINGS: tuple[tuple[bytes, Content], ...] = (
    (b"\xff\xd8\xff", Content("a JPEG", True, "JPEG")),
    (b"\x89PNG\r\n\x1a\n", Content("a PNG", True, "PNG")),
    (b"GIF87a", Content("a GIF", True, "GIF")),
    (b"GIF89a", Content("a GIF", True, "GIF")),
    (b"FUJIFILMCCD-RAW", CAMERA_RAW),
    (b"IIRO", CAMERA_RAW),  # Olympus
    (b"IIRS", CAMERA_RAW),
    (b"MMOR", CAMERA_RAW),
    (b"IIU\0", CAMERA_RAW),  # Panasonic
    (b"FOVb", CAMERA_RAW),  # Sigma
    *((begin, Content("a TIFF", True, "TIFF")) for begin in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")),
    (b"\xff\x0a", Content("a JPEG XL", True, advice=_SAVE_AS)),
    (b"\0\0\0\x0cJXL \r\n\x87\n", Content("a JPEG XL", True, advice=_SAVE_AS)),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Content("a JPEG 2000", True, advice=_SAVE_AS)),
    (b"\xff\x4f\xff\x51", Content("a JPEG 2000", True, advice=_SAVE_AS)),
    (b"II\xbc\x01", Content("a JPEG XR", True, advice=_SAVE_AS)),
    (b"8BPS", Content("a Photoshop document", True, advice=_SAVE_AS)),
    (b"%PDF", Content("a PDF document")),
    (b"%!PS", Content("a PostScript document")),
    (b"PK\x03\x04", Content("a ZIP archive or an office document")),
    (b"\xd0\xcf\x11\xe0", Content("an office document")),
    (b"Rar!", Content("a RAR archive")),
    (b"7z\xbc\xaf", Content("a 7z archive")),
    (b"\x1f\x8b", Content("a gzip archive")),
    (b"\x1aE\xdf\xa3", Content("a video")),
    (b"ID3", Content("a sound")),
    (b"OggS", Content("a sound")),
    (b"\0\0\0\x01Bud1", Content("a folder's settings (.DS_Store)")),
    (b"\0\x05\x16\x07", Content("a file's attributes (AppleDouble)")),
    (b"\x7fELF", Content("a program")),
    (b"MZ", Content("a program")),
    (b"SQLite format 3", Content("a database")),
)


def sniff(head: bytes) -> Content:
    """Tells what a file is from its first bytes, `HEAD_BYTES` of them or all."""
    if not head:
        return EMPTY
    if head[:4] == b"II*\0" and head[8:10] == b"CR":  # Canon's raw files are TIFFs by their first bytes
        return CAMERA_RAW
    for beginning, content in _BEGINNINGS:
        if head.startswith(beginning):
            return content
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if head[:4] == b"RIFF":
        kinds = {b"WEBP": Content("a WebP", True, "WEBP"), b"AVI ": Content("a video")}
        return kinds.get(head[8:12], Content("a sound"))
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return Content("a BMP", True, "BMP")
    return _text(head) or Content("data of an unknown kind")


def _iso_media(head: bytes) -> Content:
    """Tells HEIC, AVIF and videos apart, which share one container (ISO 14496-12); `mif1` names no coding."""
    size = max(16, int.from_bytes(head[:4], "big"))
    brands = {head[8:12]} | {head[start : start + 4] for start in range(16, min(size, len(head)), 4)}
    if head[8:12] == b"crx ":
        return CAMERA_RAW
    if head[8:12] in _AVIF_BRANDS:
        return Content("an AVIF", True, "AVIF")
    if head[8:12] in _HEIF_BRANDS:
        return HEIC
    if head[8:12] in {b"mif1", b"msf1", b"mif2", b"miaf"}:
        return Content("an AVIF", True, "AVIF") if brands & _AVIF_BRANDS else HEIC
    if head[8:11] == b"M4A":
        return Content("a sound")
    return Content("a video")


def _text(head: bytes) -> Content | None:
    """Tells text in UTF-8 or UTF-16 from other data; a character cut at the end does not count."""
    if head[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return Content("a text")
    try:
        text = head.decode("utf-8-sig", "strict")
    except UnicodeDecodeError as error:
        if len(head) - error.start > 3 or len(head) < HEAD_BYTES:
            return None
        text = head[: error.start].decode("utf-8-sig")
    if any(ord(character) < 32 and character not in "\t\n\v\f\r\x1b" for character in text):
        return None
    start = text.lstrip()[:1024].lower()
    if "<svg" in start and start.startswith("<"):
        return Content("an SVG drawing")
    return Content("a web page") if start.startswith(("<!doctype html", "<html")) else Content("a text")
