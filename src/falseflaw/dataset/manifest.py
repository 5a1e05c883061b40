"""The manifest: one row per image of a dataset, the one truth every later stage reads."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.types import DamageKind, Edit, Fold, Placement, RegionShape

MANIFEST_NAME = "manifest.parquet"

SCHEMA = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),  # relative to the dataset folder
        pa.field("sha256", pa.string(), nullable=False),  # of the image file
        pa.field("source_id", pa.string(), nullable=False),
        pa.field(
            "group", pa.string(), nullable=False
        ),  # photos of one object; what intervals are clustered by
        pa.field("contributor", pa.string(), nullable=False),
        pa.field("photo_set", pa.string(), nullable=False),  # studio, clothing, grocery, folder ...
        pa.field("product", pa.string(), nullable=False),
        pa.field("fold", pa.string(), nullable=False),
        pa.field("edit", pa.string(), nullable=False),
        pa.field("label", pa.int8(), nullable=False),
        pa.field("damage_kind", pa.string(), nullable=False),  # "" where the photo shows no flaw
        pa.field("placement", pa.string(), nullable=False),  # where its flaw may lie; "" outside matched sets
        pa.field("region_path", pa.string(), nullable=False),  # the set's shared region; "" where unknown
        pa.field(
            "region_shape", pa.string(), nullable=False
        ),  # how it follows from the flaw; "" where unknown
        pa.field("region_origin", pa.string(), nullable=False),  # one of ORIGINS
        pa.field("mask_path", pa.string(), nullable=False),  # what was altered; "" where nothing was
        pa.field("mask_area", pa.float64(), nullable=False),  # share of the image; 0 without mask
        pa.field("rewritten", pa.bool_(), nullable=False),  # no original pixel is left anywhere
        pa.field("generator", pa.string(), nullable=False),  # "" where no network wrote pixels
        pa.field("prompt", pa.string(), nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("steps", pa.int32(), nullable=False),
        pa.field("guidance", pa.float64(), nullable=False),
        pa.field("crop_size", pa.int32(), nullable=False),  # side of the crop in the photo, pixels
        pa.field("crop_scale", pa.float64(), nullable=False),  # photo pixels per model pixel; 1 = native
        pa.field("camera", pa.string(), nullable=False),  # JSON of the camera's parameters
        pa.field("first_quality", pa.int16(), nullable=False),  # Q1, the camera's JPEG
        pa.field("upload_quality", pa.int16(), nullable=False),  # Q2, the upload's JPEG
        pa.field("subsampling", pa.string(), nullable=False),
        pa.field("width", pa.int32(), nullable=False),
        pa.field("height", pa.int32(), nullable=False),
        pa.field("batch", pa.int32(), nullable=False),  # planned batch, so that a rebuild samples alike
        pa.field("config_hash", pa.string(), nullable=False),
    ]
)


ORIGINS = ("planned", "annotated mask", "annotated box", "difference", "none")
"""Where a region comes from: the build's own plan, people who outlined real damage, the difference between an
altered photo and its original, which misses faint changes, or nowhere."""

SHARED = (
    "group",
    "contributor",
    "photo_set",
    "product",
    "placement",
    "region_path",
    "region_shape",
    "region_origin",
    "seed",
    "crop_size",
    "crop_scale",
    "camera",
    "first_quality",
    "upload_quality",
    "subsampling",
    "width",
    "height",
    "batch",
)
"""Columns that are equal for all members of a matched set: they are drawn per source, never per class."""


def write_manifest(rows: pd.DataFrame, path: Path) -> None:
    """Validates rows and writes them atomically as Parquet, sorted by source and edit."""
    validate(rows)
    ordered = rows.sort_values(["source_id", "edit"], kind="stable").reset_index(drop=True)
    table = pa.Table.from_pandas(ordered[SCHEMA.names], schema=SCHEMA, preserve_index=False)
    partial = path.with_name(f".{path.name}.partial")
    pq.write_table(table, partial)
    partial.replace(path)


def read_manifest(dataset: Path) -> pd.DataFrame:
    """Reads `manifest.parquet` of a dataset folder.

    Raises:
        MissingDataError: No such folder or no manifest in it.
        InvalidDataError: The file is not a manifest of this version, or breaks a rule of `validate`.
    """
    rows = read_unchecked(dataset)
    validate(rows)
    return rows


def read_unchecked(dataset: Path) -> pd.DataFrame:
    """Reads `manifest.parquet` of a dataset folder, whatever its rows say.

    Raises:
        MissingDataError: No such folder or no manifest in it.
        InvalidDataError: The file cannot be read, or lacks a column.
    """
    path = dataset / MANIFEST_NAME
    if not path.is_file():
        raise MissingDataError(
            f"expected a dataset with {MANIFEST_NAME} in {dataset}, found none; "
            "build one with `falseflaw synthesize`"
        )
    try:
        rows: pd.DataFrame = pq.read_table(path).to_pandas()
    except (pa.ArrowException, OSError) as error:
        raise InvalidDataError(f"cannot read {path}: {str(error).splitlines()[0]}; build it again") from error
    _check_columns(rows)
    return rows


def validate(rows: pd.DataFrame) -> None:
    """Checks the invariants of a manifest.

    Raises:
        InvalidDataError: A column is missing, a value is not one of the words, a label contradicts
            its edit, a mask is missing or superfluous, a path or an edit of a source stands twice, a
            source, group or contributor crosses folds, the inpainter's fold is there, or the members of a
            set were not treated alike.
    """
    _check_columns(rows)
    for column, words in (("fold", Fold), ("edit", Edit)):
        if unknown := sorted(set(rows[column]) - {str(word) for word in words}):
            raise InvalidDataError(f"unknown {column} in manifest: {', '.join(map(str, unknown))}")
    if unknown := sorted(set(rows["damage_kind"]) - {str(word) for word in DamageKind} - {""}):
        raise InvalidDataError(f"unknown damage_kind in manifest: {', '.join(map(str, unknown))}")
    wrong = rows["label"] != rows["edit"].map(lambda edit: Edit(edit).label)
    if wrong.any():
        raise InvalidDataError(f"{int(wrong.sum())} manifest rows have a label that contradicts their edit")
    vocabulary = {
        "placement": {*map(str, Placement), ""},
        "region_shape": {*map(str, RegionShape), ""},
        "region_origin": set(ORIGINS),
    }
    for column, known in vocabulary.items():
        if unknown := sorted(set(rows[column]) - known):
            raise InvalidDataError(f"unknown {column} in manifest: {', '.join(map(str, unknown))}")
    if ((rows["mask_path"] != "") != rows["edit"].map(lambda edit: Edit(edit).masked)).any():
        raise InvalidDataError(
            "expected a mask_path for every positive and hand-edited manifest row and for no other"
        )
    if rows["path"].duplicated().any():
        twice = rows.loc[rows["path"].duplicated(), "path"].iloc[0]
        raise InvalidDataError(f"path stands twice in manifest: {twice}")
    if (rows["fold"] == str(Fold.INPAINTER)).any():
        raise InvalidDataError(
            "expected no source of the fold inpainter in a dataset: the inpainter has seen it"
        )
    for column in ("source_id", "contributor", "group"):
        crossing = rows.groupby(column)["fold"].nunique()
        if (crossing > 1).any():
            raise InvalidDataError(f"{column} {crossing.index[crossing > 1][0]} crosses folds")
    _validate_sets(rows)


def _check_columns(rows: pd.DataFrame) -> None:
    if missing := [name for name in SCHEMA.names if name not in rows.columns]:
        raise InvalidDataError(
            f"expected manifest columns {', '.join(SCHEMA.names)}; missing: {', '.join(missing)}"
        )


def _validate_sets(rows: pd.DataFrame) -> None:
    """Checks that the members of a set are one of each edit and went through the same steps."""
    if (twice := rows.duplicated(["source_id", "edit"])).any():
        source, edit = rows.loc[twice, ["source_id", "edit"]].iloc[0]
        raise InvalidDataError(f"edit {edit} stands twice for {source} in manifest")
    values = rows.groupby("source_id")[list(SHARED)].nunique()
    for column in SHARED:
        if (values[column] > 1).any():
            source = values.index[values[column] > 1][0]
            raise InvalidDataError(f"expected one {column} for all members of {source}, got several")
