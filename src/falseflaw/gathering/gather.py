"""Brings photos that others took or altered into the form of a dataset: for evaluation alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from falseflaw import __version__
from falseflaw.dataset.croissant import write_croissant
from falseflaw.dataset.folder import DATASHEET_NAME, SHEET_NAME, DatasetFolder, Skipped, writing
from falseflaw.dataset.layers import read_layers
from falseflaw.dataset.manifest import MANIFEST_NAME, ManifestRow, manifest_bytes, read_manifest
from falseflaw.dataset.upload import UploadSettings, save_photo
from falseflaw.errors import FalseFlawError, InvalidDataError
from falseflaw.gathering.contact_sheet import gathered_sheet
from falseflaw.gathering.datasheet import gathered_datasheet
from falseflaw.imaging.codec import encode_png, write_atomic
from falseflaw.photos.evaluation_only.items import EvaluationItem, EvaluationSet, ItemPixels
from falseflaw.provenance import code_digest, git_revision, readable_sha256
from falseflaw.seeding import derive_rng
from falseflaw.types import Edit

CODE = ("dataset", "gathering", "imaging", "photos", "seeding.py", "types.py")
"""What the images and their regions depend on, whole folders of this package."""

GENERATOR = "others"
"""Name in the manifest for the networks of other people, where nobody says which."""


@dataclass(frozen=True)
class GatherReport:
    """What was gathered.

    Attributes:
        images: Rows of the manifest.
        groups: Objects or scenes that they show.
        skipped: Photos that could not be used.
    """

    images: int
    groups: int
    skipped: list[Skipped]


def gather(
    source: EvaluationSet,
    settings: UploadSettings,
    output: Path,
    *,
    config: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    command: Sequence[str] = (),
    progress: bool = True,
) -> GatherReport:
    """Saves every photo of a set as uploads are saved, and writes manifest, datasheet and contact sheet.

    There is no camera step, since a real camera took the photos. The manifest comes last; a call that was
    stopped before it begins anew.

    Args:
        source: The photos.
        settings: What is drawn for each group.
        output: The dataset's folder.
        config: Whatever else the images depend on, of plain types; part of the config hash.
        overwrite: Whether to throw away a dataset with another configuration.
        command: Overrides of the command line, for the datasheet.
        progress: Whether to show a progress bar.

    Raises:
        ConfigurationError: The folder belongs to something else, or cannot be written.
        MissingDataError: The source has no photos.
        InvalidDataError: None of the photos could be used.
    """
    items = source.items()
    recorded = _record(config or {}, items)
    folder = DatasetFolder.claim(output, recorded, overwrite)
    if folder.complete:
        rows = read_manifest(output)
        return GatherReport(len(rows), rows["group"].nunique(), [])
    found: list[dict[str, Any]] = []
    skipped: list[Skipped] = []
    bar = tqdm(items, desc="gathering", unit="photo", disable=not progress)
    for item in bar:
        try:
            pixels = source.read(item)
        except FalseFlawError as error:
            skipped.append(Skipped(item.photo.photo_id, " ".join(str(error).split())))
            bar.write(f"skipped {skipped[-1].source_id}: {skipped[-1].reason}")
            continue
        with writing(output):
            found += _save(item, pixels, settings, output, recorded["config_hash"])
    if not found:
        raise InvalidDataError(
            f"expected at least one usable photo, all {len(skipped)} were skipped; "
            f"{skipped[0].source_id}: {skipped[0].reason}"
        )
    rows = pd.DataFrame(found)
    with writing(output):
        write_atomic(output / SHEET_NAME, encode_png(gathered_sheet(rows, output)))
        write_atomic(output / DATASHEET_NAME, gathered_datasheet(rows, skipped, recorded, command).encode())
        manifest = manifest_bytes(rows)
        write_croissant(output, rows, read_layers(output), recorded, manifest)
        write_atomic(output / MANIFEST_NAME, manifest)
    return GatherReport(len(rows), rows["group"].nunique(), skipped)


def _save(
    item: EvaluationItem, pixels: ItemPixels, settings: UploadSettings, output: Path, config_hash: str
) -> Iterator[dict[str, Any]]:
    """Writes the region and the photos of an item, all with the settings of its group; yields their rows."""
    photo, region = item.photo, pixels.region
    if photo.fold is None:
        raise InvalidDataError(f"expected a fold laid down for {photo.photo_id}, got none")
    stem = photo.photo_id.replace("/", "__")
    region_path = "" if region is None else f"masks/{stem}.png"
    if region is not None:
        write_atomic(output / region_path, encode_png(region))
    save = settings.draw(derive_rng("upload", settings.seed, photo.group))
    for edit, image in pixels.images.items():
        path = f"images/{stem}__{edit}.jpg"
        row = ManifestRow.of(
            photo,
            edit,
            path=path,
            sha256=save_photo(output / path, image, save),
            fold=photo.fold,
            region_path=region_path,
            region_area=0.0 if region is None else float(region.mean()),
            region_origin=pixels.origin,
            generator=(item.generator or GENERATOR) if edit is Edit.BY_OTHERS else "",
            seed=settings.seed,
            upload_quality=save.quality,
            subsampling=save.subsampling,
            width=image.shape[1],
            height=image.shape[0],
            config_hash=config_hash,
        )
        yield row.columns()


def _record(config: Mapping[str, Any], items: Sequence[EvaluationItem]) -> dict[str, Any]:
    """What `config.yaml` holds; as for matched sets, revision and versions stand beside the hash."""
    names = hashlib.sha256()
    for item in items:
        files = [*item.files.values(), *([item.annotation] if item.annotation else [])]
        line = f"{item.photo} {' '.join(map(readable_sha256, files))}\n"
        names.update(line.encode("utf-8", "surrogateescape"))
    record: dict[str, Any] = {
        "falseflaw": __version__,
        "code": code_digest(CODE),
        **json.loads(json.dumps(config)),
        "sources": {"sha256": names.hexdigest(), "items": len(items)},
    }
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
    return {"config_hash": digest[:16], **record, "made_with": {"git_revision": git_revision()}}
