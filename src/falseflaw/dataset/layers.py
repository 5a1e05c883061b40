"""Layers: photos of a dataset's sources before the upload, without loss, of which training composes pairs.

A source has one or more windows, its whole photo where that is small. Every window has the photo after the
camera, and what each writer made of it. `layers.parquet` beside the manifest lists them, a row a layer.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from falseflaw.errors import InvalidDataError
from falseflaw.imaging.codec import write_atomic
from falseflaw.imaging.crop import Box, bounding_box
from falseflaw.imaging.lossless import encode_lossless
from falseflaw.types import Fold, Image

LAYERS_NAME = "layers.parquet"
LAYERS_FOLDER = "layers"


class Base(StrEnum):
    """Which photo of a matched set a layer shows."""

    AUTHENTIC = "authentic"
    DAMAGED = "damaged"


class Content(StrEnum):
    """What the pixels of a layer are."""

    PHOTO = "photo"
    REWRITTEN = "rewritten"
    INPAINTED = "inpainted"
    REFILLED = "refilled"


def _column(kind: pa.DataType, default: Any = MISSING, about: str = "") -> Any:
    return field(default=default, metadata={"type": kind, "about": about})


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """One layer, column by column."""

    path: str = _column(pa.string(), about="relative to the dataset folder")
    sha256: str = _column(pa.string())
    source_id: str = _column(pa.string())
    group: str = _column(pa.string())
    contributor: str = _column(pa.string())
    photo_set: str = _column(pa.string())
    product: str = _column(pa.string())
    fold: str = _column(pa.string())
    window: int = _column(pa.int8(), about="number of the source's window, from 0; the flaw lies in window 0")
    base: str = _column(pa.string(), about="which photo it shows: authentic or damaged")
    content: str = _column(pa.string(), about="photo, rewritten, inpainted or refilled")
    writer: str = _column(pa.string(), "", about="empty for photos")
    top: int = _column(pa.int32(), about="of the layer in its window, pixels")
    left: int = _column(pa.int32())
    height: int = _column(pa.int32())
    width: int = _column(pa.int32())
    window_top: int = _column(pa.int32(), about="of the window in the photo, multiples of 16")
    window_left: int = _column(pa.int32())
    window_height: int = _column(pa.int32())
    window_width: int = _column(pa.int32())
    photo_height: int = _column(pa.int32())
    photo_width: int = _column(pa.int32())
    damage_kind: str = _column(pa.string(), "")
    flaw_path: str = _column(pa.string(), "", about="mask of the painted flaw in the window; empty for none")
    region_path: str = _column(pa.string(), "", about="mask of what an inpainter might rewrite in it")
    crop_scale: float = _column(pa.float64(), 1.0, about="photo pixels per model pixel of an inpainter")
    camera: str = _column(pa.string(), "{}", about="JSON of the camera's parameters")
    save: str = _column(pa.string(), "{}", about="JSON of the upload save of the set's members")
    batch: int = _column(pa.int32(), 0)
    config_hash: str = _column(pa.string(), "")

    def columns(self) -> dict[str, Any]:
        """Returns column → value, of plain types."""
        return {name: str(value) if isinstance(value, str) else value for name, value in vars(self).items()}


LAYER_SCHEMA = pa.schema(
    [pa.field(entry.name, entry.metadata["type"], nullable=False) for entry in fields(LayerRow)]
)


def save_layer(path: Path, image: Image) -> str:
    """Writes a layer without loss; returns the file's sha256."""
    data = encode_lossless(image)
    write_atomic(path, data)
    return hashlib.sha256(data).hexdigest()


def changed_box(before: Image, after: Image) -> Box | None:
    """Returns the smallest box that holds all pixels that differ; None where none does."""
    change = np.asarray((before != after).any(axis=-1))
    return bounding_box(change) if change.any() else None


def table_of(rows: Sequence[dict[str, Any]]) -> bytes:
    """Returns the Parquet file of some layers."""
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=LAYER_SCHEMA), buffer)
    return buffer.getvalue()


def write_layers(rows: pd.DataFrame, manifest: pd.DataFrame, dataset: Path) -> None:
    """Validates the layers of a dataset and writes their list, sorted by source, window and layer.

    Raises:
        InvalidDataError: See `validate_layers`.
    """
    validate_layers(rows, manifest)
    order = ["source_id", "window", "content", "base", "writer"]
    ordered = rows.sort_values(order, kind="stable").reset_index(drop=True)
    table = pa.Table.from_pandas(ordered[LAYER_SCHEMA.names], schema=LAYER_SCHEMA, preserve_index=False)
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    write_atomic(dataset / LAYERS_NAME, buffer.getvalue())


def read_layers(dataset: Path) -> pd.DataFrame:
    """Reads the list of a dataset's layers; empty where it has none.

    Raises:
        InvalidDataError: It cannot be read, or is none of this version.
    """
    path = dataset / LAYERS_NAME
    if not path.is_file():
        empty: pd.DataFrame = LAYER_SCHEMA.empty_table().to_pandas()
        return empty
    try:
        rows: pd.DataFrame = pq.read_table(path).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise InvalidDataError(f"cannot read {path}: {str(error).splitlines()[0]}; build it again") from error
    if missing := [name for name in LAYER_SCHEMA.names if name not in rows.columns]:
        raise InvalidDataError(
            f"expected columns {', '.join(LAYER_SCHEMA.names)} in {path}; missing: {', '.join(missing)}"
        )
    return rows


def validate_layers(rows: pd.DataFrame, manifest: pd.DataFrame) -> None:
    """Checks the invariants of a dataset's layers.

    Args:
        rows: Of the layers.
        manifest: Of the finished images.

    Raises:
        InvalidDataError: A word is unknown, a writer is missing or superfluous, a layer stands twice, a
            window lacks its photo, a layer is of another fold than train, or a source, group or contributor
            of the layers lies in another fold of the manifest.
    """
    for column, words in (("base", Base), ("content", Content)):
        if unknown := sorted(set(rows[column]) - {str(word) for word in words}):
            raise InvalidDataError(f"unknown {column} in {LAYERS_NAME}: {', '.join(map(str, unknown))}")
    if ((rows["content"] == str(Content.PHOTO)) != (rows["writer"] == "")).any():
        raise InvalidDataError(f"expected a writer for every layer in {LAYERS_NAME} but photos")
    if (twice := rows["path"].duplicated()).any():
        raise InvalidDataError(f"path stands twice in {LAYERS_NAME}: {rows.loc[twice, 'path'].iloc[0]}")
    if wrong := sorted(set(rows["fold"]) - {str(Fold.TRAIN)}):
        raise InvalidDataError(f"expected layers of fold train alone, got fold {wrong[0]}")
    whole = rows[(rows["content"] == str(Content.PHOTO)) & (rows["base"] == str(Base.AUTHENTIC))]
    windows = set(zip(rows["source_id"], rows["window"], strict=True))
    if lacking := windows - set(zip(whole["source_id"], whole["window"], strict=True)):
        raise InvalidDataError(f"expected the authentic photo of {min(lacking)[0]} among its layers")
    others = manifest[manifest["fold"] != str(Fold.TRAIN)]
    for column in ("source_id", "contributor", "group"):
        if crossing := sorted(set(rows[column]) & set(others[column])):
            raise InvalidDataError(f"{column} {crossing[0]} has layers for training, but crosses folds")
