"""What `falseflaw train-inpainter` does: photos of the inpainter's fold in, saved weights out."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from falseflaw.damage.engine import DamageEngine
from falseflaw.errors import MissingDataError
from falseflaw.imaging.camera import CameraSampler
from falseflaw.photos.product.masks import ProductMasks
from falseflaw.photos.product.segmentation import ProductMasker
from falseflaw.photos.source import Photo, PhotoSource
from falseflaw.provenance import git_revision, package_versions
from falseflaw.seeding import derive_seed
from falseflaw.training.generators.recipe import TrainingRecipe, TrainingWindows, hold_out
from falseflaw.training.generators.stages import Stages
from falseflaw.training.generators.windows import WindowMaker, Windows, load_windows
from falseflaw.types import Fold

_PACKAGES = (
    *("torch", "lightning", "diffusers", "transformers"),
    *("numpy", "opencv-python-headless", "falseflaw"),
)


def train_inpainter(
    source: PhotoSource,
    folds: Mapping[str, Fold],
    split: Mapping[str, Any],
    camera: CameraSampler,
    engine: DamageEngine,
    masker: ProductMasker,
    masks: Path,
    recipe: TrainingRecipe,
    stages: Stages,
    seed: int = 0,
    workers: int = 0,
    settings: Mapping[str, Any] | None = None,
    record: Callable[[Mapping[str, Any]], None] | None = None,
) -> Path:
    """Trains what the recipe describes and saves it.

    Args:
        source: The photos.
        folds: photo_id → fold; only photos of the fold `inpainter` are loaded.
        split: Fractions and seed of the split, for the record.
        camera: Draws the camera of each window.
        engine: Paints the flaws.
        masker: Finds the product where the source does not know it.
        masks: Folder of the product masks' cache.
        recipe: What to train and how.
        stages: Where to and how: the run's folder gets a folder a stage, sheets, curves and the result.
        seed: Of everything.
        workers: Processes that paint windows; 0 paints in this one.
        settings: What camera, engine and masker were made with, of plain types; a training resumes with the
            same ones only.
        record: Gets what the training learns from, of plain types, before it begins.

    Returns:
        Folder of the saved weights.

    Raises:
        ConfigurationError: The run's folder holds a training, which the stages are not to go on with.
        MissingDataError: The fold has photos of fewer than two contributors, or nothing is there
            to go on from.
        InvalidDataError: The checkpoints to go on from are of another recipe.
    """
    stages.check()
    photos = [photo for photo in source.photos() if folds.get(photo.photo_id) == Fold.INPAINTER]
    learning, held_out = hold_out(photos, recipe.held_out, seed)
    product_masks = ProductMasks(source, masker, masks)
    usable = set(product_masks.usable(photos, stages.progress))
    learning = [photo for photo in learning if photo in usable]
    held_out = [photo for photo in held_out if photo in usable]
    if not learning or not held_out:
        raise MissingDataError(
            f"expected photos of at least two contributors in the fold inpainter of {source.name}, "
            f"found {len(photos)} photos of {len({photo.contributor for photo in photos})}"
        )
    plain = json.loads(json.dumps(dict(settings or {})))
    fingerprint = _fingerprint(recipe.identity(), seed, plain, learning, held_out)
    painted = stages.run_dir / "windows"

    def windows_of(chosen: Sequence[Photo], count: int, part: str) -> Windows:
        maker = WindowMaker(
            source, tuple(chosen), product_masks, engine, camera, recipe.window, derive_seed(part, seed)
        )
        return load_windows(maker, count, painted / f"{part}-{fingerprint[:12]}", workers, stages.progress)

    windows = TrainingWindows(
        learning=windows_of(learning, recipe.windows, "learning"),
        validation=windows_of(held_out, recipe.validation_windows, "validation"),
        fingerprint=fingerprint,
        seed=seed,
        facts={
            "photo_set": source.name,
            "fold": str(Fold.INPAINTER),
            "split": dict(split),
            "seed": seed,
            "photos": len(learning),
            "contributors": sorted({photo.contributor for photo in learning}),
            "validation_photos": len(held_out),
            "validation_contributors": sorted({photo.contributor for photo in held_out}),
            **plain,
            "git_revision": git_revision(),
            "versions": package_versions(_PACKAGES),
        },
    )
    if record is not None:
        record(windows.facts)
    stages.take_over(fingerprint)
    torch.manual_seed(derive_seed("weights", seed))
    saved = recipe.train(windows, stages)
    if stages.speaks:
        shutil.rmtree(painted, ignore_errors=True)
    return saved


def _fingerprint(
    identity: Mapping[str, Any], seed: int, settings: Mapping[str, Any], *parts: Sequence[Photo]
) -> str:
    """Names what a checkpoint belongs to."""
    names = [[photo.photo_id for photo in part] for part in parts]
    text = json.dumps([dict(identity), seed, dict(settings), names], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
