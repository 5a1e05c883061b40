"""Builds a dataset batch by batch: the next is painted and the last is saved while the inpainter samples."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from falseflaw import __version__
from falseflaw.dataset.datasheet import datasheet
from falseflaw.dataset.folder import DATASHEET_NAME, SHEET_NAME, DatasetFolder, Part, Skipped, writing
from falseflaw.dataset.manifest import MANIFEST_NAME, read_manifest, write_manifest
from falseflaw.dataset.members import PreparedSet, SetMaker, assemble, splice_sample
from falseflaw.dataset.plan import SetPlan, SynthesisSettings, make_plan
from falseflaw.dataset.ports import Inpainter
from falseflaw.dataset.sheets import contact_sheet
from falseflaw.dataset.timing import StageTimer
from falseflaw.dataset.upload import Upload
from falseflaw.errors import ConfigurationError, FalseFlawError, InvalidDataError, MissingExtraError
from falseflaw.imaging.codec import encode_png, write_atomic
from falseflaw.inpainting.ports import CameraDrawer, Painter, ProductMasker
from falseflaw.inpainting.product_masks import ProductMasks
from falseflaw.photos.source import FileSource, PhotoSource
from falseflaw.provenance import code_digest, git_revision, package_versions
from falseflaw.types import Edit, Fold, Image

_INPAINTING = (
    *(
        "coding",
        "compose",
        "families",
        "halves",
        "loading",
        "pipelines",
        "product_masks",
        "sampling",
        "text_states",
    ),
    *("pixel_inpainter", "pixel_networks", "pixel_window"),
)

_CODE = (
    "damage",
    *(f"dataset/{name}.py" for name in ("build", "members", "plan", "upload")),
    *(f"imaging/{name}.py" for name in ("camera", "codec", "sensor")),
    *(f"inpainting/{name}.py" for name in _INPAINTING),
    "photos",
    "seeding.py",
)
"""What the images depend on; a build that another version of it began is not gone on with."""

_PACKAGES = ("torch", "diffusers", "transformers", "numpy", "scipy", "pillow", "opencv-python-headless")


@dataclass(frozen=True)
class BuildReport:
    """What a build did.

    Attributes:
        sources: Matched sets in the dataset.
        images: Rows of the manifest.
        skipped: Sources that could not be used.
        built: Sets made by this call; the others were there already.
        seconds: Seconds by stage, of this call, summed over threads.
    """

    sources: int
    images: int
    skipped: list[Skipped]
    built: int = 0
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class _Batch:
    """A batch on its way: prepared sets, and per set the spliced and the regenerated photo."""

    number: int
    prepared: list[PreparedSet]
    skipped: list[Skipped]
    outputs: list[tuple[Image, Image]] = field(default_factory=list)


def synthesize(
    source: PhotoSource,
    folds: Mapping[str, Fold],
    cameras: CameraDrawer,
    engine: Painter,
    masker: ProductMasker,
    load_inpainter: Callable[[], Inpainter],
    settings: SynthesisSettings,
    output: Path,
    *,
    config: Mapping[str, Any] | None = None,
    mask_cache: Path | None = None,
    overwrite: bool = False,
    command: Sequence[str] = (),
    progress: bool = True,
) -> BuildReport:
    """Builds the dataset, or goes on with it where a former call stopped.

    Args:
        source: Clean photos.
        folds: photo_id → fold.
        cameras: Draws cameras.
        engine: Paints simulated damage.
        masker: Finds the product where the source does not know it.
        load_inpainter: Returns what writes the flaws of the positives; called when there is something to do.
        settings: What is drawn and how it is batched.
        output: The dataset's folder.
        config: Whatever else the images depend on, of plain types; part of the config hash.
        mask_cache: Folder for product masks of this masker, or None.
        overwrite: Whether to throw away a dataset with another configuration.
        command: Overrides of the command line, for the datasheet.
        progress: Whether to show a progress bar.

    Raises:
        ConfigurationError: The folder belongs to something else, or cannot be written.
        MissingDataError: No photo lies in the folds.
        InvalidDataError: None of the sources could be used.
    """
    plans = make_plan(source.photos(), folds, cameras, settings)
    recorded = _record(config or {}, plans, source)
    folder = DatasetFolder.claim(output, recorded, overwrite)
    if folder.complete:
        rows = read_manifest(output)
        folder.remove_parts()
        return BuildReport(rows["source_id"].nunique(), len(rows), [])
    inpainter = load_inpainter()
    if bad := [size for size in settings.crop_sizes if size % inpainter.grid]:
        raise ConfigurationError(
            f"expected crop_sizes in multiples of {inpainter.grid}, got {bad[0]}; {inpainter.name} needs them"
        )
    masks = ProductMasks(source, masker, mask_cache)
    maker = SetMaker(source, masks, engine, settings, inpainter.grid, inpainter.factor)
    generator = (inpainter.name, inpainter.steps, inpainter.guidance)
    upload = Upload(output, source.name, *generator, recorded["config_hash"])
    build = _Build(maker, inpainter, upload, folder, StageTimer())
    parts, built = build.run(plans, progress)
    rows = _finish(folder, parts, recorded, command)
    skipped = [entry for part in parts for entry in part.skipped]
    return BuildReport(rows["source_id"].nunique(), len(rows), skipped, built, build.timer.seconds)


@dataclass(frozen=True)
class _Build:
    """The three stages of a batch and the threads they run on."""

    maker: SetMaker
    inpainter: Inpainter
    upload: Upload
    folder: DatasetFolder
    timer: StageTimer

    def run(self, plans: Sequence[SetPlan], progress: bool) -> tuple[list[Part], int]:
        """Returns the parts of all batches in order, and how many sets this call made."""
        batches = {number: list(group) for number, group in groupby(plans, key=lambda plan: plan.batch)}
        parts = {number: self.folder.read_part(number) for number in batches}
        todo = [number for number, part in parts.items() if part is None]
        done = len(plans) - sum(len(batches[number]) for number in todo)
        bar = tqdm(total=len(plans), initial=done, desc="synthesizing", unit="source", disable=not progress)
        with bar, ThreadPoolExecutor(1, "prepare") as preparing, ThreadPoolExecutor(1, "save") as saving:
            ahead = [preparing.submit(self._prepare, number, batches[number]) for number in todo[:1]]
            behind: list[Future[Part]] = []
            for index in range(len(todo)):
                batch = ahead.pop().result()
                for following in todo[index + 1 : index + 2]:
                    ahead.append(preparing.submit(self._prepare, following, batches[following]))
                sampled = self._sample(batch)
                while behind:
                    _collect(behind.pop(), parts, bar)
                behind.append(saving.submit(self._save, sampled))
            while behind:
                _collect(behind.pop(), parts, bar)
        finished = [part for part in parts.values() if part is not None]
        return finished, sum(len(part.rows) for part in finished if part.batch in todo) // len(Edit)

    def _prepare(self, number: int, plans: Sequence[SetPlan]) -> _Batch:
        batch = _Batch(number, [], [])
        for plan in plans:
            try:
                batch.prepared.append(self.maker.prepare(plan, self.timer))
            except MissingExtraError:  # all photos would be skipped for the same reason
                raise
            except FalseFlawError as error:
                name = plan.source_id.encode("utf-8", "replace").decode()
                batch.skipped.append(Skipped(name, " ".join(str(error).split())))
        return batch

    def _sample(self, batch: _Batch) -> _Batch:
        """Samples the crops of one size together, in the order of the plan."""
        outputs: dict[str, tuple[Image, Image]] = {}
        for _, group in groupby(sorted(batch.prepared, key=_crop_side), key=_crop_side):
            sets = list(group)
            with self.timer("sample"):
                samples = self.inpainter.sample(
                    np.stack([entry.crop for entry in sets]),  # (B, S, S, 3)
                    np.stack([entry.crop_region for entry in sets]),  # (B, S, S)
                    [entry.plan.prompt for entry in sets],
                    [entry.plan.sampling_seed for entry in sets],
                )
            with self.timer("regenerate"):
                for index, entry in enumerate(sets):
                    spliced = splice_sample(entry, samples.images[index])
                    outputs[entry.plan.source_id] = (
                        spliced,
                        # Latents of another scale do not fit the photo's own, and a photo that was resized
                        # as a whole would tell itself apart from every negative by that alone.
                        samples.round_trip(spliced)
                        if entry.plan.crop_scale != 1
                        else samples.regenerate(
                            entry.authentic, samples.latents[index], entry.box, entry.region
                        ),
                    )
        ordered = [outputs[entry.plan.source_id] for entry in batch.prepared]
        return _Batch(batch.number, batch.prepared, batch.skipped, ordered)

    def _save(self, batch: _Batch) -> Part:
        """Writes the images of a batch and then its part file."""
        with self.timer("save"), writing(self.folder.path):
            rows = [
                row
                for prepared, (spliced, regenerated) in zip(batch.prepared, batch.outputs, strict=True)
                for row in self.upload.save(prepared, assemble(prepared, spliced, regenerated))
            ]
            part = Part(batch.number, rows, batch.skipped)
            self.folder.write_part(part)
        return part


def _collect(saved: Future[Part], parts: dict[int, Part | None], bar: Any) -> None:
    part = saved.result()
    parts[part.batch] = part
    for entry in part.skipped:
        bar.write(f"skipped {entry.source_id}: {entry.reason}")
    bar.update(len(part.rows) // len(Edit) + len(part.skipped))


def _crop_side(prepared: PreparedSet) -> int:
    return prepared.box.height


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
        "code": code_digest(_CODE),
        **json.loads(json.dumps(config)),
        "sources": {"sha256": names.hexdigest(), **dict(sorted(counts.items()))},
    }
    digest = hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
    made_with = {"git_revision": git_revision(), "packages": package_versions(_PACKAGES)}
    return {"config_hash": digest[:16], **record, "made_with": made_with}


def _content(source: PhotoSource, plan: SetPlan) -> str:
    """Digest of a photo's file; another folder may hold other photos of the same names."""
    if not isinstance(source, FileSource):
        return ""
    try:
        return hashlib.sha256(source.path(plan.photo).read_bytes()).hexdigest()
    except OSError:
        return "unreadable"  # reported when it is loaded


def _finish(
    folder: DatasetFolder, parts: Sequence[Part], config: Mapping[str, Any], command: Sequence[str]
) -> pd.DataFrame:
    """Writes contact sheet, datasheet and, last, the manifest."""
    rows = pd.DataFrame([row for part in parts for row in part.rows])
    skipped = [entry for part in parts for entry in part.skipped]
    if rows.empty:
        first = f"{skipped[0].source_id}: {skipped[0].reason}"
        raise InvalidDataError(
            f"expected at least one usable source, all {len(skipped)} were skipped; {first}"
        )
    with writing(folder.path):
        write_atomic(folder.path / SHEET_NAME, encode_png(contact_sheet(rows, folder.path)))
        write_atomic(folder.path / DATASHEET_NAME, datasheet(rows, skipped, config, command).encode())
        write_manifest(rows, folder.path / MANIFEST_NAME)
        folder.remove_parts()
    return rows
