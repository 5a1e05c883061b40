"""The only place where image files become pixels and pixels become image files."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import stat
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageOps, UnidentifiedImageError

from falseflaw.errors import UnreadableImageError
from falseflaw.imaging.formats import (
    CAMERA_RAW,
    EMPTY,
    HEAD_BYTES,
    HEIC,
    PIPE,
    READABLE,
    Content,
    sniff,
)
from falseflaw.imaging.metadata import count_scans, without_metadata
from falseflaw.types import HeatMap, Image, Mask

MAX_PIXELS = 150_000_000
"""Larger photos are refused before they are decoded (decompression bombs)."""

MAX_BYTES = 1_000_000_000
"""Larger files are refused before they are read."""

MAX_SCANS = 100
"""JPEGs of more are refused: a file of some bytes a scan would keep the decoder busy for hours. Cameras and
editors write up to about ten; https://libjpeg-turbo.org/pmwiki/uploads/About/TwoIssueswiththeJPEGStandard.pdf."""

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".gif"}
    | {".heic", ".heif", ".hif", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".jxl", ".jp2"}
)
"""Endings that claim to be a photo, whatever the file then holds."""

Subsampling = Literal["4:4:4", "4:2:2", "4:2:0"]

JpegTables = tuple[tuple[int, ...], ...]
"""Quantization tables of 64 steps each, in Pillow's order: one for all bands, one each for luma and chroma,
or one a band."""


