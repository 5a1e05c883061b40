"""How a JPEG was compressed: its quantization tables, the quality they stand for, its chroma."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from falseflaw.metadata.blocks import Coding
from falseflaw.metadata.facts import Fact, make_fact
from falseflaw.metadata.opened import Opened

# ITU-T T.81, annex K, tables K.1 and K.2, row by row.
_LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113,
    92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, *(99,) * 32,
)  # fmt: skip
# Along diagonals, the direction turning with each: annex A, figure A.6.
_ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, i // 8 if (i // 8 + i % 8) % 2 else i % 8))
_LUMA_IN_FILE, _CHROMA_IN_FILE = (tuple(table[i] for i in _ZIGZAG) for table in (_LUMA, _CHROMA))

_PROCESSES = {0xC0: "baseline", 0xC1: "extended", 0xC2: "progressive", 0xC3: "lossless"}
_CHROMAS = {(1, 1): "4:4:4", (2, 1): "4:2:2", (1, 2): "4:4:0", (2, 2): "4:2:0", (4, 1): "4:1:1"}


def read_compression(photo: Opened) -> Iterator[Fact]:
    """Tells the tables of a JPEG: neutral, for every program and site recompresses.

    `tables` is `standard` where all are those of the standard's annex K scaled by one quality, as libjpeg
    does; then `quality` is exact. Else it is `not_standard`: `nearest_quality` says how fine the steps are.
    """
    coding = photo.blocks.coding
    if coding is None or not coding.tables:
        return
    used = _used_tables(coding)
    quality, exact = fit_quality(used)
    digest = hashlib.sha256(repr(used).encode()).hexdigest()[:12]
    yield make_fact(
        "jpeg_tables",
        "jpeg",
        "neutral",
        {
            "tables": "standard" if exact else "not_standard",
            "quality" if exact else "nearest_quality": quality,
            "count": len(used),
            "chroma": _chroma(coding),
            "process": _PROCESSES.get(coding.process, "other" if coding.process else None),
            "digest": digest,
        },
    )


def fit_quality(tables: list[tuple[int, ...]]) -> tuple[int, bool]:
    """Returns the quality, 1 to 100, whose standard tables come nearest, and whether they are the same.

    The scale is the one of libjpeg, `jpeg_set_quality`: 5000 / q below 50, 200 - 2 q from there on, percent.

    Args:
        tables: The one of luma, then those of chroma, in the order of the file.
    """
    distances = np.zeros(100, np.int64)
    for number, table in enumerate(tables):
        distances += np.abs(_STANDARD[min(number, 1)] - np.array(table)).sum(axis=1)
    best = int(distances[::-1].argmin())  # the finer one of two that come as near
    return 100 - best, not distances[99 - best]


def _scaled(table: tuple[int, ...]) -> NDArray[np.int64]:
    """Returns the table at the qualities 1 to 100, (100, 64)."""
    quality = np.arange(1, 101)
    percent = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)
    scaled: NDArray[np.int64] = np.clip((np.outer(percent, table) + 50) // 100, 1, 255)
    return scaled


_STANDARD = (_scaled(_LUMA_IN_FILE), _scaled(_CHROMA_IN_FILE))


def _used_tables(coding: Coding) -> list[tuple[int, ...]]:
    """Returns the tables in the order of the bands that use them, or all where no frame says so."""
    numbers = dict.fromkeys(band.table for band in coding.components if band.table in coding.tables)
    return [coding.tables[number] for number in numbers or sorted(coding.tables)]


def _chroma(coding: Coding) -> str | None:
    """Returns the chroma's sampling in the usual words; `gray` for one band."""
    bands = coding.components
    if len(bands) == 1:
        return "gray"
    if len(bands) != 3:
        return f"{len(bands)} bands" if bands else None
    factors = [(band.across, band.down) for band in bands]
    if factors[1] != factors[2] or not all(min(pair) for pair in factors):
        return "other"
    ratio = (factors[0][0] / factors[1][0], factors[0][1] / factors[1][1])
    return next((name for pair, name in _CHROMAS.items() if pair == ratio), "other")
