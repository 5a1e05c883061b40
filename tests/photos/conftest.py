from __future__ import annotations

from pathlib import Path

import pytest

from falseflaw.imaging import codec
from falseflaw.types import Image


@pytest.fixture
def write_photo(tmp_path: Path):
    """Writes an image as a JPEG below `tmp_path / "photos"` and returns its path."""

    def write(name: str, image: Image, quality: int = 92) -> Path:
        path = tmp_path / "photos" / name
        codec.write_atomic(path, codec.encode_jpeg(image, quality))
        return path

    return write