def decode(source: Path | bytes, name: str | None = None) -> Image:
    """Decodes a photo, applies its EXIF rotation and returns it as writable uint8 RGB (H, W, 3).

    The content decides the format, not the name. Transparent pixels are laid on white; deeper gray is
    scaled to 8 bits (see `_gray_to_8_bits`); CMYK is converted without color profiles; of an animation
    or a multi-picture file the first frame counts. EXIF data that cannot be read turns nothing; texts and
    color profiles of any size are left unread. HEIC needs the package pillow-heif (extra `heic`).

    Args:
        source: A file, or the bytes of one.
        name: What error messages call it; by default the file's name.

    Raises:
        UnreadableImageError: Missing, a folder or device, empty, truncated, not an image, or above
            `MAX_PIXELS` or `MAX_BYTES`; the message says what the file is instead.
    """
    label = _label(source, name)
    data = read_file(source, name) if isinstance(source, Path) else source
    content = sniff(data[:HEAD_BYTES])
    if content == EMPTY:
        raise UnreadableImageError(f"cannot read {label}: the file is empty")
    if content == HEIC and not _can_read_heic():
        raise UnreadableImageError(
            f"cannot read {label}: {content.what} needs a package that is not installed; "
            "install it: pip install 'falseflaw[heic]' (or pillow-heif)"
        )
    if not content.plugin:
        raise _unreadable(label, content)
    if content.plugin == "JPEG" and count_scans(data, MAX_SCANS) > MAX_SCANS:
        raise UnreadableImageError(
            f"cannot read {label}: expected a JPEG of at most {MAX_SCANS} scans, got more; "
            "open it in an editor and save it again"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # One plugin alone: Pillow knows more formats, and runs Ghostscript for some of them.
            with Pil.open(io.BytesIO(without_metadata(data)), formats=[content.plugin]) as opened:
                if _is_preview(opened):
                    raise _unreadable(label, CAMERA_RAW)
                width, height = opened.size
                if width * height > MAX_PIXELS:
                    raise _too_large(label, f"{width}x{height} pixels")
                return pixels_of(opened)
    except UnreadableImageError:
        raise
    except UnidentifiedImageError as error:
        raise UnreadableImageError(
            f"cannot read {label}: expected {READABLE}, got {content.what} that is damaged"
        ) from error
    except Pil.DecompressionBombError as error:
        raise _too_large(label, "its pixels") from error
    except Exception as error:  # Pillow's plugins raise many kinds, SyntaxError and struct.error among them
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UnreadableImageError(f"cannot read {label}: {reason}") from error


def pixels_of(image: Pil.Image) -> Image:
    """Returns an opened picture of Pillow's as `decode` would: upright, 8 bits, on white; uint8 (H, W, 3).

    Raises:
        Exception: Whatever Pillow raises at a file that is opened, but broken further on.
    """
    image.load()
    return np.array(_to_rgb(_turn_upright(image)), dtype=np.uint8)


def look_at(path: Path, name: str | None = None) -> Content:
    """Tells what a file is from its first bytes; never opens a pipe, which might block.

    Raises:
        UnreadableImageError: Missing, a folder, or may not be read.
    """
    with contextlib.suppress(OSError, ValueError):  # told below
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            return PIPE
    _, head = _open(path, _label(path, name), HEAD_BYTES)
    return sniff(head)


def read_file(path: Path, name: str | None = None) -> bytes:
    """Returns the bytes of a file that may be a photo.

    Raises:
        UnreadableImageError: Missing, a folder, a pipe or device, above `MAX_BYTES`, or may not be read.
    """
    label = _label(path, name)
    size, data = _open(path, label, MAX_BYTES)
    if size > MAX_BYTES:
        raise UnreadableImageError(f"cannot read {label}: {size} bytes exceed the limit of {MAX_BYTES}")
    return data


def _label(source: Path | bytes, name: str | None) -> str:
    return " ".join((name or (source.name if isinstance(source, Path) else "image")).split())


def _open(path: Path, label: str, limit: int) -> tuple[int, bytes]:
    """Returns the size of a file and its first bytes; none of a file above `MAX_BYTES` asked for whole."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise UnreadableImageError(f"cannot read {label}: expected an image file, got a folder")
        if not stat.S_ISREG(status.st_mode):  # a pipe or device would block, or never end
            raise UnreadableImageError(f"cannot read {label}: expected an image file, got {PIPE.what}")
        if status.st_size > limit == MAX_BYTES:
            return status.st_size, b""
        with path.open("rb") as stream:
            return status.st_size, stream.read(limit)
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        raise UnreadableImageError(
            f"cannot read {label}: {getattr(error, 'strerror', None) or error}"
        ) from error


def _can_read_heic() -> bool:
    """Tells whether pillow-heif is there, and makes Pillow know its format."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _is_preview(image: Pil.Image) -> bool:
    """Tells the small preview that raw files of cameras begin with from a photo saved as TIFF."""
    tags = getattr(image, "tag_v2", {})
    return 50706 in tags or bool(int(tags.get(254, 0)) & 1)  # DNGVersion; NewSubfileType: reduced size


def _unreadable(label: str, content: Content) -> UnreadableImageError:
    advice = f"; {content.advice}" if content.advice else ""
    return UnreadableImageError(f"cannot read {label}: expected {READABLE}, got {content.what}{advice}")


def _too_large(label: str, what: str) -> UnreadableImageError:
    return UnreadableImageError(f"cannot read {label}: {what} exceed the limit of {MAX_PIXELS} pixels")


def _turn_upright(image: Pil.Image) -> Pil.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # the pixels are decoded already; damaged EXIF raises anything
        return image


def _to_rgb(image: Pil.Image) -> Pil.Image:
    if image.mode.startswith("I;16") or image.mode in {"I", "F"}:
        return Pil.fromarray(_gray_to_8_bits(np.asarray(image, dtype=np.float64), image.mode)).convert("RGB")
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Pil.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Pil.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def _gray_to_8_bits(values: NDArray[np.float64], mode: str) -> NDArray[np.uint8]:
    """Scales deep gray (H, W) to uint8; white is 65535 for 16 bits.

    The 32-bit and float modes do not say what white is: 1 (float only), 255, 65535 or the brightest
    pixel is taken, whichever is the first that no pixel exceeds.
    """
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    brightest = float(values.max(initial=0.0))
    candidates = {"F": (1.0, 255.0, 65535.0), "I": (255.0, 65535.0)}.get(mode, (65535.0,))
    white = next((candidate for candidate in candidates if brightest <= candidate), brightest)
    return np.clip(values / white * 255, 0, 255).round().astype(np.uint8)


def encode_jpeg(image: Image, quality: int, subsampling: Subsampling = "4:2:0") -> bytes:
    """Encodes as baseline JPEG without metadata; quality 1 to 100."""
    return _encode(image, "JPEG", quality=quality, subsampling=subsampling)


def encode_jpeg_with_tables(image: Image, tables: JpegTables, subsampling: Subsampling) -> bytes:
    """Encodes as JPEG with these quantization tables, without metadata."""
    return _encode(image, "JPEG", qtables=[list(table) for table in tables], subsampling=subsampling)


def read_jpeg_tables(source: Path | bytes, name: str | None = None) -> tuple[JpegTables, Subsampling]:
    """Returns the quantization tables of a JPEG, band by band, and its chroma subsampling; decodes no pixel.

    Raises:
        UnreadableImageError: Missing, no JPEG in color, or chroma that `Subsampling` has no word for.
    """
    label = _label(source, name)
    data = read_file(source, name) if isinstance(source, Path) else source
    try:
        with Pil.open(io.BytesIO(without_metadata(data)), formats=["JPEG"]) as opened:
            steps: dict[int, list[int]] = getattr(opened, "quantization", {})
            layers: list[tuple[int, int, int, int]] = getattr(opened, "layer", [])
            tables = [tuple(steps[table]) for _, _, _, table in layers]
    except Exception as error:  # as for `decode`
        raise UnreadableImageError(f"cannot read {label}: expected a JPEG, got another file") from error
    ratios = [layer[1:3] for layer in layers]
    found = _SUBSAMPLINGS.get(ratios[0]) if len(ratios) == 3 and ratios[1:] == [(1, 1)] * 2 else None
    if found is None:
        raise UnreadableImageError(
            f"cannot read {label}: expected a JPEG in color with chroma {', '.join(get_args(Subsampling))}; "
            f"got bands of {', '.join(f'{across}x{down}' for across, down in ratios) or 'unknown size'}"
        )
    return tuple(tables[: 2 if tables[1] == tables[2] else 3]), found


_SUBSAMPLINGS: Mapping[tuple[int, int], Subsampling] = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0"}


def encode_webp(image: Image, quality: int) -> bytes:
    """Encodes as lossy WebP; quality 0 to 100."""
    return _encode(image, "WEBP", quality=quality, method=4)


def encode_avif(image: Image, quality: int) -> bytes:
    """Encodes as AVIF; quality 0 to 100."""
    return _encode(image, "AVIF", quality=quality)


def encode_png(image: Image | HeatMap | Mask) -> bytes:
    """Encodes as PNG; a bool mask becomes 0 and 255."""
    return _encode(np.asarray(image, dtype=np.uint8) * 255 if image.dtype == bool else image, "PNG")


def _encode(image: np.ndarray, format_name: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Pil.fromarray(np.ascontiguousarray(image)).save(buffer, format_name, **options)
    return buffer.getvalue()


def read_mask(source: Path | bytes, name: str | None = None) -> Mask:
    """Reads a mask, as `decode` does; values of 128 and above are inside. Returns bool (H, W)."""
    return np.asarray(decode(source, name)[..., 0] >= 128)


def write_atomic(path: Path, data: bytes) -> None:
    """Writes a file so that a kill leaves either the old or the new content, never a part.

    Missing parent folders are made. The partial file has a short hidden name of its own, so that long
    names fit and writers of one file in several processes do not meet.

    Raises:
        OSError: The folder cannot be made or the file not written; nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.parent / f".{os.getpid()}-{secrets.token_hex(4)}.partial"
    try:
        partial.write_bytes(data)
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def is_photo(path: Path) -> bool:
    """Tells whether a file is a photo by its ending or, whatever it is called, by its content."""
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return path.is_file()
    try:
        return look_at(path).photo
    except UnreadableImageError:
        return False


def find_images(folder: Path) -> Iterator[Path]:
    """Yields the photos of a folder and its subfolders, see `is_photo`, in sorted order.

    Hidden files and folders are left out; links to folders are not followed.
    """
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and is_photo(path):
            yield path
