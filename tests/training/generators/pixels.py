"""A whole training of the pixel generator on stand-ins; as a script it is what the kill test kills."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from tests.inpainting.tiny import TINY_PIXELS
from tests.training.generators.runs import train

from falseflaw.training.generators.pixel.recipe import PixelRecipe
from falseflaw.training.generators.pixel.task import PixelDenoiserRecipe

PIXEL_RECIPE = PixelRecipe(
    sizes=TINY_PIXELS,
    denoiser=PixelDenoiserRecipe(
        max_steps=10,
        max_time=None,
        batch=4,
        learning_rate=1e-3,
        warmup=2,
        ema=0.9,
        mask_weight=4.0,
        snr_limit=5.0,
        no_class=0.1,
        clean=0.2,
    ),
    windows=12,
    validation_windows=9,
    window=48,
    held_out=0.2,
    sheet_seconds=1e9,
    sampling_steps=2,
    guidance=2.0,
)


def with_steps(steps: int) -> PixelRecipe:
    return replace(PIXEL_RECIPE, denoiser=replace(PIXEL_RECIPE.denoiser, max_steps=steps))


if __name__ == "__main__":
    train(Path(sys.argv[1]), with_steps(int(sys.argv[2])))
