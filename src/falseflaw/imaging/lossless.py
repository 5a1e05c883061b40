"""Photos without loss, in files that are written once and read often.

WebP without loss, at its fastest, is a quarter smaller than PNG and as fast to read (photos of 300 to 500
pixels a side, one core: 15 against 9 ms to write, 5 against 5 ms to read, 168 against 235 kB).
"""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pil

from falseflaw.errors import UnreadableImageError
from falseflaw.imaging.codec import read_file
from falseflaw.types import Image


def encode_lossless(image: Image) -> bytes:
    """Encodes uint8 (H, W, 3) of up to 16,383 pixels a side as WebP without loss."""
    buffer = io.BytesIO()
    Pil.fromarray(np.ascontiguousarray(image)).save(buffer, "WEBP", lossless=True, method=0, quality=0)
    return buffer.getvalue()


def decode_lossless(source: Path | bytes, name: str = "a layer") -> Image:
    """Decodes what `encode_lossless` wrote, uint8 (H, W, 3); faster than `codec.decode`.

    Args:
        source: A file, or the bytes of one.
        name: What error messages call bytes.

    Raises:
        UnreadableImageError: Missing, broken or no image.
    """
    data, name = (read_file(source), source.name) if isinstance(source, Path) else (source, name)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if pixels is None:
        raise UnreadableImageError(f"cannot read {name}: expected a whole WebP; build the dataset again")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), dtype=np.uint8)
