"""Trains the denoiser of the pixel generator on painted flaws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from falseflaw.damage.regions import draw_region
from falseflaw.errors import ConfigurationError
from falseflaw.imaging.crop import resize_mask_by_touch
from falseflaw.inpainting.pixel.networks import CLASSES, CLEAN_CLASS, NULL_CLASS, condition
from falseflaw.inpainting.pixel.window import fit, plan_window
from falseflaw.inpainting.tensors import device_of, to_tensor
from falseflaw.seeding import derive_rng, derive_seed
from falseflaw.training.batches import ValidatedBatches
from falseflaw.training.generators.recipe import TrainingWindows
from falseflaw.training.generators.stage_recipe import StageRecipe
from falseflaw.training.generators.task import Shared, StageTask
from falseflaw.training.generators.windows import Windows, turned
from falseflaw.types import Image, Mask

_VALIDATION_BATCHES = 4


@dataclass(frozen=True, kw_only=True)
class PixelDenoiserRecipe(StageRecipe):
    """How the denoiser learns.

    Attributes:
        mask_weight: Weight of the loss inside the mask against 1 outside.
        snr_limit: Signal-to-noise ratio above which a time step weighs less (Hang et al. 2023).
        no_class: Share of samples without a class, for classifier-free guidance.
        clean: Share of samples that ask for the clean material.
        seen: Share of samples whose denoiser sees the whole intact crop, as an editing model does, instead of
            the crop with the region cut out.
    """

    mask_weight: float
    snr_limit: float
    no_class: float
    clean: float
    seen: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("mask_weight", "snr_limit"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"expected denoiser {name} > 0, got {getattr(self, name)}")
        for name in ("no_class", "clean", "seen"):
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
    signal = scheduler.alphas_cumprod.to(times.device)[times]  # (B,), SNR = signal / (1 - signal)
    ratio = signal / (1 - signal)
    weights: Tensor = (ratio.clamp(max=limit) + 1) / (ratio + 1)
    return weights


def pixel_loss(unet: nn.Module, scheduler: Any, batch: PixelBatch, seed: int, recipe: Any) -> Tensor:
    """Returns the v-prediction loss (Salimans & Ho 2022), weighted by mask and by time step.

    Noise and time steps depend on `seed` alone, not on the device.

    Args:
        unet: The denoiser.
        scheduler: Its noise schedule.
        batch: The crops.
        seed: Of noise and time steps.
        recipe: With `mask_weight` and `snr_limit`.
    """
    generator = torch.Generator().manual_seed(seed)
    device = device_of(unet)
    target = to_tensor(batch.target, device)  # (B, 3, S, S)
    masks = torch.from_numpy(batch.masks)[:, None].to(device).float()  # (B, 1, S, S)
    noise = torch.randn(target.shape, generator=generator).to(device)
    count = scheduler.config.num_train_timesteps
    times = torch.randint(count, (len(target),), generator=generator).to(device)
    noisy = scheduler.add_noise(target, noise, times)
    velocity = scheduler.get_velocity(target, noise, times)
    seen = torch.from_numpy(batch.seen).to(device)  # (B,)
    given = condition(to_tensor(batch.intact, device), masks, seen)  # (B, 4, S, S)
    joined = torch.cat([noisy, given], dim=1)  # (B, 7, S, S)
    joined = joined.contiguous(memory_format=torch.channels_last)
    classes = torch.from_numpy(batch.classes).to(device)  # (B,)
    predicted = unet(joined, times, classes, return_dict=False)[0]  # (B, 3, S, S)
    weights = (1 + (recipe.mask_weight - 1) * masks).expand_as(target)
    errors = ((predicted - velocity).square() * weights).flatten(1).sum(1) / weights.flatten(1).sum(1)  # (B,)
    loss: Tensor = (errors * time_weights(scheduler, times, recipe.snr_limit)).mean()
    return loss


class PixelDenoiserTask(StageTask):
    """Trains the UNet of a pixel pipeline in place."""

    def __init__(self, pipeline: Any, recipe: PixelDenoiserRecipe, fingerprint: str) -> None:
        """Takes the UNet over.

        Args:
            pipeline: The pipeline.
            recipe: How.
            fingerprint: See `StageTask`.
        """
        super().__init__(recipe.optimizer(), fingerprint)
        self.unet = pipeline.unet.train().to(memory_format=torch.channels_last)
        self.recipe = recipe
        self._scheduler = Shared(pipeline.scheduler)

    def loss(self, batch: tuple[PixelBatch, int]) -> Tensor:
        """Returns the loss of crops; the number beside them is the seed of the noise."""
        crops, seed = batch
        return pixel_loss(self.unet, self._scheduler.value, crops, seed, self.recipe)

    def validation_loss(self, batch: tuple[PixelBatch, int]) -> Tensor:
        """Returns the same loss."""
        return self.loss(batch)


def batches_of(
    windows: TrainingWindows, recipe: PixelDenoiserRecipe, side: int, workers: int = 0
) -> ValidatedBatches:
    """Returns the crops to learn from and four fixed batches of other contributors; `side` is theirs."""

    def draw(chosen: Windows, part: str, number: int) -> tuple[PixelBatch, int]:
        batch = make_batch(chosen, recipe, side, derive_rng(part, windows.seed, number))
        return batch, derive_seed(f"{part} noise", windows.seed, number)

    return ValidatedBatches(
        lambda number: draw(windows.learning, "pixel", number),
        lambda number: draw(windows.validation, "validation", number),
        _VALIDATION_BATCHES,
        workers,
    )
