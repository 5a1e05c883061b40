"""Builds a dataset batch by batch, and goes on with it where a former call stopped."""

from __future__ import annotations

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from falseflaw import __version__
from falseflaw.damage.engine import DamageEngine
from falseflaw.dataset.croissant import write_croissant
from falseflaw.dataset.folder import DATASHEET_NAME, SHEET_NAME, DatasetFolder, Part, Skipped, writing
from falseflaw.dataset.layers import read_layers, write_layers
from falseflaw.dataset.manifest import MANIFEST_NAME, manifest_bytes, read_manifest
from falseflaw.dataset.shards import require_litdata
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging.camera import CameraSampler
from falseflaw.imaging.codec import encode_png, write_atomic
from falseflaw.machine import FEWEST_SOURCES, Budget, StageTimer, left_out_text
from falseflaw.photos.product.masks import ProductMasks
from falseflaw.photos.product.segmentation import ProductMasker
from falseflaw.photos.source import PhotoSource, file_of
from falseflaw.provenance import code_digest, git_revision, package_versions, readable_sha256
from falseflaw.synthesis.batch import BatchMaker
from falseflaw.synthesis.contact_sheet import sheet_of_sets
from falseflaw.synthesis.datasheet import datasheet
from falseflaw.synthesis.engines.local import Engine, LocalEngine, MakeBatches
from falseflaw.synthesis.networks import Writers, check_networks
from falseflaw.synthesis.plan import Networks, SetPlan, SynthesisSettings, make_plan
from falseflaw.synthesis.prepare import SetMaker
from falseflaw.synthesis.saving import Upload
from falseflaw.types import Fold

CODE = ("damage", "dataset", "imaging", "inpainting", "photos", "seeding.py", "synthesis", "types.py")
"""What the images depend on, whole folders of this package, so that no module is forgotten.

A build that another version of it began is not gone on with."""

_PACKAGES = ("torch", "diffusers", "transformers", "numpy", "scipy", "pillow", "opencv-python-headless")


@dataclass(frozen=True)
class BuildReport:
    """What a build did.

    Attributes:
        sources: Sources in the dataset: matched sets and those with layers alone.
        images: Rows of the manifest.
        skipped: Sources that could not be used.
        layers: Rows of the list of layers.
        built: Sets made by this call; the others were there already.
        seconds: Seconds by stage, of this call, summed over threads.
    """

    sources: int
    images: int
    skipped: list[Skipped]
    layers: int = 0
    built: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


def synthesize(
    source: PhotoSource,
    folds: Mapping[str, Fold],
    cameras: CameraSampler,
    painter: DamageEngine,
    masker: ProductMasker,
    networks: Networks,
    load_writers: Callable[[], Writers],
    settings: SynthesisSettings,
    output: Path,
    *,
    engine: Engine | None = None,
    config: Mapping[str, Any] | None = None,
    mask_cache: Path | None = None,
    overwrite: bool = False,
    command: Sequence[str] = (),
    progress: bool = True,
    minutes: float | None = None,
    pack: bool = False,
) -> BuildReport:
    """Builds the dataset, or goes on with it where a former call stopped.

    Args:
        source: Clean photos.
        folds: photo_id → fold.
        cameras: Draws cameras.
        painter: Paints simulated damage.
        masker: Finds the product where the source does not know it.
        networks: Names of the networks.
        load_writers: Loads the networks; called where and when there is something to do.
        settings: What is drawn and how it is batched.
        output: The dataset's folder.
        engine: Maps the batches; by default in this process.
        config: Whatever else the images depend on, of plain types; part of the config hash.
        mask_cache: Folder for product masks of this masker, or None.
        overwrite: Whether to throw away a dataset with another configuration.
        command: Overrides of the command line, for the datasheet.
        progress: Whether to show a progress bar.
        minutes: Of this call, after which sources that are not made yet are skipped for good, once every fold
            has two; None: all are made.
        pack: Whether what training reads goes into shards batch by batch, and layers are kept there alone.

    Raises:
        ConfigurationError: The folder belongs to something else, or cannot be written; or `minutes` is not
            above 0.
        MissingDataError: No photo lies in the folds.
        InvalidDataError: None of the sources could be used.
        MissingExtraError: It is to pack, and litdata is not installed.
    """
    if pack:
        require_litdata()
    budget = Budget(minutes)
    plans = make_plan(source.photos(), folds, cameras, settings, networks)
    recorded = _record(config or {}, plans, source)
    folder = DatasetFolder.claim(output, recorded, overwrite, pack)
    if folder.complete:
        rows = read_manifest(output)
        folder.remove_parts()
        layers = read_layers(output)
        return BuildReport(_count_sources(rows, layers), len(rows), [], len(layers))
    masks = ProductMasks(source, masker, mask_cache)

    def load() -> BatchMaker:
        folder.check_seen(recorded["config_hash"])
        if code_digest(CODE) != recorded["code"]:
            raise ConfigurationError(
                f"expected the same code of falseflaw on every machine, got another on {platform.node()}; "
                "install the same version there"
            )
        writers = load_writers()
        check_networks(networks, writers)
        grid, factor = writers.grid, writers.factor
        if bad := [size for size in settings.crop_sizes if size % grid]:
            raise ConfigurationError(
                f"expected crop_sizes in multiples of {grid}, got {bad[0]}; "
                f"{', '.join(writers.inpainters)} need them"
            )
        maker = SetMaker(source, masks, painter, settings, grid, factor)
        upload = Upload(output, writers.inpainters, recorded["config_hash"])
        return BatchMaker(maker, writers, upload, folder, StageTimer())

    batches = {number: list(group) for number, group in groupby(plans, key=lambda plan: plan.batch)}
    built, seconds = _run(engine or LocalEngine(), batches, load, folder, progress, budget)
    rows, layers, skipped = _finish(folder, batches, recorded, command)
    return BuildReport(_count_sources(rows, layers), len(rows), skipped, len(layers), built, seconds)


