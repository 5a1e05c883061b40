"""Recipe of the pixel generator: one denoiser, saved as a pipeline of its own class."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from falseflaw.imaging.crop import Box, splice
from falseflaw.inpainting.pixel.networks import PixelSizes, build_pixel_pipeline
from falseflaw.inpainting.tensors import to_images, to_tensor
from falseflaw.seeding import derive_rng, derive_seed
from falseflaw.training.generators.card import pixel_card
from falseflaw.training.generators.pixel.task import (
    PixelDenoiserRecipe,
    PixelDenoiserTask,
    batches_of,
    draw_crop,
)
from falseflaw.training.generators.recipe import GeneratorRecipe, TrainingWindows
from falseflaw.training.generators.result import halved, save_result
from falseflaw.training.generators.samples import SampleSheets, first_of_each_kind, region_tile, write_tiles
from falseflaw.training.generators.task import mean_loss
from falseflaw.training.generators.windows import Windows

if TYPE_CHECKING:
    from falseflaw.training.generators.stages import Stages

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

    def train(self, windows: TrainingWindows, stages: Stages) -> Path:
        """See `TrainingRecipe`; returns the folder of the pipeline."""
        pipeline = build_pixel_pipeline(self.sizes)
        task = PixelDenoiserTask(pipeline, self.denoiser, windows.fingerprint)
        batches = batches_of(windows, self.denoiser, self.sizes.side, stages.workers)

        def sheet() -> None:
            path = stages.run_dir / "samples.png"
            self._write_sheet(path, pipeline.unet, windows.validation, windows.seed)

        sheets = SampleSheets(sheet, self.sheet_seconds)
        denoiser = stages.fit("denoiser", task, batches, self.denoiser, [sheets])
        facts = {
            **windows.facts,
            "denoiser": {
                **asdict(denoiser),
                "validation_loss": mean_loss(task, batches),
                "parameters": sum(weight.numel() for weight in pipeline.unet.parameters()),
            },
            "recipe": json.loads(json.dumps(asdict(self))),
        }
        if stages.speaks:
            sheet()
        return save_result(stages, facts, pixel_card(facts), lambda folder: _save(pipeline, folder))

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


def _save(pipeline: Any, folder: Path) -> None:
    """Saves the pipeline in float16."""
    build_pixel_pipeline(PixelSizes(), halved(pipeline.unet)).save_pretrained(folder)
