"""The autoencoder whose latents the inpainter paints in: trained, whitened, and its decoder settled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from diffusers import AutoencoderTiny
from torch import Tensor

from falseflaw.inpainting.tensors import device_of, to_tensor
from falseflaw.seeding import derive_rng
from falseflaw.training.generators.autoencoder.reconstruction import quality
from falseflaw.training.generators.autoencoder.task import (
    AutoencoderTask,
    ReconstructionRecipe,
    batches_of,
    distance,
)
from falseflaw.training.generators.recipe import TrainingWindows
from falseflaw.training.generators.task import Shared, StageTask
from falseflaw.training.generators.windows import Windows
from falseflaw.training.optimization import OptimizerSettings
from falseflaw.types import Image

if TYPE_CHECKING:
    from falseflaw.training.generators.stages import Stages

_SETTLING_RATE = 0.3
"""Learning rate of the settling decoder, as a share of the autoencoder's."""

_SETTLING_WARMUP = 10


@dataclass(frozen=True, kw_only=True)
class AutoencoderRecipe(ReconstructionRecipe):
    """How an autoencoder learns in whose latents a denoiser shall work.

    Attributes:
        latent_weight: Weight of the pull of the latents to mean 0 and the identity as covariance.
        settle_steps: Steps in which the decoder alone gets used to the whitened latents.
        settle_noise: Deviation of the noise on those latents, as a share of theirs; it makes the decoder
            forgive what a denoiser gets slightly wrong.
    """

    decay: ClassVar[Mapping[str, Any]] = {"final_fraction": 0.02}  # cosine, all the way

    latent_weight: float = 0.03
    settle_steps: int = 200
    settle_noise: float = 0.05

    def settling(self) -> AutoencoderRecipe:
        """Returns the same, for the stage in which the decoder settles: as many steps as it takes."""
        return replace(self, max_steps=self.settle_steps, max_time=None)


class SettlingTask(StageTask):
    """Trains the decoder on fixed, slightly noisy latents."""

    def __init__(self, vae: AutoencoderTiny, recipe: AutoencoderRecipe, fingerprint: str) -> None:
        """Takes the decoder over.

        Args:
            vae: Whitened autoencoder; its decoder learns in place.
            recipe: How.
            fingerprint: See `StageTask`.
        """
        settings = OptimizerSettings(
            learning_rate=_SETTLING_RATE * recipe.learning_rate,
            warmup_steps=_SETTLING_WARMUP - 1,
            **recipe.decay,
        )
        super().__init__(settings, fingerprint)
        self.decoder = vae.decoder.train()
        self.recipe = recipe
        self._vae = Shared(vae)

    def on_fit_start(self) -> None:
        """Brings the encoder to where the decoder learns."""
        self._vae.value.to(self.device)

    def loss(self, batch: tuple[Image, int]) -> Tensor:
        """Returns the loss of crops; the number beside them is the seed of the noise."""
        images, seed = batch
        vae, pixels = self._vae.value, to_tensor(images, self.device)
        with torch.no_grad():
            latents = vae.encode(pixels).latents
            noise = torch.randn(latents.shape, generator=torch.Generator().manual_seed(seed)).to(latents)
            latents = latents + noise * (self.recipe.settle_noise / vae.config.scaling_factor)
        return distance(vae.decode(latents).sample, pixels, self.recipe)

    def validation_loss(self, batch: Windows) -> Tensor:
        """Returns the loss of intact windows."""
        return self.loss((batch.clean[:32], 0))


def train_autoencoder(
    vae: AutoencoderTiny, windows: TrainingWindows, recipe: AutoencoderRecipe, stages: Stages
) -> dict[str, float]:
    """Trains in place, whitens the latents and lets the decoder settle; goes on from the checkpoints.

    Returns:
        step, settle_steps, seconds, the quality on intact and damaged validation windows, scaling_factor.
    """
    learning, validation, seed = windows.learning, windows.validation, windows.seed

    def pull(encoded: Any, latents: Tensor) -> Tensor:
        return recipe.latent_weight * to_whiteness(latents)

    task = AutoencoderTask(vae, recipe, windows.fingerprint, pull)
    batches = batches_of(
        learning,
        validation,
        recipe,
        lambda number: derive_rng("autoencoder", seed, number),
        seed,
        stages.workers,
    )
    learnt = stages.fit("autoencoder", task, batches, recipe)
    whiten(vae, learning)
    settled = learnt
    if recipe.settle_steps > 0:
        settling = SettlingTask(vae, recipe, f"{windows.fingerprint} after {learnt.step}")
        batches = batches_of(
            learning,
            validation,
            recipe,
            lambda number: derive_rng("settle", seed, number),
            seed,
            stages.workers,
        )
        settled = stages.fit("decoder", settling, batches, recipe.settling())
    vae.to(device_of(vae.decoder))  # a decoder that had nothing left to learn went there alone
    return {
        "step": learnt.step,
        "settle_steps": settled.step if recipe.settle_steps > 0 else 0,
        "seconds": learnt.seconds,
        **quality(vae, validation),
        "scaling_factor": float(vae.config.scaling_factor),
    }


def to_whiteness(latents: Tensor) -> Tensor:
    """Returns how far latents (B, C, h, w) are from mean 0 and the identity as covariance of channels."""
    values = latents.permute(1, 0, 2, 3).flatten(1)  # (C, N)
    mean = values.mean(dim=1, keepdim=True)
    covariance = (values - mean) @ (values - mean).T / values.shape[1]  # (C, C)
    excess = covariance - torch.eye(len(covariance), device=latents.device)
    return mean.square().mean() + excess.square().sum() / len(covariance)


@torch.no_grad()
def whiten(vae: AutoencoderTiny, windows: Windows, most: int = 256, deviation: float = 0.4) -> None:
    """Makes the latents' channels uncorrelated, with mean 0 and one deviation, and sets `scaling_factor`.

    A linear map is folded into the encoder's last and its inverse into the decoder's first convolution.
    Directions of small deviation would drown in the white noise of the diffusion. The decoder squashes
    latents at 3; a small `deviation` keeps them far from there.
    """
    index = np.linspace(0, len(windows) - 1, min(most, len(windows))).astype(int)
    parts = [
        vae.encode(to_tensor(windows.damaged[part], device_of(vae))).latents
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
