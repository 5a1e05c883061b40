"""A whole training on stand-ins; as a script it is what the kill test kills."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import torch
from tests.inpainting.studio import OneCamera, SquarePainter, StandInPhotos, whole_photo
from tests.inpainting.tiny import TINY

from falseflaw.training.generators.autoencoder.task import AutoencoderRecipe
from falseflaw.training.generators.latent.recipe import Recipe
from falseflaw.training.generators.latent.task import DenoiserRecipe
from falseflaw.training.generators.run import train_inpainter
from falseflaw.types import Fold

RECIPE = Recipe(
    sizes=TINY,
    autoencoder=AutoencoderRecipe(
        steps=12, minutes=None, batch=4, crop=16, learning_rate=2e-3, warmup=2, settle_steps=3
    ),
    denoiser=DenoiserRecipe(
        steps=12,
        minutes=None,
        batch=4,
        crop=32,
        learning_rate=1e-3,
        warmup=2,
        ema=0.9,
        mask_weight=4.0,
        empty_prompts=0.1,
        clean=0.2,
    ),
    windows=12,
    validation_windows=9,
    window=48,
    held_out=0.2,
    checkpoint_seconds=0.0,
    sheet_seconds=1e9,
    sampling_steps=2,
    guidance=2.0,
)


def train(
    output: Path,
    recipe: Recipe = RECIPE,
    source: StandInPhotos | None = None,
    seed: int = 3,
    settings: dict[str, object] | None = None,
) -> Path:
    torch.set_num_threads(1)
    source = source or StandInPhotos()
    folds = {
        photo.photo_id: Fold.TRAIN if photo.contributor == "person-05" else Fold.INPAINTER
        for photo in source.photos()
    }
    return train_inpainter(
        source=source,
        folds=folds,
        split={"seed": 1, "fractions": {"inpainter": 0.3}},
        camera=OneCamera(),
        engine=SquarePainter(),
        masker=whole_photo,
        masks=output / "masks",
        recipe=recipe,
        output=output,
        seed=seed,
        progress=False,
        settings=settings,
    )


def longer(recipe: Recipe, steps: int) -> Recipe:
    return replace(recipe, denoiser=replace(recipe.denoiser, steps=steps))


if __name__ == "__main__":
    train(Path(sys.argv[1]), longer(RECIPE, int(sys.argv[2])))
