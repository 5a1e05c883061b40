"""The only place where image files become pixels and pixels become image files."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image as Pil
from PIL import ImageOps

from falseflaw.errors import UnreadableImageError
from falseflaw.types import HeatMap, Image, Mask

MAX_PIXELS = 150_000_000
"""Larger photos are refused before they are decoded (decompression bombs)."""

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".avif", ".bmp", ".tif", ".tiff", ".gif"})

Subsampling = Literal["4:4:4", "4:2:2", "4:2:0"]


def decode(source: Path | bytes, name: str | None = None) -> Image:
    """Decodes a photo, applies its EXIF rotation and returns it as uint8 RGB (H, W, 3).

    Transparent pixels are laid on white; 16-bit gray is scaled to 8 bits; of an animation
    the first frame counts.

    Raises:
        UnreadableImageError: Missing, empty, truncated, not an image, or above `MAX_PIXELS`.
    """
    label = name or (source.name if isinstance(source, Path) else "image")
    try:
        data = source.read_bytes() if isinstance(source, Path) else source
    except OSError as error:
        raise UnreadableImageError(f"cannot read {label}: {error.strerror or error}") from error
    if not data:
        raise UnreadableImageError(f"cannot read {label}: the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pil.open(io.BytesIO(data)) as opened:
                width, height = opened.size
                if width * height > MAX_PIXELS:
                    raise UnreadableImageError(
                        f"cannot read {label}: {width}x{height} pixels exceed the limit of {MAX_PIXELS}"
                    )
                upright = ImageOps.exif_transpose(opened)
                return np.asarray(_to_rgb(upright), dtype=np.uint8)
    except UnreadableImageError:
        raise
    except Exception as error:  # Pillow's plugins raise many kinds, SyntaxError and struct.error among them
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnreadableImageError(f"cannot read {label}: {reason}") from error


def _to_rgb(image: Pil.Image) -> Pil.Image:
    if image.mode.startswith("I;16") or image.mode in {"I", "F"}:
        values = np.asarray(image, dtype=np.float64)
        top = 65535.0 if image.mode != "F" or values.max(initial=0) > 1 else 1.0
        if image.mode in {"I", "F"} and 1 < values.max(initial=0) <= 255:
            top = 255.0
        return Pil.fromarray(np.clip(values / top * 255, 0, 255).round().astype(np.uint8)).convert("RGB")
    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        white = Pil.new("RGBA", rgba.size, (255, 255, 255, 255))
        return Pil.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")


def encode_jpeg(image: Image, quality: int, subsampling: Subsampling = "4:2:0") -> bytes:
    """Encodes as baseline JPEG without metadata; quality 1 to 100."""
    return _encode(image, "JPEG", quality=quality, subsampling=subsampling)


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


def read_mask(path: Path) -> Mask:
    """Reads a mask file; values of 128 and above are inside. Returns bool (H, W)."""
    return np.asarray(decode(path)[..., 0] >= 128)


def write_atomic(path: Path, data: bytes) -> None:
    """Writes a file so that a kill leaves either the old or the new content, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    partial.write_bytes(data)
    os.replace(partial, path)


def find_images(folder: Path) -> Iterator[Path]:
    """Yields the image files of a folder and its subfolders by name ending, in sorted order."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file():
            yield path
