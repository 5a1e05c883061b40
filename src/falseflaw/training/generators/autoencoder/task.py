"""Trains the small autoencoder whose latents the inpainter paints in."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import AutoencoderTiny
from torch import Tensor
from torch.nn import functional

from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.checkpoints import Checkpoints, Clock
from falseflaw.inpainting.tensors import to_tensor
from falseflaw.seeding import derive_rng
from falseflaw.training.generators.autoencoder.reconstruction import quality
from falseflaw.training.generators.windows import Windows
from falseflaw.types import Image


@dataclass(frozen=True)
class ReconstructionRecipe:
    """How an autoencoder learns to give photos back.

    Attributes:
        steps: Most optimizer steps.
        minutes: Most minutes of training, over all resumed runs, or None for no limit but `steps`; the
            learning rate falls with whichever of the two limits is nearer.
        batch: Crops a step.
        crop: Side of a crop in pixels.
        learning_rate: Highest learning rate of AdamW.
        warmup: Steps of linear warm-up.
        gradient_weight: Weight of the difference of image gradients against the absolute difference.
        color_weight: Weight of the difference of color over areas of 4x4 pixels.
        exchanged: Share of crops whose color channels are exchanged at random.
    """

    steps: int
    minutes: float | None
    batch: int
    crop: int
    learning_rate: float
    warmup: int
    gradient_weight: float = 0.5
    color_weight: float = 0.5
    exchanged: float = 0.3

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "crop", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ConfigurationError(f"expected autoencoder {name} > 0, got {getattr(self, name)}")


@dataclass(frozen=True)
class AutoencoderRecipe(ReconstructionRecipe):
    """The same, for an autoencoder in whose latents a denoiser shall work.

    Attributes:
        latent_weight: Weight of the pull of the latents to mean 0 and the identity as covariance.
        settle_steps: Steps in which the decoder alone gets used to the whitened latents.
        settle_noise: Deviation of the noise on those latents, as a share of theirs; it makes the decoder
            forgive what a denoiser gets slightly wrong.
    """

    latent_weight: float = 0.03
    settle_steps: int = 200
    settle_noise: float = 0.05


def latents_of(vae: AutoencoderTiny, pixels: Tensor) -> Tensor:
    """Returns the scaled latents of pixels in [-1, 1], float (B, C, H / f, W / f)."""
    latents: Tensor = vae.encode(pixels).latents * vae.config.scaling_factor
    return latents


def rate_at(progress: float, step: int, warmup: int) -> float:
    """Share of the highest learning rate: linear warm-up, then half a cosine down to 2 %."""
    rise = min(1.0, (step + 1) / max(1, warmup))
    return rise * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))


def train_autoencoder(
    vae: AutoencoderTiny,
    windows: Windows,
    validation: Windows,
    recipe: AutoencoderRecipe,
    checkpoints: Checkpoints,
    seed: int,
    report: Callable[[dict[str, float]], None],
) -> dict[str, float]:
    """Trains in place, whitens the latents and lets the decoder settle; goes on from the checkpoints.

    Args:
        vae: The autoencoder.
        windows: What it learns from.
        validation: Windows of other contributors.
        recipe: How.
        checkpoints: Where the state is kept.
        seed: Of the crops.
        report: Gets step, loss and the quality on validation windows every now and then.

    Returns:
        step, settle_steps, seconds, the quality on intact and damaged validation windows, scaling_factor.
    """
    vae.to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(vae.parameters(), lr=recipe.learning_rate, weight_decay=0.01, fused=True)
    step, clock = checkpoints.restore({"model": vae, "optimizer": optimizer}), Clock(checkpoints)
    limit = None if recipe.minutes is None else 60 * recipe.minutes
    losses: list[float] = []
    with checkpoints.bar(recipe.steps, step, "autoencoder") as bar:
        while step < recipe.steps and (limit is None or clock.seconds < limit):
            progress = max(step / recipe.steps, 0.0 if limit is None else clock.seconds / limit)
            for group in optimizer.param_groups:
                group["lr"] = recipe.learning_rate * rate_at(progress, step, recipe.warmup)
            pixels = to_tensor(draw_batch(windows, recipe, derive_rng("autoencoder", seed, step)))
            loss = _loss(vae, pixels, recipe)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
            optimizer.step()
            losses.append(float(loss.detach()))
            step += 1
            bar.update()
            if step % 50 == 0:
                bar.set_postfix(loss=f"{np.mean(losses[-50:]):.4f}", refresh=False)
            if checkpoints.due():
                checkpoints.save(step, clock.seconds, {"model": vae, "optimizer": optimizer})
                report({"step": step, "loss": float(np.mean(losses[-50:])), **quality(vae, validation)})
    if losses:
        checkpoints.save(step, clock.seconds, {"model": vae, "optimizer": optimizer})
    whiten(vae, windows)
    settled = _settle(vae, windows, recipe, checkpoints.sibling("decoder"), seed)
    measured = quality(vae, validation)
    if losses:
        report({"step": step + settled, "loss": float(np.mean(losses[-50:])), **measured})
    return {
        "step": step,
        "settle_steps": settled,
        "seconds": checkpoints.seconds,
        **measured,
        "scaling_factor": float(vae.config.scaling_factor),
    }


@torch.no_grad()
def whiten(vae: AutoencoderTiny, windows: Windows, most: int = 256, deviation: float = 0.4) -> None:
    """Makes the latents' channels uncorrelated, with mean 0 and one deviation, and sets `scaling_factor`.

    A linear map is folded into the encoder's last and its inverse into the decoder's first convolution.
    Directions of small deviation would drown in the white noise of the diffusion. The decoder squashes
    latents at 3; a small `deviation` keeps them far from there.
    """
    index = np.linspace(0, len(windows) - 1, min(most, len(windows))).astype(int)
    parts = [
        vae.encode(to_tensor(windows.damaged[part])).latents
        for part in np.array_split(index, 16)
        if len(part)
    ]
    values = torch.cat([part.permute(1, 0, 2, 3).flatten(1) for part in parts], dim=1).double()  # (C, N)
    mean = values.mean(dim=1)
    spread, axes = torch.linalg.eigh(torch.cov(values))
    spread = spread.clamp_min(1e-8).sqrt()
    forward = deviation * axes @ torch.diag(1 / spread) @ axes.T  # (C, C), symmetric whitening
    backward = axes @ torch.diag(spread) @ axes.T / deviation
    last, first = vae.encoder.layers[-1], vae.decoder.layers[0]
    last.weight.copy_(torch.einsum("ij,jkhw->ikhw", forward, last.weight.double()))
    last.bias.copy_(forward @ (last.bias.double() - mean))
    first.bias.add_(torch.einsum("ijhw,j->i", first.weight.double(), mean))
    first.weight.copy_(torch.einsum("ijhw,jk->ikhw", first.weight.double(), backward))
    vae.register_to_config(scaling_factor=1 / deviation)


def _settle(
    vae: AutoencoderTiny, windows: Windows, recipe: AutoencoderRecipe, checkpoints: Checkpoints, seed: int
) -> int:
    """Trains the decoder on fixed, slightly noisy latents; returns the steps."""
    parameters = list(vae.decoder.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=recipe.learning_rate, weight_decay=0.01, fused=True)
    parts = {"decoder": vae.decoder, "optimizer": optimizer}
    start = step = checkpoints.restore(parts)
    clock = Clock(checkpoints)
    with checkpoints.bar(recipe.settle_steps, step, "decoder") as bar:
        while step < recipe.settle_steps:
            for group in optimizer.param_groups:
                group["lr"] = 0.3 * recipe.learning_rate * rate_at(step / recipe.settle_steps, step, 10)
            pixels = to_tensor(draw_batch(windows, recipe, derive_rng("settle", seed, step)))
            with torch.no_grad():
                latents = vae.encode(pixels).latents
                noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(seed + step))
                latents = latents + noise * (recipe.settle_noise / vae.config.scaling_factor)
            loss = distance(vae.decode(latents).sample, pixels, recipe)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            step += 1
            bar.update()
            if checkpoints.due():
                checkpoints.save(step, clock.seconds, parts)
    if step > start:
        checkpoints.save(step, clock.seconds, parts)
    return step


def draw_batch(windows: Windows, recipe: ReconstructionRecipe, rng: np.random.Generator) -> Image:
    """Draws the crops of a step, uint8 (B, S, S, 3), some with their color channels exchanged."""
    chosen = rng.integers(len(windows), size=recipe.batch)
    crops = [windows.anywhere(int(index), recipe.crop, rng) for index in chosen]
    return np.stack(
        [crop[..., rng.permutation(3)] if rng.random() < recipe.exchanged else crop for crop in crops]
    )


def _loss(vae: AutoencoderTiny, pixels: Tensor, recipe: AutoencoderRecipe) -> Tensor:
    latents = vae.encode(pixels).latents
    output = vae.decode(latents).sample
    values = latents.permute(1, 0, 2, 3).flatten(1)  # (C, N)
    mean = values.mean(dim=1, keepdim=True)
    covariance = (values - mean) @ (values - mean).T / values.shape[1]  # (C, C)
    excess = covariance - torch.eye(len(covariance))
    pull = mean.square().mean() + excess.square().sum() / len(covariance)
    loss: Tensor = distance(output, pixels, recipe) + recipe.latent_weight * pull
    return loss


def distance(output: Tensor, pixels: Tensor, recipe: ReconstructionRecipe) -> Tensor:
    """Mean absolute difference of pixels, of their differences to the next pixel, and of the color of areas.

    Photos are mostly gray, blue and red; the last term and crops with exchanged channels keep the others.
    """
    difference = output - pixels
    edges = (difference[..., 1:] - difference[..., :-1]).abs().mean()
    edges = edges + (difference[..., 1:, :] - difference[..., :-1, :]).abs().mean()
    areas = functional.avg_pool2d(difference, 4)  # (B, 3, H / 4, W / 4)
    colors = (areas - areas.roll(1, dims=1)).abs().mean()  # red - blue, green - red, blue - green
    total: Tensor = difference.abs().mean() + recipe.gradient_weight * edges + recipe.color_weight * colors
    return total
