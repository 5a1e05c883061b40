"""Trains the denoiser of the pixel generator on painted flaws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from falseflaw.damage.regions import draw_region
from falseflaw.errors import ConfigurationError
from falseflaw.imaging.crop import resize_mask_by_touch
from falseflaw.inpainting.checkpoints import Checkpoints
from falseflaw.inpainting.loop import learn
from falseflaw.inpainting.pixel.networks import CLASSES, CLEAN_CLASS, NULL_CLASS, condition
from falseflaw.inpainting.pixel.window import fit, plan_window
from falseflaw.inpainting.tensors import to_tensor
from falseflaw.seeding import derive_rng, derive_seed
from falseflaw.training.generators.windows import Windows, turned
from falseflaw.types import Image, Mask


@dataclass(frozen=True)
class PixelDenoiserRecipe:
    """How long and how fast the denoiser learns.

    Attributes:
        steps: Most optimizer steps.
        minutes: Most minutes of training, over all resumed runs, or None for no limit but `steps`; with a
            limit the learning rate depends on the clock and two runs differ.
        batch: Crops a step.
        learning_rate: Learning rate of AdamW; falls to a tenth over the last two fifths.
        warmup: Steps of linear warm-up.
        ema: Decay of the averaged weights, which are the ones that are saved.
        mask_weight: Weight of the loss inside the mask against 1 outside.
        snr_limit: Signal-to-noise ratio above which a time step weighs less (Hang et al. 2023).
        no_class: Share of samples without a class, for classifier-free guidance.
        clean: Share of samples that ask for the clean material.
        seen: Share of samples whose denoiser sees the whole intact crop, as an editing model does, instead of
            the crop with the region cut out.
    """

    steps: int
    minutes: float | None
    batch: int
    learning_rate: float
    warmup: int
    ema: float
    mask_weight: float
    snr_limit: float
    no_class: float
    clean: float
    seen: float = 0.0

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "learning_rate", "mask_weight", "snr_limit"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"expected denoiser {name} > 0, got {getattr(self, name)}")
        for name in ("ema", "no_class", "clean", "seen"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigurationError(f"expected denoiser {name} in [0, 1), got {getattr(self, name)}")


@dataclass(frozen=True)
class PixelBatch:
    """One batch of crops.

    Attributes:
        target: uint8 (B, S, S, 3), what the net shall write.
        intact: uint8 (B, S, S, 3); the mask is cut out of it later, unless it is seen.
        masks: bool (B, S, S), the region to write.
        classes: int64 (B,), what is asked for.
        seen: bool (B,), whether the denoiser sees all of the intact crop.
    """

    target: NDArray[np.uint8]
    intact: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    classes: NDArray[np.int64]
    seen: NDArray[np.bool_]


def draw_crop(windows: Windows, index: int, side: int, rng: np.random.Generator) -> tuple[Image, Image, Mask]:
    """Returns intact crop, damaged crop and region of a window, turned or mirrored, of the side given.

    The region is drawn first and the crop planned around it just as in use, so that both are seen at the same
    scales: the photo's own where the region fits, smaller where it does not.
    """
    region = draw_region(windows.flaws[index], rng)[1]
    box = plan_window(region, side, rng)
    turns, mirror = int(rng.integers(4)), bool(rng.integers(2))
    intact, damaged = (
        fit(turned(box.cut(pixels), turns, mirror), side)
        for pixels in (windows.clean[index], windows.damaged[index])
    )
    return intact, damaged, resize_mask_by_touch(turned(box.cut(region), turns, mirror), side, side)


def make_batch(
    windows: Windows, recipe: PixelDenoiserRecipe, side: int, rng: np.random.Generator
) -> PixelBatch:
    """Draws a batch; the same generator state gives the same batch."""
    target, intact, masks, classes, seen = [], [], [], [], []
    for index in rng.integers(len(windows), size=recipe.batch).tolist():
        clean, free = rng.random() < recipe.clean, rng.random() < recipe.no_class
        before, after, region = draw_crop(windows, index, side, rng)
        target.append(before if clean else after)
        intact.append(before)
        masks.append(region)
        classes.append(CLASSES[NULL_CLASS if free else CLEAN_CLASS if clean else windows.kinds[index]])
        seen.append(bool(rng.random() < recipe.seen))
    return PixelBatch(
        np.stack(target), np.stack(intact), np.stack(masks), np.array(classes, np.int64), np.array(seen)
    )


def time_weights(scheduler: Any, times: Tensor, limit: float) -> Tensor:
    """Returns weights (B,) of the v-prediction loss: 1 up to a signal-to-noise ratio of `limit`, less above.

    Min-SNR (Hang et al. 2023) weighs the error of the predicted pixels by min(SNR, limit), which is 0 for the
    pure noise that sampling starts from; min(SNR, limit) + 1 is not. As a weight of the error in v it is
    (min(SNR, limit) + 1) / (SNR + 1).
    """
    signal = scheduler.alphas_cumprod[times]  # (B,), SNR = signal / (1 - signal)
    ratio = signal / (1 - signal)
    weights: Tensor = (ratio.clamp(max=limit) + 1) / (ratio + 1)
    return weights


def pixel_loss(unet: nn.Module, scheduler: Any, batch: PixelBatch, seed: int, recipe: Any) -> Tensor:
    """Returns the v-prediction loss (Salimans & Ho 2022), weighted by mask and by time step.

    Noise and time steps depend on `seed` alone.

    Args:
        unet: The denoiser.
        scheduler: Its noise schedule.
        batch: The crops.
        seed: Of noise and time steps.
        recipe: With `mask_weight` and `snr_limit`.
    """
    generator = torch.Generator().manual_seed(seed)
    target, masks = to_tensor(batch.target), torch.from_numpy(batch.masks)[:, None].float()  # (B, 1, S, S)
    noise = torch.randn(target.shape, generator=generator)
    times = torch.randint(scheduler.config.num_train_timesteps, (len(target),), generator=generator)
    noisy = scheduler.add_noise(target, noise, times)
    velocity = scheduler.get_velocity(target, noise, times)
    beside = condition(to_tensor(batch.intact), masks, torch.from_numpy(batch.seen))  # (B, 4, S, S)
    joined = torch.cat([noisy, beside], dim=1)  # (B, 7, S, S)
    joined = joined.contiguous(memory_format=torch.channels_last)
    predicted = unet(joined, times, torch.from_numpy(batch.classes), return_dict=False)[0]  # (B, 3, S, S)
    weights = (1 + (recipe.mask_weight - 1) * masks).expand_as(target)
    errors = ((predicted - velocity).square() * weights).flatten(1).sum(1) / weights.flatten(1).sum(1)  # (B,)
    loss: Tensor = (errors * time_weights(scheduler, times, recipe.snr_limit)).mean()
    return loss


def train_pixel_denoiser(
    pipeline: Any,
    windows: Windows,
    validation: Windows,
    recipe: PixelDenoiserRecipe,
    checkpoints: Checkpoints,
    seed: int,
    report: Callable[[dict[str, float], Mapping[str, nn.Module]], None],
) -> dict[str, float]:
    """Trains the pipeline's UNet in place, and leaves the averaged weights in it.

    Args:
        pipeline: The pipeline.
        windows: What it learns from.
        validation: Windows of other contributors.
        recipe: How.
        checkpoints: Where the state is kept; goes on from there.
        seed: Of batches and noise.
        report: Gets step, losses and the averaged UNet (as `unet`) at every checkpoint.

    Returns:
        step, seconds, loss, validation_loss.
    """
    modules = {"unet": pipeline.unet.train().to(memory_format=torch.channels_last)}
    scheduler, side = pipeline.scheduler, pipeline.side

    def loss_of(unet: nn.Module, drawn_from: Windows, part: str, step: int) -> Tensor:
        batch = make_batch(drawn_from, recipe, side, derive_rng(part, seed, step))
        return pixel_loss(unet, scheduler, batch, derive_seed(f"{part} noise", seed, step), recipe)

    @torch.no_grad()
    def validate(averaged: Mapping[str, nn.Module]) -> float:
        losses = [float(loss_of(averaged["unet"], validation, "validation", index)) for index in range(4)]
        return float(np.mean(losses))

    return learn(
        modules,
        recipe,
        lambda step: loss_of(modules["unet"], windows, "pixel", step),
        validate,
        checkpoints,
        report,
    )
