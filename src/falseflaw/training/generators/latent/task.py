"""Trains the inpainter's denoiser and text encoder on painted flaws."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from falseflaw.damage.prompts import CLEAN_PROMPT, prompt
from falseflaw.damage.regions import draw_region
from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.checkpoints import Checkpoints
from falseflaw.inpainting.latent.networks import encode_prompts
from falseflaw.inpainting.loop import learn
from falseflaw.inpainting.tensors import to_tensor
from falseflaw.seeding import derive_rng, derive_seed
from falseflaw.training.generators.autoencoder.task import latents_of
from falseflaw.training.generators.windows import Windows
from falseflaw.types import DamageKind


@dataclass(frozen=True)
class DenoiserRecipe:
    """How long and how fast the denoiser learns.

    Attributes:
        steps: Most optimizer steps.
        minutes: Most minutes of training, over all resumed runs, or None for no limit but `steps`; with a
            limit the learning rate depends on the clock and two runs differ.
        batch: Crops of side `crop` a step.
        crop: Largest side of a crop in pixels; that of validation and sample sheets.
        learning_rate: Learning rate of AdamW; falls to a tenth over the last two fifths.
        warmup: Steps of linear warm-up.
        ema: Decay of the averaged weights, which are the ones that are saved.
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

    steps: int
    minutes: float | None
    batch: int
    crop: int
    learning_rate: float
    warmup: int
    ema: float
    mask_weight: float
    empty_prompts: float
    clean: float
    seen: float = 0.0
    smaller_crops: tuple[int, ...] = ()
    compile: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "smaller_crops", tuple(int(side) for side in self.smaller_crops))
        if bad := [side for side in self.smaller_crops if not 0 < side < self.crop]:
            raise ConfigurationError(f"expected denoiser smaller_crops below {self.crop}, got {bad[0]}")
        for name in ("steps", "batch", "crop", "learning_rate", "mask_weight"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"expected denoiser {name} > 0, got {getattr(self, name)}")
        for name in ("ema", "empty_prompts", "clean", "seen"):
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
    pipeline: Any, modules: Mapping[str, nn.Module], batch: Batch, seed: int, mask_weight: float
) -> Tensor:
    """Returns the v-prediction loss (Salimans & Ho 2022) of a batch, weighted inside the mask.

    Noise and time steps depend on `seed` alone. Masks are brought to the latents' size as the pipeline does.
    """
    generator = torch.Generator().manual_seed(seed)
    pixels, masks = to_tensor(batch.target), torch.from_numpy(batch.masks)[:, None].float()  # (B, 1, S, S)
    with torch.no_grad():
        target = latents_of(pipeline.vae, pixels)  # (B, C, s, s)
        cut = masks * torch.from_numpy(~batch.seen)[:, None, None, None]  # (B, 1, S, S)
        masked = latents_of(pipeline.vae, to_tensor(batch.hole) * (1 - cut))  # (B, C, s, s)
    small = functional.interpolate(masks, size=target.shape[-2:])  # (B, 1, s, s), nearest
    noise = torch.randn(target.shape, generator=generator)
    scheduler = pipeline.scheduler
    times = torch.randint(scheduler.config.num_train_timesteps, (len(target),), generator=generator)
    noisy = scheduler.add_noise(target, noise, times)
    velocity = scheduler.get_velocity(target, noise, times)
    states = encode_prompts(batch.prompts, pipeline.tokenizer, modules["text_encoder"])  # (B, T, D)
    joined = torch.cat([noisy, small, masked], dim=1).contiguous(memory_format=torch.channels_last)
    predicted = modules["unet"](joined, times, states, return_dict=False)[0]  # (B, C, s, s)
    weights = (1 + (mask_weight - 1) * small).expand_as(target)
    loss: Tensor = ((predicted - velocity).square() * weights).sum() / weights.sum()
    return loss


def train_denoiser(
    pipeline: Any,
    windows: Windows,
    validation: Windows,
    recipe: DenoiserRecipe,
    checkpoints: Checkpoints,
    seed: int,
    report: Callable[[dict[str, float], Mapping[str, nn.Module]], None],
) -> dict[str, float]:
    """Trains UNet and text encoder of a pipeline in place, and leaves the averaged weights in them.

    Args:
        pipeline: Pipeline with a trained autoencoder.
        windows: What it learns from.
        validation: Windows of other contributors.
        recipe: How.
        checkpoints: Where the state is kept; goes on from there.
        seed: Of batches and noise.
        report: Gets step, losses and the averaged modules at every checkpoint.

    Returns:
        step, seconds, loss, validation_loss.
    """
    modules = {"unet": pipeline.unet.train(), "text_encoder": pipeline.text_encoder.train()}
    modules["unet"].to(memory_format=torch.channels_last)
    pipeline.vae.eval().requires_grad_(False)
    working = (
        {**modules, "unet": torch.compile(modules["unet"], dynamic=False)} if recipe.compile else modules
    )

    def loss_at(step: int) -> Tensor:
        batch = make_batch(windows, recipe, derive_rng("denoiser", seed, step), step)
        noise_seed = derive_seed("noise", seed, step)
        return denoising_loss(pipeline, working, batch, noise_seed, recipe.mask_weight)

    def validate(averaged: Mapping[str, nn.Module]) -> float:
        return validation_loss(pipeline, averaged, validation, recipe, seed)

    return learn(modules, recipe, loss_at, validate, checkpoints, report)


@torch.no_grad()
def validation_loss(
    pipeline: Any, modules: Mapping[str, nn.Module], windows: Windows, recipe: DenoiserRecipe, seed: int
) -> float:
    """Returns the loss on four fixed batches of other contributors, the same at every call."""
    losses = []
    for index in range(4):
        batch = make_batch(windows, recipe, derive_rng("validation", seed, index))
        noise_seed = derive_seed("validation noise", seed, index)
        losses.append(float(denoising_loss(pipeline, modules, batch, noise_seed, recipe.mask_weight)))
    return float(np.mean(losses))
