"""The upload save: the one way in which every photo of every dataset becomes a file."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from falseflaw.errors import ConfigurationError, InvalidDataError, check_shares
from falseflaw.imaging.codec import (
    JpegTables,
    Subsampling,
    decode,
    encode_jpeg,
    encode_jpeg_with_tables,
    read_jpeg_tables,
    write_atomic,
)
from falseflaw.types import Image


@dataclass(frozen=True)
class UploadSave:
    """One JPEG save, the same for all members of a set.

    Attributes:
        quality: 1 to 100; 0 where `tables` say it.
        subsampling: Of the chroma.
        tables: Quantization tables of a camera, see `codec.JpegTables`; empty for those that belong to
            `quality`.

    Raises:
        ConfigurationError: A value is out of range, or both or neither of quality and tables are given.
    """

    quality: int
    subsampling: Subsampling = "4:2:0"
    tables: JpegTables = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "tables", tuple(tuple(map(int, table)) for table in self.tables))
        if self.subsampling not in get_args(Subsampling):
            raise ConfigurationError(
                f"expected subsampling of {', '.join(get_args(Subsampling))}, got {self.subsampling!r}"
            )
        if not (0 if self.tables else 1) <= self.quality <= (0 if self.tables else 100):
            raise ConfigurationError(
                f"expected a JPEG quality in 1..100, or 0 with tables; got {self.quality} "
                f"with {len(self.tables)} tables"
            )
        if any(len(table) != 64 or min(table) < 1 or max(table) > 65535 for table in self.tables):
            raise ConfigurationError("expected quantization tables of 64 steps in 1..65535")

    def encode(self, image: Image) -> bytes:
        """Returns a photo, uint8 (H, W, 3), as baseline JPEG without metadata."""
        if self.tables:
            return encode_jpeg_with_tables(image, self.tables, self.subsampling)
        return encode_jpeg(image, self.quality, self.subsampling)

    def apply(self, image: Image) -> Image:
        """Returns what is left of a photo, uint8 (H, W, 3), after the save."""
        return decode(self.encode(image))

    def to_json(self) -> str:
        """Returns the save as one line of JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> UploadSave:
        """Reads what `to_json` wrote.

        Raises:
            InvalidDataError: Not JSON, or not a save.
        """
        try:
            return cls(**json.loads(text))
        except (ConfigurationError, TypeError, ValueError) as error:
            raise InvalidDataError(
                f"expected JSON with an upload's quality, subsampling and tables; got {text[:80]!r}"
            ) from error

    @classmethod
    def of_file(cls, source: Path | bytes, name: str | None = None) -> UploadSave:
        """Returns the save that a JPEG went through last: its own tables and subsampling.

        Args:
            source: A file, or the bytes of one.
            name: What error messages call it; by default the file's name.

        Raises:
            UnreadableImageError: No JPEG in color, or chroma that cannot be saved alike.
        """
        tables, subsampling = read_jpeg_tables(source, name)
        return cls(0, subsampling, tables)


@dataclass(frozen=True)
class UploadSettings:
    """What is drawn for the upload save, per source or object and never per class.

    Attributes:
        seed: Of every draw.
        upload_quality: JPEG Q2 as (lowest, highest).
        full_chroma_probability: Share of sources that are uploaded 4:4:4 instead of 4:2:0.
        high_quality: JPEG Q2 of those that are uploaded with hardly any loss, as (lowest, highest).
        high_quality_share: Share of those.

    Raises:
        ConfigurationError: A value is out of range.
    """

    seed: int = 0
    upload_quality: tuple[int, int] = (70, 95)
    full_chroma_probability: float = 0.3
    high_quality: tuple[int, int] = (90, 100)
    high_quality_share: float = 0.0

    def __post_init__(self) -> None:
        for name in ("upload_quality", "high_quality"):
            quality = tuple(getattr(self, name))  # Hydra passes lists
            object.__setattr__(self, name, quality)
            if len(quality) != 2 or not 1 <= quality[0] <= quality[1] <= 100:
                raise ConfigurationError(
                    f"expected {name} as [lowest, highest] in 1..100, got {list(quality)}"
                )
        check_shares(self, ("full_chroma_probability", "high_quality_share"))

    def draw(self, rng: np.random.Generator) -> UploadSave:
        """Draws a save."""
        full = rng.random() < self.full_chroma_probability
        quality = int(rng.integers(*self.upload_quality, endpoint=True))
        if rng.random() < self.high_quality_share:
            quality = int(rng.integers(*self.high_quality, endpoint=True))
        return UploadSave(quality, "4:4:4" if full else "4:2:0")


def save_photo(path: Path, image: Image, save: UploadSave) -> str:
    """Writes a photo as every dataset holds it, a JPEG without metadata; returns the file's sha256."""
    return save_bytes(path, save.encode(image))


def save_bytes(path: Path, data: bytes) -> str:
    """Writes a photo that is encoded already; returns the file's sha256."""
    write_atomic(path, data)
    return hashlib.sha256(data).hexdigest()
