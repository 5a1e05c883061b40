"""Trains the inpainter's denoiser and text encoder on painted flaws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderTiny
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from falseflaw.damage.prompts import CLEAN_PROMPT, prompt
from falseflaw.damage.regions import draw_region
from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.latent.networks import encode_prompts
from falseflaw.inpainting.tensors import device_of, to_tensor
from falseflaw.seeding import derive_rng, derive_seed
from falseflaw.training.batches import ValidatedBatches
from falseflaw.training.generators.recipe import TrainingWindows
from falseflaw.training.generators.stage_recipe import StageRecipe
from falseflaw.training.generators.task import Shared, StageTask
from falseflaw.training.generators.windows import Windows
from falseflaw.types import DamageKind

_VALIDATION_BATCHES = 4


@dataclass(frozen=True, kw_only=True)
class DenoiserRecipe(StageRecipe):
    """How the denoiser learns.

    Attributes:
        batch: Crops of side `crop` a step.
        crop: Largest side of a crop in pixels; that of validation and sample sheets.
        mask_weight: Weight of the loss inside the mask against 1 outside.
        empty_prompts: Share of samples without a prompt, for classifier-free guidance.
        clean: Share of samples that ask for the clean material.
        seen: Share of samples whose denoiser sees the whole intact crop, as an editing model does, instead of
            the crop with the region cut out.
        smaller_crops: Sides below `crop` that take turns with it; such a step holds more of them, so that it
            costs the same.
        compile: Whether to compile the denoiser, which needs a C++ compiler and two minutes at the start, and
            makes a step a quarter shorter on a CPU.
    """

    crop: int
    mask_weight: float
    empty_prompts: float
    clean: float
    seen: float = 0.0
    smaller_crops: tuple[int, ...] = ()
    compile: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "smaller_crops", tuple(int(side) for side in self.smaller_crops))
        if bad := [side for side in self.smaller_crops if not 0 < side < self.crop]:
            raise ConfigurationError(f"expected denoiser smaller_crops below {self.crop}, got {bad[0]}")
        for name in ("crop", "mask_weight"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"expected denoiser {name} > 0, got {getattr(self, name)}")
        for name in ("empty_prompts", "clean", "seen"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigurationError(f"expected denoiser {name} in [0, 1), got {getattr(self, name)}")

    def crop_at(self, step: int) -> tuple[int, int]:
        """Returns the side of the crops of a step, and how many of them it holds."""
        sides = (self.crop, *self.smaller_crops)
        side = sides[step % len(sides)]
        return side, max(1, round(self.batch * (self.crop / side) ** 2))


@dataclass(frozen=True)
class Batch:
    """One batch of crops.

    Attributes:
        target: uint8 (B, S, S, 3), what the net shall write.
        hole: uint8 (B, S, S, 3), the intact crop; the mask is cut out of it later, unless it is seen.
        masks: bool (B, S, S), the region to write.
        prompts: B texts.
        seen: bool (B,), whether the denoiser sees all of the intact crop.
    """

    target: NDArray[np.uint8]
    hole: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    prompts: list[str]
    seen: NDArray[np.bool_]


def make_batch(windows: Windows, recipe: DenoiserRecipe, rng: np.random.Generator, step: int = 0) -> Batch:
    """Draws the batch of a step; the same generator state gives the same batch."""
    target, hole, masks, prompts, seen = [], [], [], [], []
    side, count = recipe.crop_at(step)
    for index in rng.integers(len(windows), size=count).tolist():
        intact, damaged, flaw = windows.crop(index, side, rng)
        clean, empty = rng.random() < recipe.clean, rng.random() < recipe.empty_prompts
        text = prompt(DamageKind(windows.kinds[index]), windows.products[index], rng)
        masks.append(draw_region(flaw, rng)[1])
        target.append(intact if clean else damaged)
        hole.append(intact)
        prompts.append("" if empty else CLEAN_PROMPT if clean else text)
        seen.append(bool(rng.random() < recipe.seen))
    return Batch(np.stack(target), np.stack(hole), np.stack(masks), prompts, np.array(seen))


def denoising_loss(
    pipeline: Any, modules: Mapping[str, Any], batch: Batch, seed: int, mask_weight: float
) -> Tensor:
    """Returns the v-prediction loss (Salimans & Ho 2022) of a batch, weighted inside the mask.

    Noise and time steps depend on `seed` alone, not on the device. Masks are brought to the latents' size as
    the pipeline does.
    """
    generator = torch.Generator().manual_seed(seed)
    device = device_of(pipeline.vae)
    pixels = to_tensor(batch.target, device)  # (B, 3, S, S)
    masks = torch.from_numpy(batch.masks)[:, None].to(device).float()  # (B, 1, S, S)
    with torch.no_grad():
        target = latents_of(pipeline.vae, pixels)  # (B, C, s, s)
        cut = masks * torch.from_numpy(~batch.seen).to(device)[:, None, None, None]  # (B, 1, S, S)
        masked = latents_of(pipeline.vae, to_tensor(batch.hole, device) * (1 - cut))  # (B, C, s, s)
    small = functional.interpolate(masks, size=target.shape[-2:])  # (B, 1, s, s), nearest
    noise = torch.randn(target.shape, generator=generator).to(target)
    scheduler = pipeline.scheduler
    count = scheduler.config.num_train_timesteps
    times = torch.randint(count, (len(target),), generator=generator).to(device)
    noisy = scheduler.add_noise(target, noise, times)
    velocity = scheduler.get_velocity(target, noise, times)
    states = encode_prompts(batch.prompts, pipeline.tokenizer, modules["text_encoder"])  # (B, T, D)
    joined = torch.cat([noisy, small, masked], dim=1).contiguous(memory_format=torch.channels_last)
    predicted = modules["unet"](joined, times, states, return_dict=False)[0]  # (B, C, s, s)
    weights = (1 + (mask_weight - 1) * small).expand_as(target)
    loss: Tensor = ((predicted - velocity).square() * weights).sum() / weights.sum()
    return loss


def latents_of(vae: AutoencoderTiny, pixels: Tensor) -> Tensor:
    """Returns the scaled latents of pixels in [-1, 1], float (B, C, H / f, W / f)."""
    latents: Tensor = vae.encode(pixels).latents * vae.config.scaling_factor
    return latents


class DenoiserTask(StageTask):
    """Trains UNet and text encoder of a pipeline in place."""

    def __init__(self, pipeline: Any, recipe: DenoiserRecipe, fingerprint: str) -> None:
        """Takes UNet and text encoder over.

        Args:
            pipeline: Pipeline with a trained autoencoder, which stays as it is.
            recipe: How.
            fingerprint: See `StageTask`.
        """
        super().__init__(recipe.optimizer(), fingerprint)
        self.unet = pipeline.unet.train().to(memory_format=torch.channels_last)
        self.text_encoder = pipeline.text_encoder.train()
        self.recipe = recipe
        self._pipeline = Shared(pipeline)
        self._compiled = Shared(None)
        pipeline.vae.eval().requires_grad_(False)

    def on_fit_start(self) -> None:
        """Brings the autoencoder to where the others learn, and compiles what learns if it shall."""
        self._pipeline.value.vae.to(self.device)
        if self.recipe.compile:
            self._compiled = Shared(torch.compile(self.unet, dynamic=False))

    def loss(self, batch: tuple[Batch, int]) -> Tensor:
        """Returns the loss of crops; the number beside them is the seed of the noise."""
        compiled = self._compiled.value
        return self._denoising_loss(batch, self.unet if compiled is None else compiled)

    def validation_loss(self, batch: tuple[Batch, int]) -> Tensor:
        """Returns the same loss; nothing is compiled for so few batches."""
        return self._denoising_loss(batch, self.unet)

    def _denoising_loss(self, batch: tuple[Batch, int], unet: Any) -> Tensor:
        modules = {"unet": unet, "text_encoder": self.text_encoder}
        return denoising_loss(self._pipeline.value, modules, *batch, self.recipe.mask_weight)


def batches_of(windows: TrainingWindows, recipe: DenoiserRecipe, workers: int = 0) -> ValidatedBatches:
    """Returns the crops to learn from and four fixed batches of other contributors."""
    seed = windows.seed

    def draw(number: int) -> tuple[Batch, int]:
        batch = make_batch(windows.learning, recipe, derive_rng("denoiser", seed, number), number)
        return batch, derive_seed("noise", seed, number)

    def draw_validation(number: int) -> tuple[Batch, int]:
        batch = make_batch(windows.validation, recipe, derive_rng("validation", seed, number))
        return batch, derive_seed("validation noise", seed, number)

    return ValidatedBatches(draw, draw_validation, _VALIDATION_BATCHES, workers)
