"""Recipe of the pixel generator: one denoiser, saved as a pipeline of its own class."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from falseflaw.imaging.crop import Box, splice
from falseflaw.inpainting import pixel_card
from falseflaw.inpainting.checkpoints import Checkpoints
from falseflaw.inpainting.pixel.networks import PixelSizes, build_pixel_pipeline
from falseflaw.inpainting.tensors import to_images, to_tensor
from falseflaw.seeding import derive_rng, derive_seed
from falseflaw.training.generators.pixel.task import PixelDenoiserRecipe, draw_crop, train_pixel_denoiser
from falseflaw.training.generators.recipe import GeneratorRecipe, Material
from falseflaw.training.generators.result import halved, save_result
from falseflaw.training.generators.samples import Curve, first_of_each_kind, region_tile, write_tiles
from falseflaw.training.generators.windows import Windows

_PER_KIND = 3
"""Columns of the sample sheet."""


@dataclass(frozen=True, kw_only=True)
class PixelRecipe(GeneratorRecipe):
    """Everything that decides what the pixel generator becomes.

    Attributes:
        sizes: Sizes of the denoiser.
        denoiser: How it learns.
    """

    sizes: PixelSizes
    denoiser: PixelDenoiserRecipe

    def __post_init__(self) -> None:
        self.check_windows(self.sizes.side)

    def train(self, material: Material, output: Path, progress: bool) -> Path:
        """See `TrainingRecipe`; returns the folder of the pipeline."""
        pipeline = build_pixel_pipeline(self.sizes)
        curve, last_sheet = Curve(output), [float("-inf")]

        def sheet(unet: Any) -> None:
            last_sheet[0] = time.monotonic()
            self._write_sheet(output / "samples.png", unet, material.validation, material.seed)

        def report(values: Mapping[str, float], modules: Mapping[str, Any]) -> None:
            curve.add("denoiser", values)
            if time.monotonic() - last_sheet[0] >= self.sheet_seconds:
                sheet(modules["unet"])

        denoiser = train_pixel_denoiser(
            pipeline,
            material.learning,
            material.validation,
            self.denoiser,
            Checkpoints(output / "denoiser.pt", self.checkpoint_seconds, material.fingerprint, progress),
            material.seed,
            report,
        )
        sheet(pipeline.unet)
        parameters = sum(weight.numel() for weight in pipeline.unet.parameters())
        facts = {
            **material.facts,
            "denoiser": {**denoiser, "parameters": parameters},
            "recipe": json.loads(json.dumps(asdict(self))),
        }
        return save(pipeline, facts, output)

    def _write_sheet(self, path: Path, unet: Any, windows: Windows, seed: int) -> None:
        """Writes a PNG of rows: intact crop, region, sample spliced in, sample as it is, painted target."""
        chosen = first_of_each_kind(windows, _PER_KIND)
        if not chosen:
            return
        side, pipeline = self.sizes.side, build_pixel_pipeline(self.sizes, unet)
        pipeline.set_progress_bar_config(disable=True)
        crops = [draw_crop(windows, index, side, derive_rng("sheet", seed, index)) for index in chosen]
        masks = torch.from_numpy(np.stack([crop[2] for crop in crops]))[:, None].float()  # (N, 1, S, S)
        samples = to_images(
            pipeline(
                to_tensor(np.stack([crop[0] for crop in crops])),
                masks,
                [windows.kinds[index] for index in chosen],
                [torch.Generator().manual_seed(derive_seed("sheet sample", seed, i)) for i in chosen],
                self.sampling_steps,
                self.guidance,
                see_photo=self.denoiser.seen > 0,
            )
        )
        box = Box(0, 0, side, side)
        rows = [
            [intact, region_tile(region), splice(intact, sample, region, box), sample, damaged]
            for (intact, damaged, region), sample in zip(crops, samples, strict=True)
        ]
        write_tiles(path, rows, _PER_KIND)


def save(pipeline: Any, facts: Mapping[str, Any], output: Path) -> Path:
    """Saves the pipeline in float16 as `output/pipeline`, with `training.json` and a model card."""
    saved = build_pixel_pipeline(PixelSizes(), halved(pipeline.unet))
    return save_result(output, facts, pixel_card.render(facts), saved.save_pretrained)
