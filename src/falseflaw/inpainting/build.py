"""The stage behind `falseflaw train-inpainter`: photos of the inpainter's fold in, a saved pipeline out."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from falseflaw.damage.prompts import all_prompts, prompt
from falseflaw.errors import ConfigurationError, MissingDataError
from falseflaw.imaging.codec import write_atomic
from falseflaw.inpainting import card
from falseflaw.inpainting.autoencoder_training import AutoencoderRecipe, train_autoencoder
from falseflaw.inpainting.checkpoints import Checkpoints
from falseflaw.inpainting.crops import WindowMaker, Windows, load_windows
from falseflaw.inpainting.initialization import start_from_colors
from falseflaw.inpainting.networks import NetworkSizes, build_pipeline
from falseflaw.inpainting.ports import CameraDrawer, Painter, ProductMasker
from falseflaw.inpainting.product_masks import ProductMasks
from falseflaw.inpainting.sheets import Curve, write_sample_sheet
from falseflaw.inpainting.training import DenoiserRecipe, train_denoiser
from falseflaw.photos.source import Photo, PhotoSource
from falseflaw.provenance import git_revision, package_versions
from falseflaw.seeding import derive_rng, derive_seed, unit_interval
from falseflaw.types import DamageKind, Fold

_PACKAGES = ("torch", "diffusers", "transformers", "numpy", "opencv-python-headless", "falseflaw")

_MAY_CHANGE = frozenset(
    {"steps", "minutes", "checkpoint_seconds", "sheet_seconds", "sampling_steps", "guidance"}
)
"""Values of recipe and denoiser that may differ from those of the checkpoints that are resumed.

Those of the autoencoder may not: another autoencoder would have other latents.
"""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what the inpainter becomes.

    Attributes:
        sizes: Sizes of the networks.
        autoencoder: Recipe of the autoencoder.
        denoiser: Recipe of UNet and text encoder.
        windows: Training windows to paint.
        validation_windows: Windows of held-out contributors.
        window: Side of a window in pixels; crops move inside it.
        held_out: Share of the fold's contributors kept for validation.
        checkpoint_seconds: Seconds between checkpoints.
        sheet_seconds: Seconds between sample sheets.
        sampling_steps: Denoising steps of the sample sheets, recommended in the model card.
        guidance: Guidance of the sample sheets, recommended in the model card.
    """

    sizes: NetworkSizes
    autoencoder: AutoencoderRecipe
    denoiser: DenoiserRecipe
    windows: int
    validation_windows: int
    window: int
    held_out: float
    checkpoint_seconds: float
    sheet_seconds: float
    sampling_steps: int
    guidance: float

    def __post_init__(self) -> None:
        if self.window < max(self.autoencoder.crop, self.denoiser.crop):
            raise ConfigurationError(f"expected a window at least as large as the crops, got {self.window}")
        if self.denoiser.crop % self.sizes.grid or self.autoencoder.crop % self.sizes.factor:
            raise ConfigurationError(
                f"expected denoiser.crop in multiples of {self.sizes.grid} and autoencoder.crop in multiples "
                f"of {self.sizes.factor}, got {self.denoiser.crop} and {self.autoencoder.crop}"
            )
        if self.windows < 1 or self.validation_windows < 1 or not 0 < self.held_out < 1:
            raise ConfigurationError(
                "expected windows and validation_windows >= 1 and held_out in (0, 1), "
                f"got {self.windows}, {self.validation_windows} and {self.held_out}"
            )


