"""The manifest: one row per image of a dataset, the one truth every later stage reads."""

from __future__ import annotations

import io
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.imaging.codec import write_atomic
from falseflaw.photos.source import Photo
from falseflaw.types import DamageKind, Edit, Fold, Placement, RegionShape

MANIFEST_NAME = "manifest.parquet"


def _column(kind: pa.DataType, default: Any = MISSING, about: str = "") -> Any:
    return field(default=default, metadata={"type": kind, "about": about})


@dataclass(frozen=True, kw_only=True)
class ManifestRow:
    """One image of a dataset, column by column; what no member of a matched set needs has a default."""

    path: str = _column(pa.string(), about="relative to the dataset folder")
    sha256: str = _column(pa.string(), about="of the image file")
    source_id: str = _column(pa.string())
    group: str = _column(pa.string(), about="photos of one object; what intervals are clustered by")
    contributor: str = _column(pa.string())
    photo_set: str = _column(pa.string(), about="studio, clothing, grocery, folder ...")
    product: str = _column(pa.string())
    fold: str = _column(pa.string())
    edit: str = _column(pa.string())
    label: int = _column(pa.int8())
    damage_kind: str = _column(pa.string(), "", about="empty where the photo shows no flaw")
    placement: str = _column(pa.string(), "", about="where its flaw may lie; empty outside matched sets")
    region_path: str = _column(pa.string(), "", about="the set's shared region; empty where unknown")
    region_shape: str = _column(pa.string(), "", about="how it follows from the flaw; empty where unknown")
    region_origin: str = _column(pa.string(), "planned", about="where the region comes from")
    mask_path: str = _column(pa.string(), "", about="what was altered; empty where nothing was")
    mask_area: float = _column(pa.float64(), 0.0, about="share of the image; 0 without mask")
    rewritten: bool = _column(pa.bool_(), False, about="no original pixel is left anywhere")
    generator: str = _column(pa.string(), "", about="empty where no network wrote pixels")
    prompt: str = _column(pa.string(), "", about="of the inpainter; of a local edit its name")
    seed: int = _column(pa.int64(), 0)
    steps: int = _column(pa.int32(), 0)
    guidance: float = _column(pa.float64(), 0.0)
    crop_size: int = _column(pa.int32(), 0, about="side of the crop in the photo, pixels")
    crop_scale: float = _column(pa.float64(), 1.0, about="photo pixels per model pixel; 1 = native")
    camera: str = _column(pa.string(), "{}", about="JSON of the camera's parameters")
    first_quality: int = _column(pa.int16(), 0, about="Q1, the camera's JPEG; 0 where unknown")
    upload_quality: int = _column(pa.int16(), about="Q2, the upload's JPEG")
    subsampling: str = _column(pa.string())
    width: int = _column(pa.int32())
    height: int = _column(pa.int32())
    batch: int = _column(pa.int32(), 0, about="planned batch, so that a rebuild samples alike")
    config_hash: str = _column(pa.string())

    @classmethod
    def of(
        cls, photo: Photo, edit: Edit, *, region_path: str = "", region_area: float = 0.0, **values: Any
    ) -> ManifestRow:
        """Returns the row of a photo's version; names, label and mask follow from photo, edit and region.

        Args:
            photo: The source.
            edit: What was done to it.
            region_path: Mask file of the region, relative to the dataset folder; empty where there is none.
            region_area: Its share of the image.
            values: The other columns.
        """
        return cls(
            source_id=photo.photo_id,
            group=photo.group,
            contributor=photo.contributor,
            photo_set=photo.photo_set,
            product=photo.product,
            edit=edit,
            label=edit.label,
            region_path=region_path,
            mask_path=region_path if edit.masked else "",
            mask_area=region_area if edit.masked else 0.0,
            **values,
        )

    def columns(self) -> dict[str, Any]:
        """Returns column → value, of plain types."""
        return {name: str(value) if isinstance(value, str) else value for name, value in vars(self).items()}


SCHEMA = pa.schema(
    [pa.field(entry.name, entry.metadata["type"], nullable=False) for entry in fields(ManifestRow)]
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


def manifest_bytes(rows: pd.DataFrame) -> bytes:
    """Validates rows and returns them as a Parquet file, sorted by source and edit."""
    validate(rows)
    ordered = rows.sort_values(["source_id", "edit"], kind="stable").reset_index(drop=True)
    table = pa.Table.from_pandas(ordered[SCHEMA.names], schema=SCHEMA, preserve_index=False)
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def write_manifest(rows: pd.DataFrame, path: Path) -> None:
    """Writes rows as `manifest_bytes` returns them, atomically."""
    write_atomic(path, manifest_bytes(rows))


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