def _count_sources(rows: pd.DataFrame, layers: pd.DataFrame) -> int:
    return len({*rows["source_id"], *layers["source_id"]})


def _run(
    engine: Engine,
    batches: Mapping[int, Sequence[SetPlan]],
    load: MakeBatches,
    folder: DatasetFolder,
    progress: bool,
    budget: Budget,
) -> tuple[int, dict[str, float]]:
    """Has the missing batches made; returns the number of sets made and the seconds by stage.

    Rows are not kept: they stand in the part files, and a large dataset has millions.
    """
    done = {number for number in batches if folder.read_part(number) is not None}
    todo = {number: plans for number, plans in batches.items() if number not in done}
    total = sum(map(len, batches.values()))
    before = total - sum(map(len, todo.values()))
    built, seconds = 0, Counter[str]()  # counters add floats alike
    if not todo:
        return built, dict(seconds)
    bar = tqdm(total=total, initial=before, desc="synthesizing", unit="source", disable=not progress)
    with bar:
        bar.refresh()  # at once: loading the networks takes a while
        with ExitStack() as stack:
            parts = engine.run(todo, load)
            if isinstance(parts, Generator):
                stack.enter_context(closing(parts))  # it ends what it began
            for part in parts:
                for entry in part.skipped:
                    bar.write(f"skipped {entry.source_id}: {entry.reason}")
                sets = len({row["source_id"] for row in [*part.rows, *part.layers]})
                built += sets
                seconds.update(part.seconds)
                bar.update(sets + len(part.skipped))
                done.add(part.batch)
                if budget.over and _enough(batches, done):
                    break
        if left := _leave_out(
            {number: plans for number, plans in todo.items() if number not in done}, folder
        ):
            bar.write(left_out_text(left, total))
    return built, dict(seconds)


def _enough(batches: Mapping[int, Sequence[SetPlan]], done: Iterable[int]) -> bool:
    """Whether every fold has sources enough to go on with: two, or as many as were planned."""
    planned = Counter(plan.fold for plans in batches.values() for plan in plans)
    made = Counter(plan.fold for number in done for plan in batches[number])
    return all(made[fold] >= min(FEWEST_SOURCES, count) for fold, count in planned.items())


def _leave_out(batches: Mapping[int, Sequence[SetPlan]], folder: DatasetFolder) -> int:
    """Records batches that were not made as skipped, so that the dataset can be finished; counts sources."""
    left = 0
    for number, plans in batches.items():
        if folder.read_part(number) is None:  # one that was being saved is there by now
            skipped = [Skipped(plan.source_id, "the minutes of the build were over") for plan in plans]
            folder.write_part(Part(number, [], skipped))
            left += len(plans)
    return left


def _record(config: Mapping[str, Any], plans: Sequence[SetPlan], source: PhotoSource) -> dict[str, Any]:
    """What the dataset's config.yaml holds: configuration, sources and code by digest, and a hash of it all.

    Revision and versions stand beside the hash: they are told, but do not keep a build from going on.
    """
    names = hashlib.sha256()
    for plan in plans:
        line = f"{plan.source_id} {plan.fold} {plan.photo.contributor} {_content(source, plan)}\n"
        names.update(line.encode("utf-8", "surrogateescape"))
    counts = Counter(str(plan.fold) for plan in plans)
    record: dict[str, Any] = {
        "falseflaw": __version__,
        "code": code_digest(CODE),
        **json.loads(json.dumps(config)),
        "sources": {"sha256": names.hexdigest(), **dict(sorted(counts.items()))},
    }
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
    made_with = {"git_revision": git_revision(), "packages": package_versions(_PACKAGES)}
    return {"config_hash": digest[:16], **record, "made_with": made_with}


def _content(source: PhotoSource, plan: SetPlan) -> str:
    """Digest of a photo's file; another folder may hold other photos of the same names."""
    path = file_of(source, plan.photo)
    return "" if path is None else readable_sha256(path)


def _finish(
    folder: DatasetFolder, batches: Iterable[int], config: Mapping[str, Any], command: Sequence[str]
) -> tuple[pd.DataFrame, pd.DataFrame, list[Skipped]]:
    """Writes contact sheet, datasheet, list of layers, croissant.json, shards and, last, the manifest.

    Returns:
        The rows of the manifest and of the layers, and the skipped sources.
    """
    rows, skipped = folder.join_parts(batches)
    if rows.empty:
        first = f"{skipped[0].source_id}: {skipped[0].reason}"
        raise InvalidDataError(
            f"expected at least one usable source, all {len(skipped)} were skipped; {first}"
        )
    layers = folder.join_layers(batches)
    with writing(folder.path):
        write_atomic(folder.path / SHEET_NAME, encode_png(sheet_of_sets(rows, folder.path)))
        sheet = datasheet(rows, layers, skipped, config, command, packed=folder.packed is not None)
        write_atomic(folder.path / DATASHEET_NAME, sheet.encode())
        folder.remove_strays()  # of workers that were killed
        if not layers.empty:
            write_layers(layers, rows, folder.path)
        manifest = manifest_bytes(rows)
        write_croissant(folder.path, rows, layers, config, manifest, packed=folder.packed is not None)
        if folder.packed is not None:
            folder.packed.finish(rows, layers, manifest)
        write_atomic(folder.path / MANIFEST_NAME, manifest)
        folder.remove_parts()
    return rows, layers, skipped
