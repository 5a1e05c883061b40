"""What a file says about itself besides its picture: facts that no detector must be able to learn from."""

from __future__ import annotations

import io

from PIL import Image as Pil
from PIL import UnidentifiedImageError

from falseflaw.errors import UnreadableImageError

_FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "BMP", "TIFF", "GIF")
_END_OF_IMAGE = b"\xff\xd9"


def container_facts(data: bytes) -> dict[str, float]:
    """Returns format, dimensions, quantization tables, subsampling and metadata of an image file as numbers.

    No pixel is decoded, and the size of the file is no container fact: it depends on the picture.

    Args:
        data: The file.

    Returns:
        Name to number; a fact that a file does not have is missing.

    Raises:
        UnreadableImageError: Not an image.
    """
    try:
        with Pil.open(io.BytesIO(data), formats=_FORMATS) as image:
            facts = {
                "format": float(_FORMATS.index(str(image.format))),
                "bands": float(len(image.getbands())),
                "width": float(image.width),
                "height": float(image.height),
                "trailing bytes": float(len(data) - _end(data)),
            }
            for name, value in image.info.items():
                facts[f"metadata {name}"] = _number(value)
            for table, steps in getattr(image, "quantization", {}).items():
                for place, step in enumerate(steps):
                    facts[f"quantization {table} {place}"] = float(step)
            for band, across, down, table in getattr(image, "layer", ()):
                facts |= {f"band {band} across": float(across), f"band {band} down": float(down)}
                facts[f"band {band} table"] = float(table)
            for place, (marker, content) in enumerate(getattr(image, "applist", ())):
                facts[f"segment {place} {marker}"] = float(len(content))
            return facts
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
        raise UnreadableImageError(f"expected an image file, got something else: {error}") from error


def _end(data: bytes) -> int:
    """Where a JPEG's picture ends; the end of the file for other formats."""
    found = data.rfind(_END_OF_IMAGE) if data.startswith(b"\xff\xd8") else -1
    return found + len(_END_OF_IMAGE) if found >= 0 else len(data)


def _number(value: object) -> float:
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, tuple) and value and isinstance(value[0], int | float):
        return float(value[0])
    return float(len(value)) if isinstance(value, bytes | str | tuple) else 1.0
