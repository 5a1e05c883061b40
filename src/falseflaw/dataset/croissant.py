"""`croissant.json` beside a dataset: what it is and holds, in the form that dataset tools read.

MLCommons Croissant 1.0 (https://docs.mlcommons.org/croissant/docs/croissant-spec.html) with fields of its
vocabulary for responsible AI (https://docs.mlcommons.org/croissant/docs/croissant-rai-spec.html). All of it
follows from the manifest, the list of layers and the configuration, so that a rebuild gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from falseflaw.dataset.croissant_texts import CONTEXT, responsible_ai
from falseflaw.dataset.folder import CONFIG_NAME, CROISSANT_NAME, DATASHEET_NAME
from falseflaw.dataset.layers import LAYERS_FOLDER, LAYERS_NAME, LayerRow
from falseflaw.dataset.manifest import MANIFEST_NAME, ManifestRow
from falseflaw.dataset.shards import SHARDS_FOLDER
from falseflaw.imaging.codec import read_file, write_atomic
from falseflaw.photos.licenses import license_or_owner
from falseflaw.types import Edit

_TYPES = (
    (pa.types.is_boolean, "sc:Boolean"),
    (pa.types.is_integer, "sc:Integer"),
    (pa.types.is_floating, "sc:Float"),
    (pa.types.is_string, "sc:Text"),
)
_MEANINGS = {"fold": "cr:Split", "label": "cr:Label"}
"""Columns with a meaning of their own in Croissant's vocabulary."""


def write_croissant(
    dataset: Path,
    rows: pd.DataFrame,
    layers: pd.DataFrame,
    config: Mapping[str, Any],
    manifest: bytes,
    packed: bool = False,
) -> None:
    """Writes `croissant.json` of a dataset whose list of layers stands; its manifest may come after it.

    Args:
        dataset: The folder.
        rows: Of the manifest.
        layers: Rows of the list of layers, which may be empty.
        config: What `config.yaml` holds.
        manifest: The manifest's file.
        packed: Whether the layers are in shards.
    """
    digests = {MANIFEST_NAME: hashlib.sha256(manifest).hexdigest()}
    if not layers.empty:
        digests[LAYERS_NAME] = hashlib.sha256(read_file(dataset / LAYERS_NAME)).hexdigest()
    text = json.dumps(describe(rows, layers, config, digests, packed), indent=2)
    write_atomic(dataset / CROISSANT_NAME, f"{text}\n".encode())


def describe(
    rows: pd.DataFrame,
    layers: pd.DataFrame,
    config: Mapping[str, Any],
    digests: Mapping[str, str],
    packed: bool = False,
) -> dict[str, Any]:
    """Returns what `croissant.json` holds, of plain types.

    Args:
        rows: Of the manifest.
        layers: Rows of the list of layers, which may be empty.
        config: What `config.yaml` holds.
        digests: sha256 of the manifest and, where there is one, of the list of layers, by file name.
        packed: Whether the layers are in shards.
    """
    gathered = bool(rows["edit"].isin([str(Edit.REAL_DAMAGE), str(Edit.BY_OTHERS)]).any())
    photo_sets = sorted({*rows["photo_set"], *layers["photo_set"]})
    sources = len({*rows["source_id"], *layers["source_id"]})
    what = "photos for evaluation alone" if gathered else "matched sets of AI-faked and of simulated damage"
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "name": f"falseflaw-{'-'.join(photo_sets)}",
        "description": (
            f"{what[0].upper()}{what[1:]}, of {', '.join(photo_sets)}: {len(rows)} images and {len(layers)} "
            f"layers of {sources} sources. Configuration hash {config.get('config_hash', 'unknown')}; the "
            f"configuration is in {CONFIG_NAME}, the datasheet in {DATASHEET_NAME}."
        ),
        "conformsTo": ["http://mlcommons.org/croissant/1.0", "http://mlcommons.org/croissant/RAI/1.0"],
        "citeAs": "The FalseFlaw authors. FalseFlaw: training, measuring and shipping detectors of AI-faked "
        "product damage.",
        "creator": {"@type": "sc:Organization", "name": "The FalseFlaw authors"},
        "license": [f"{name}: {license_or_owner(name)}" for name in photo_sets],
        "version": str(config.get("falseflaw", "0.0.0")),
        "keywords": ["image forensics", "inpainting detection", "refund fraud", "robustness"],
        "isLiveDataset": False,
        **responsible_ai(rows, gathered),
        "distribution": [*_tables(digests), *_file_sets(rows, layers, packed)],
        "recordSet": _record_sets(digests),
    }


def _tables(digests: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    for name, digest in digests.items():
        yield {
            "@type": "cr:FileObject",
            "@id": name,
            "name": name,
            "description": f"One row an image or layer; see the record set {Path(name).stem}.",
            "contentUrl": name,
            "encodingFormat": "application/x-parquet",
            "sha256": digest,
        }


def _file_sets(rows: pd.DataFrame, layers: pd.DataFrame, packed: bool) -> Iterable[dict[str, Any]]:
    yield _files("image-files", "images/*.jpg", "image/jpeg", "Finished photos, as they are uploaded.")
    if (rows["region_path"] != "").any():
        yield _files(
            "mask-files", "masks/*.png", "image/png", "Regions, white where an inpainter might write."
        )
    if packed:
        about = "What training reads, layers among it: shards of Lightning's litdata."
        yield _files("shard-files", f"{SHARDS_FOLDER}/*.bin", "application/octet-stream", about)
    elif not layers.empty:
        about = "Photos before the upload, without loss, of which training composes pairs."
        yield _files("layer-files", f"{LAYERS_FOLDER}/*.webp", "image/webp", about)
        about = "Masks of the painted flaws, and of what an inpainter might rewrite."
        yield _files("layer-mask-files", f"{LAYERS_FOLDER}/*.png", "image/png", about)


def _files(name: str, pattern: str, kind: str, about: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": name,
        "name": name,
        "description": about,
        "includes": pattern,
        "encodingFormat": kind,
    }


def _record_sets(digests: Mapping[str, str]) -> list[dict[str, Any]]:
    sets = [_record_set(MANIFEST_NAME, ManifestRow, "One row an image of the dataset.")]
    if LAYERS_NAME in digests:
        sets.append(_record_set(LAYERS_NAME, LayerRow, "One row a layer."))
    return sets


def _record_set(file: str, row: type[ManifestRow | LayerRow], about: str) -> dict[str, Any]:
    name = Path(file).stem
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": about,
        "key": {"@id": f"{name}/path"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{column.name}",
                "name": column.name,
                "description": column.metadata["about"] or column.name.replace("_", " "),
                "dataType": _data_type(column.name, column.metadata["type"]),
                "source": {"fileObject": {"@id": file}, "extract": {"column": column.name}},
            }
            for column in fields(row)
        ],
    }


def _data_type(name: str, kind: pa.DataType) -> str | list[str]:
    plain = next(word for matches, word in _TYPES if matches(kind))
    return [plain, _MEANINGS[name]] if name in _MEANINGS else plain
