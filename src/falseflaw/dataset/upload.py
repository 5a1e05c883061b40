"""The upload save: the one way in which every photo of every dataset becomes a file."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from falseflaw.errors import ConfigurationError
from falseflaw.imaging.codec import Subsampling, encode_jpeg, write_atomic
from falseflaw.types import Image


@dataclass(frozen=True)
class UploadSettings:
    """What is drawn for the upload save, per source or object and never per class.

    Attributes:
        seed: Of every draw.
        upload_quality: JPEG Q2 as (lowest, highest).
        full_chroma_probability: Share of sources that are uploaded 4:4:4 instead of 4:2:0.

    Raises:
        ConfigurationError: A value is out of range.
    """

    seed: int = 0
    upload_quality: tuple[int, int] = (70, 95)
    full_chroma_probability: float = 0.3

    def __post_init__(self) -> None:
        quality = tuple(self.upload_quality)  # Hydra passes lists
        object.__setattr__(self, "upload_quality", quality)
        if len(quality) != 2 or not 1 <= quality[0] <= quality[1] <= 100:
            raise ConfigurationError(
                f"expected upload_quality as [lowest, highest] in 1..100, got {list(quality)}"
            )
        if not 0 <= self.full_chroma_probability <= 1:
            raise ConfigurationError(
                f"expected full_chroma_probability in [0, 1], got {self.full_chroma_probability}"
            )


def save_photo(path: Path, image: Image, quality: int, subsampling: Subsampling) -> str:
    """Writes a photo as every dataset holds it, a JPEG without metadata; returns the file's sha256."""
    data = encode_jpeg(image, quality, subsampling)
    write_atomic(path, data)
    return hashlib.sha256(data).hexdigest()
