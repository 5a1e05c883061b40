"""What a generator is trained on: photos of the inpainter's fold, cut into painted windows."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from falseflaw.errors import ConfigurationError, MissingDataError
from falseflaw.inpainting.crops import WindowMaker, Windows, load_windows
from falseflaw.inpainting.ports import CameraDrawer, Painter, ProductMasker
from falseflaw.inpainting.product_masks import ProductMasks
from falseflaw.photos.source import Photo, PhotoSource
from falseflaw.provenance import git_revision, package_versions
from falseflaw.seeding import derive_seed, unit_interval
from falseflaw.types import Fold

_PACKAGES = ("torch", "diffusers", "transformers", "numpy", "opencv-python-headless", "falseflaw")


_MAY_CHANGE = frozenset(
    {"steps", "minutes", "compile", "checkpoint_seconds", "sheet_seconds", "sampling_steps", "guidance"}
)
"""Values that may differ from those of the checkpoints that are resumed: how long to train, what to show."""


class TrainingRecipe(Protocol):
    """Decides what a generator becomes, and trains it."""

    @property
    def windows(self) -> int:
        """Training windows to paint."""
        ...

    @property
    def validation_windows(self) -> int:
        """Windows of held-out contributors."""
        ...

    @property
    def window(self) -> int:
        """Side of a window in pixels."""
        ...

    @property
    def held_out(self) -> float:
        """Share of the fold's contributors kept for validation."""
        ...

    def identity(self) -> dict[str, Any]:
        """Returns the values, of plain types, that a resumed training must share with the one before."""
        ...

    def train(self, material: Material, output: Path, progress: bool) -> Path:
        """Trains, or goes on with what `output` holds, and returns the folder of the saved weights."""
        ...


def check_windows(recipe: TrainingRecipe, crop: int) -> None:
    """Checks what every recipe says about windows.

    Args:
        recipe: The recipe.
        crop: Side of its largest crop.

    Raises:
        ConfigurationError: Crops do not fit the windows, or there are no windows.
    """
    if recipe.window < crop:
        raise ConfigurationError(
            f"expected a window at least as large as the crops of {crop} pixels, got {recipe.window}"
        )
    if recipe.windows < 1 or recipe.validation_windows < 1 or not 0 < recipe.held_out < 1:
        raise ConfigurationError(
            "expected windows and validation_windows >= 1 and held_out in (0, 1), "
            f"got {recipe.windows}, {recipe.validation_windows} and {recipe.held_out}"
        )


def identity_of(recipe: Any, part: str) -> dict[str, Any]:
    """Returns a recipe's values without those that may change between calls.

    Args:
        recipe: A dataclass.
        part: Name of the attribute, a dataclass too, that says how long to train.
    """
    values = asdict(recipe)
    values[part] = {name: value for name, value in values[part].items() if name not in _MAY_CHANGE}
    return {name: value for name, value in values.items() if name not in _MAY_CHANGE}


@dataclass(frozen=True)
class Material:
    """Windows to learn from, and what must be recorded about them.

    Attributes:
        learning: Windows to learn from.
        validation: Windows of other contributors.
        fingerprint: Names recipe, photos and settings; checkpoints of another one are refused.
        seed: Of everything.
        facts: Photo set, split, contributors, settings, revision and versions, of plain types.
    """

    learning: Windows
    validation: Windows
    fingerprint: str
    seed: int
    facts: Mapping[str, Any]


def gather(
    source: PhotoSource,
    folds: Mapping[str, Fold],
    split: Mapping[str, Any],
    camera: CameraDrawer,
    engine: Painter,
    masker: ProductMasker,
    masks: Path,
    recipe: TrainingRecipe,
    output: Path,
    seed: int,
    workers: int,
    progress: bool,
    settings: Mapping[str, Any],
) -> Material:
    """Paints the windows of a training, or reads those that an earlier call painted; see `train_inpainter`.

    Raises:
        MissingDataError: The fold has photos of fewer than two contributors.
    """
    photos = [photo for photo in source.photos() if folds.get(photo.photo_id) == Fold.INPAINTER]
    learning, held_out = hold_out(photos, recipe.held_out, seed)
    product_masks = ProductMasks(source, masker, masks)
    usable = set(product_masks.usable(photos, progress))
    learning = [photo for photo in learning if photo in usable]
    held_out = [photo for photo in held_out if photo in usable]
    if not learning or not held_out:
        raise MissingDataError(
            f"expected photos of at least two contributors in the fold inpainter of {source.name}, "
            f"found {len(photos)} photos of {len({photo.contributor for photo in photos})}"
        )
    plain = json.loads(json.dumps(dict(settings)))
    fingerprint = _fingerprint(recipe.identity(), seed, plain, learning, held_out)

    def windows_of(chosen: Sequence[Photo], count: int, part: str) -> Windows:
        maker = WindowMaker(
            source, tuple(chosen), product_masks, engine, camera, recipe.window, derive_seed(part, seed)
        )
        folder = windows_folder(output) / f"{part}-{fingerprint[:12]}"
        return load_windows(maker, count, folder, workers, progress)

    return Material(
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


def windows_folder(output: Path) -> Path:
    """Returns where the windows lie while they are needed."""
    return output / "windows"


def discard_windows(output: Path) -> None:
    """Removes the windows of a finished training."""
    shutil.rmtree(windows_folder(output), ignore_errors=True)


def hold_out(photos: Sequence[Photo], share: float, seed: int) -> tuple[list[Photo], list[Photo]]:
    """Splits photos by contributor into those to learn from and those for validation.

    At least one contributor is held out; who it is depends on names and seed alone.
    """
    contributors = sorted({photo.contributor for photo in photos}, key=lambda name: unit_interval(seed, name))
    count = max(1, round(share * len(contributors)))
    kept = set(contributors[:count])
    return (
        [photo for photo in photos if photo.contributor not in kept],
        [photo for photo in photos if photo.contributor in kept],
    )


def _fingerprint(
    identity: Mapping[str, Any], seed: int, settings: Mapping[str, Any], *parts: Sequence[Photo]
) -> str:
    """Names what a checkpoint belongs to."""
    names = [[photo.photo_id for photo in part] for part in parts]
    text = json.dumps([dict(identity), seed, dict(settings), names], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
