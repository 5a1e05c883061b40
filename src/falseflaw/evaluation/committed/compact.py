"""Predictions in fewer bytes, for the evaluation that is committed: every figure at its thresholds stays."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.prediction.predictions import SCHEMA, completed, histograms
from falseflaw.types import OperatingPoint

TOLERANCES = (0.0, 1e-7, 1e-6, 1e-5)
"""Most that the pixel AUROC of a photo may move, tried in this order; figures are printed to 1e-3."""

_LEVEL = 19  # of zstd: a fifth less than the default, within a second
_NOTE = b"falseflaw.predictions.simplified"


def simplify(
    inside: NDArray[np.int64], outside: NDArray[np.int64], mask_threshold: int, tolerance: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Merges neighboring levels of heat maps' histograms where that changes no figure.

    F1, IoU and whether any pixel is marked follow from the counts on both sides of `mask_threshold`, which no
    merged level crosses. The pixel AUROC is the area under a line with a corner for every level; dropping a
    corner where the line is straight changes nothing, and where it is nearly so, little. Levels are merged
    from 0 upwards while the area of the photo's whole line, earlier merges included, stays within the
    tolerance. Without a mask there is no such area, and two levels remain.

    Args:
        inside: Histograms (N, 256) over the true mask.
        outside: Histograms (N, 256) over the rest.
        mask_threshold: The only decision that stays exact, 1 to 255.
        tolerance: Most that the pixel AUROC of a photo may move.

    Returns:
        Both histograms, (N, 256); a merged level's pixels stand at its lowest level.
    """
    rows = np.arange(len(inside))
    pairs = np.maximum(inside.sum(axis=1).astype(np.float64) * outside.sum(axis=1), 1)
    merged = np.zeros_like(inside), np.zeros_like(outside)
    start = np.zeros(len(rows), dtype=np.int64)  # lowest level of the group under way
    count_in, count_out, wins, moved, before = (np.zeros(len(rows)) for _ in range(5))
    for level in range(inside.shape[1]):
        now_in, now_out = inside[:, level].astype(np.float64), outside[:, level].astype(np.float64)
        joined = wins + now_in * (count_out + now_out / 2)  # pairs that the fine levels order rightly
        # One level orders half of its pairs rightly, whatever they were.
        change = ((count_in + now_in) * (count_out + now_out) / 2 - joined) / pairs
        split = (np.abs(before + change) > tolerance) | (level == mask_threshold)
        before = np.where(split, before + moved, before)
        start = np.where(split, level, start)
        wins = np.where(split, now_in * now_out / 2, joined)
        count_in, count_out = np.where(split, 0, count_in) + now_in, np.where(split, 0, count_out) + now_out
        moved = np.where(split, 0, change)
        merged[0][rows, start] += inside[:, level]
        merged[1][rows, start] += outside[:, level]
    return merged


def compacted(predictions: pd.DataFrame, point: OperatingPoint, largest: int) -> bytes:
    """Returns predictions as a Parquet file of at most `largest` bytes, with as little merged as that needs.

    Raises:
        InvalidDataError: It is larger even at the last of `TOLERANCES`.
    """
    inside, outside = histograms(predictions)
    data = _encoded(predictions, inside, outside, "")
    for tolerance in TOLERANCES:
        if len(data) <= largest:
            break
        note = f"levels merged, mask_threshold {point.mask_threshold}, pixel AUROC within {tolerance:g}"
        data = _encoded(predictions, *simplify(inside, outside, point.mask_threshold, tolerance), note)
    if len(data) > largest:
        raise InvalidDataError(
            f"expected predictions of at most {largest / 1e6:.1f} MB to commit, got {len(data) / 1e6:.1f} MB "
            f"for {len(predictions)} rows; evaluate with limit_sources= or fewer launderings"
        )
    return data


def _encoded(
    predictions: pd.DataFrame, inside: NDArray[np.int64], outside: NDArray[np.int64], note: str
) -> bytes:
    # No figure needs the features once the distances are there.
    none = pd.Series([np.zeros(0, np.float32)] * len(predictions), index=predictions.index)
    rows = completed(predictions).assign(
        positive_histogram=list(inside), negative_histogram=list(outside), features=none
    )
    table = pa.Table.from_pandas(rows[SCHEMA.names], schema=SCHEMA, preserve_index=False)
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.replace_schema_metadata({_NOTE: note.encode()} if note else None),
        sink,
        compression="zstd",
        compression_level=_LEVEL,
    )
    return bytes(sink.getvalue().to_pybytes())