def train_inpainter(
    source: PhotoSource,
    folds: Mapping[str, Fold],
    split: Mapping[str, Any],
    camera: CameraDrawer,
    engine: Painter,
    masker: ProductMasker,
    masks: Path,
    recipe: Recipe,
    output: Path,
    seed: int = 0,
    workers: int = 0,
    progress: bool = True,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """Trains the bundled inpainter and saves it; called again with the same output it goes on.

    Args:
        source: The photos.
        folds: photo_id → fold; only photos of the fold `inpainter` are loaded.
        split: Fractions and seed of the split, for the record.
        camera: Draws the camera of each window.
        engine: Paints the flaws.
        masker: Finds the product where the source does not know it.
        masks: Folder of the product masks' cache.
        recipe: How to train.
        output: Run folder: checkpoints, sheets, curve and `pipeline/`, the result.
        seed: Of everything.
        workers: Processes that paint windows; 0 paints in this one.
        progress: Whether to show progress bars.
        settings: What camera, engine and masker were made with, of plain types; a training resumes with the
            same ones only.

    Returns:
        Folder of the saved pipeline.

    Raises:
        MissingDataError: The fold has photos of fewer than two contributors.
        InvalidDataError: The output folder holds checkpoints of another recipe.
    """
    started = time.time()
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
    torch.manual_seed(derive_seed("weights", seed))
    settings = json.loads(json.dumps(settings or {}))
    fingerprint = _fingerprint(recipe, seed, settings, learning, held_out)

    def windows_of(chosen: Sequence[Photo], count: int, part: str) -> Windows:
        maker = WindowMaker(
            source, tuple(chosen), product_masks, engine, camera, recipe.window, derive_seed(part, seed)
        )
        return load_windows(
            maker, count, output / "windows" / f"{part}-{fingerprint[:12]}", workers, progress
        )

    windows = windows_of(learning, recipe.windows, "learning")
    validation = windows_of(held_out, recipe.validation_windows, "validation")
    pipeline = build_pipeline(recipe.sizes, all_prompts())
    start_from_colors(pipeline.vae)
    curve = Curve(output)

    def checkpoints(name: str) -> Checkpoints:
        return Checkpoints(output / f"{name}.pt", recipe.checkpoint_seconds, fingerprint, progress)

    autoencoder = train_autoencoder(
        pipeline.vae,
        windows,
        validation,
        recipe.autoencoder,
        checkpoints("autoencoder"),
        seed,
        lambda values: curve.add("autoencoder", values),
    )
    shown = [
        prompt(DamageKind(kind), product, derive_rng("sheet prompt", seed, index))
        for index, (kind, product) in enumerate(zip(validation.kinds, validation.products, strict=True))
    ]
    last_sheet = [float("-inf")]

    def sheet(modules: Mapping[str, Any]) -> None:
        last_sheet[0] = time.monotonic()
        shadow = build_pipeline(
            recipe.sizes, (), pipeline.vae, modules["unet"], modules["text_encoder"], pipeline.tokenizer
        )
        shadow.set_progress_bar_config(disable=True)
        write_sample_sheet(
            output / "samples.png",
            shadow,
            validation,
            shown,
            recipe.denoiser.crop,
            recipe.sampling_steps,
            recipe.guidance,
            seed,
        )

    def report(values: Mapping[str, float], modules: Mapping[str, Any]) -> None:
        curve.add("denoiser", values)
        if time.monotonic() - last_sheet[0] >= recipe.sheet_seconds:
            sheet(modules)

    denoiser = train_denoiser(
        pipeline, windows, validation, recipe.denoiser, checkpoints("denoiser"), seed, report
    )
    sheet({"unet": pipeline.unet, "text_encoder": pipeline.text_encoder})
    facts = {
        "photo_set": source.name,
        "fold": str(Fold.INPAINTER),
        "split": dict(split),
        "seed": seed,
        "photos": len(learning),
        "contributors": sorted({photo.contributor for photo in learning}),
        "validation_photos": len(held_out),
        "validation_contributors": sorted({photo.contributor for photo in held_out}),
        "autoencoder": autoencoder,
        "denoiser": denoiser,
        "recipe": json.loads(json.dumps(asdict(recipe))),
        **settings,
        "seconds_of_last_call": round(time.time() - started, 1),
        "git_revision": git_revision(),
        "versions": package_versions(_PACKAGES),
    }
    return save(pipeline, facts, output)


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


def save(pipeline: Any, facts: Mapping[str, Any], output: Path) -> Path:
    """Saves the pipeline in float16 as `output/pipeline`, with `training.json` and a model card.

    The folder appears whole: it is written under another name first.
    """
    target, partial = output / "pipeline", output / ".pipeline.partial"
    shutil.rmtree(partial, ignore_errors=True)
    half = copy.deepcopy({"vae": pipeline.vae, "unet": pipeline.unet, "text_encoder": pipeline.text_encoder})
    for module in half.values():
        torch.nn.Module.to(module, torch.float16)  # diffusers' own `to` warns of nothing
    build_pipeline(
        NetworkSizes(),
        (),
        half["vae"],
        half["unet"],
        half["text_encoder"],
        pipeline.tokenizer,
    ).save_pretrained(partial, safe_serialization=True)
    write_atomic(partial / "training.json", (json.dumps(facts, indent=2) + "\n").encode())
    write_atomic(partial / "MODEL_CARD.md", card.render(facts).encode())
    if target.exists():
        shutil.rmtree(target)
    partial.rename(target)
    shutil.rmtree(output / "windows", ignore_errors=True)
    return target


def _fingerprint(recipe: Recipe, seed: int, settings: Mapping[str, Any], *parts: Sequence[Photo]) -> str:
    """Names what a checkpoint belongs to; how long to train and what to show may change between calls."""
    values = asdict(recipe)
    values["denoiser"] = {
        name: value for name, value in values["denoiser"].items() if name not in _MAY_CHANGE
    }
    values = {name: value for name, value in values.items() if name not in _MAY_CHANGE}
    names = [[photo.photo_id for photo in part] for part in parts]
    return hashlib.sha256(
        json.dumps([values, seed, dict(settings), names], sort_keys=True).encode()
    ).hexdigest()
