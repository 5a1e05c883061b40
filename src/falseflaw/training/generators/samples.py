"""Pictures of a running training: what the inpainter writes on fixed validation crops, and its curves."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import matplotlib
import numpy as np
from lightning.pytorch.callbacks import Callback
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from falseflaw.damage.regions import draw_region
from falseflaw.imaging.codec import encode_png, write_atomic
from falseflaw.imaging.contact_sheet import contact_sheet
from falseflaw.imaging.crop import Box, splice
from falseflaw.inpainting.latent.sampling import decode_latents, sample_latents
from falseflaw.seeding import derive_rng, derive_seed
from falseflaw.training.generators.windows import Windows
from falseflaw.training.recording import earlier_metrics
from falseflaw.types import DamageKind, Image, Mask

matplotlib.use("Agg", force=False)

_PANELS = (
    ("autoencoder", ("val/psnr",), "dB"),
    ("autoencoder", ("val/color_error", "val/flat_color_error"), "distance in a*b*"),
    ("denoiser", ("train/loss", "val/loss"), "v loss"),
)
"""Stage, values and unit of the learning curves' panels; those of stages that logged nothing are left out."""


def write_sample_sheet(
    path: Path,
    pipeline: Any,
    windows: Windows,
    prompts: Sequence[str],
    side: int,
    steps: int,
    guidance: float,
    seed: int,
    conditions: Sequence[str] = ("hole",),
    per_kind: int = 2,
) -> None:
    """Writes a PNG of rows: intact crop, region, a sample spliced in per condition, painted target.

    Args:
        path: The PNG.
        pipeline: Pipeline in evaluation mode.
        windows: Validation windows; the first of each kind are shown.
        prompts: One prompt per window.
        side: Side of the crops in pixels.
        steps: Denoising steps.
        guidance: Guidance scale.
        seed: Of crops, regions and sampling; the same at every call of one training.
        conditions: What the denoiser sees: `hole`, `photo` or one after the other.
        per_kind: Crops shown per kind of damage.
    """
    chosen = first_of_each_kind(windows, per_kind)
    if not chosen:
        return
    rngs = [derive_rng("sheet", seed, index) for index in chosen]
    crops = [windows.crop(index, side, rng) for index, rng in zip(chosen, rngs, strict=True)]
    intact = np.stack([crop[0] for crop in crops])
    regions = np.stack([draw_region(crop[2], rng)[1] for crop, rng in zip(crops, rngs, strict=True)])
    seeds = [derive_seed("sheet sample", seed, index) for index in chosen]
    texts, box = [prompts[index] for index in chosen], Box(0, 0, side, side)
    decoded = [
        decode_latents(
            pipeline,
            sample_latents(pipeline, intact, regions, texts, seeds, steps, guidance, condition=condition),
        )
        for condition in conditions
    ]
    rows = []
    for row, (clean, damaged, _) in enumerate(crops):
        spliced = [splice(clean, images[row], regions[row], box) for images in decoded]
        rows.append([clean, region_tile(regions[row]), *spliced, damaged])
    write_tiles(path, rows, per_kind)


def first_of_each_kind(windows: Windows, count: int) -> list[int]:
    """Returns the indices of the first `count` windows of each kind, kind by kind."""
    found = {kind: [index for index, name in enumerate(windows.kinds) if name == kind] for kind in DamageKind}
    return [index for indices in found.values() for index in indices[:count]]


def region_tile(region: Mask) -> Image:
    """Returns a mask as a picture, white inside."""
    return np.repeat((region * 255).astype(np.uint8)[..., None], 3, axis=2)


def write_tiles(path: Path, rows: Sequence[Sequence[Image]], columns: int) -> None:
    """Writes a PNG of rows of pictures, so many of them side by side."""
    lines = [list(chain.from_iterable(rows[at : at + columns])) for at in range(0, len(rows), columns)]
    write_atomic(path, encode_png(contact_sheet(lines)))


class SampleSheets(Callback):
    """Has pictures made of the averaged weights while they are validated."""

    def __init__(self, write: Callable[[], None], every_seconds: float) -> None:
        """Notes what to call.

        Args:
            write: Makes the pictures.
            every_seconds: Least time between two calls.
        """
        self._write = write
        self._every = every_seconds
        self._last = float("-inf")

    def on_validation_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
        *_: Any,
    ) -> None:
        """Writes when it is time to; at the first batch, for after the last one the average is away."""
        if batch_idx == 0 and trainer.is_global_zero and time.monotonic() - self._last >= self._every:
            self._write()
            self._last = time.monotonic()


def draw_curves(path: Path, run_dir: Path) -> None:
    """Writes a PNG of the learning curves of a run's stages, from their `metrics.csv`.

    Args:
        path: The PNG; not written where no stage has logged anything.
        run_dir: The run's folder.
    """
    found = {table.parent.name: earlier_metrics(table.parent) for table in run_dir.glob("*/metrics.csv")}
    panels = [panel for panel in _PANELS if panel[0] in found]
    if not panels:
        return
    figure = Figure(figsize=(1 + 4 * len(panels), 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axis, (stage, names, unit) in zip(axes, panels, strict=True):
        for name in names:
            if points := [(row["step"], row[name]) for row in found[stage] if name in row]:
                axis.plot(*zip(*points, strict=True), label=name)
        axis.set(title=stage, xlabel="step", ylabel=unit)
        axis.grid(alpha=0.3)
        axis.legend()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    write_atomic(path, buffer.getvalue())
