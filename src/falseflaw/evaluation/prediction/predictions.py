"""The file of predictions: its columns, and how it is written and read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from falseflaw.errors import InvalidDataError
from falseflaw.imaging import codec

PREDICTIONS_NAME = "predictions.parquet"

COPIED = (
    "sha256",
    "path",
    "source_id",
    "group",
    "contributor",
    "product",
    "photo_set",
    "fold",
    "edit",
    "label",
    "damage_kind",
    "generator",
    "mask_area",
)
"""Manifest columns that every prediction carries."""

_HISTOGRAM = pa.list_(pa.int64())
SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in COPIED[:9]),
        pa.field("label", pa.int8(), nullable=False),
        pa.field("damage_kind", pa.string(), nullable=False),
        pa.field("generator", pa.string(), nullable=False),
        pa.field("mask_area", pa.float64(), nullable=False),  # share of the image before laundering
        pa.field("laundering", pa.string(), nullable=False),
        pa.field("severity", pa.string(), nullable=False),
        pa.field("unseen", pa.bool_(), nullable=False),
        pa.field("too_small", pa.bool_(), nullable=False),  # laundered, a side below verdict.SMALLEST_SIDE
        pa.field("logit", pa.float64(), nullable=False),  # uncalibrated
        pa.field("positive_histogram", _HISTOGRAM, nullable=False),  # (256,) heat map inside the mask
        pa.field("negative_histogram", _HISTOGRAM, nullable=False),  # (256,) and outside
        pa.field("pixels", pa.int64(), nullable=False),  # of the image before laundering
        pa.field("features", pa.list_(pa.float32()), nullable=False),  # (F,) that the logit follows from
        pa.field("distance", pa.float64()),  # from what was measured; null or NaN where not told
    ]
)

_LATER: dict[str, Any] = {"pixels": 0, "features": np.zeros(0, np.float32), "distance": np.nan}
"""What columns hold in files that were written before there were such columns: nothing is known."""

_KEY = b"falseflaw.predictions.key"


def read_predictions(folder: Path) -> pd.DataFrame:
    """Reads `predictions.parquet` of an evaluation folder.

    Raises:
        InvalidDataError: It is missing, broken or lacks a column.
    """
    path = folder / PREDICTIONS_NAME
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidDataError(f"cannot read {path}: {reason}; run `falseflaw evaluate` again") from error
    if missing := [name for name in SCHEMA.names if name not in {*table.column_names, *_LATER}]:
        raise InvalidDataError(
            f"expected columns {', '.join(missing)} in {path}; run `falseflaw evaluate` again"
        )
    frame: pd.DataFrame = table.to_pandas()
    return completed(frame)


def completed(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns rows with every column of `SCHEMA` that older files lack."""
    missing = {name: [value] * len(rows) for name, value in _LATER.items() if name not in rows}
    return rows.assign(**missing)


def features_of(rows: pd.DataFrame) -> NDArray[np.float32]:
    """Returns the features, (N, F); F is 0 where some row has none."""
    lengths = {len(features) for features in rows["features"]}
    if len(lengths) != 1:
        return np.zeros((len(rows), 0), np.float32)
    return np.stack([np.asarray(features, dtype=np.float32) for features in rows["features"]])


def write_distances(folder: Path, distances: NDArray[np.float64]) -> None:
    """Fills in the column `distance` of `predictions.parquet`; its key stays: it follows from the rest."""
    table = pq.read_table(folder / PREDICTIONS_NAME)
    key = (table.schema.metadata or {}).get(_KEY, b"").decode()
    position = SCHEMA.get_field_index("distance")
    table = table.cast(SCHEMA).set_column(position, SCHEMA.field(position), pa.array(distances))
    write(table, folder / PREDICTIONS_NAME, key)


def histograms(rows: pd.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns the heat maps' histograms inside and outside the true mask, each (N, 256)."""
    both: list[Any] = []
    for name in ("positive_histogram", "negative_histogram"):
        values = [np.asarray(histogram, dtype=np.int64) for histogram in rows[name]]
        both.append(np.stack(values) if values else np.zeros((0, 256), dtype=np.int64))
    return both[0], both[1]


def read_if_current(path: Path, key: str) -> pa.Table | None:
    """Returns the table if it was written whole under this key."""
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError):
        return None
    current = (table.schema.metadata or {}).get(_KEY) == key.encode()
    return table.cast(SCHEMA) if current else None  # Parquet gives the items of lists another name


def write(table: pa.Table, path: Path, key: str) -> None:
    """Writes predictions atomically under a key that stands for everything they depend on."""
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({_KEY: key.encode()}), sink, compression="zstd")
    codec.write_atomic(path, sink.getvalue().to_pybytes())
