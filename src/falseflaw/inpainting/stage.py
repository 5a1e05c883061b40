"""The stage behind `falseflaw train-inpainter`: photos of the inpainter's fold in, saved weights out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from falseflaw.inpainting.material import TrainingRecipe, discard_windows, gather
from falseflaw.inpainting.ports import CameraDrawer, Painter, ProductMasker
from falseflaw.photos.source import PhotoSource
from falseflaw.seeding import derive_seed
from falseflaw.types import Fold


def train_inpainter(
    source: PhotoSource,
    folds: Mapping[str, Fold],
    split: Mapping[str, Any],
    camera: CameraDrawer,
    engine: Painter,
    masker: ProductMasker,
    masks: Path,
    recipe: TrainingRecipe,
    output: Path,
    seed: int = 0,
    workers: int = 0,
    progress: bool = True,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Trains what the recipe describes and saves it; called again with the same output it goes on.

    Args:
        source: The photos.
        folds: photo_id → fold; only photos of the fold `inpainter` are loaded.
        split: Fractions and seed of the split, for the record.
        camera: Draws the camera of each window.
        engine: Paints the flaws.
        masker: Finds the product where the source does not know it.
        masks: Folder of the product masks' cache.
        recipe: What to train and how.
        output: Run folder: checkpoints, sheets, curve and the result.
        seed: Of everything.
        workers: Processes that paint windows; 0 paints in this one.
        progress: Whether to show progress bars.
        settings: What camera, engine and masker were made with, of plain types; a training resumes with the
            same ones only.

    Returns:
        Folder of the saved weights.

    Raises:
        MissingDataError: The fold has photos of fewer than two contributors.
        InvalidDataError: The output folder holds checkpoints of another recipe.
    """
    material = gather(
        source,
        folds,
        split,
        camera,
        engine,
        masker,
        masks,
        recipe,
        output,
        seed,
        workers,
        progress,
        settings or {},
    )
    torch.manual_seed(derive_seed("weights", seed))
    saved = recipe.train(material, output, progress)
    discard_windows(output)
    return saved
