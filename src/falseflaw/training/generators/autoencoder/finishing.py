"""Makes a decoder sharp: a critic of patches, features of a known network, and the energy of fine detail.

A decoder that learns distances alone paints the mean of what could be there, smoother than any photo.
Real generators are finished adversarially (Esser et al. 2021, 2012.09841), and so are these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from falseflaw.inpainting.tensors import decode_pixels, encode_pixels, latents_in, to_tensor
from falseflaw.models.backbone import build_backbone
from falseflaw.seeding import derive_seed
from falseflaw.training.generators.autoencoder.reconstruction import quality
from falseflaw.training.generators.autoencoder.task import ReconstructionRecipe, distance
from falseflaw.training.generators.task import Shared, StageTask
from falseflaw.training.generators.windows import Windows
from falseflaw.types import Image

BANDS = (0.7, 1.2, 2.5)
"""Standard deviations in pixels of the blurs whose differences from the photo are its fine detail."""

_FLOOR = (1.5 / 127.5) ** 2
"""Added to energies: detail below a gray level and a half is rounding."""

_AREA = 12
"""Side in pixels of the areas whose energies are compared."""

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, which the backbone expects


@dataclass(frozen=True, kw_only=True)
class FinishRecipe(ReconstructionRecipe):
    """How a decoder is finished; the encoder stays as it is, and so do the latents.

    Attributes:
        pixel_weight: Weight of the distance of pixels.
        feature_weight: Weight of the distance of the backbone's features.
        energy_weight: Weight of the difference of log energies of fine detail.
        critic_weight: Weight of what the critic says.
        critic_channels: Width of the critic.
        backbone: Whose features are compared; see `models.backbone`.
        pretrained: `imagenet`, or `none` for tests.
        latent_noise: Standard deviation of noise on the latents, as a share of theirs; makes a decoder
            forgive what a denoiser gets slightly wrong.
    """

    ema: float = 0.99
    pixel_weight: float = 0.5
    feature_weight: float = 0.5
    energy_weight: float = 0.3
    critic_weight: float = 0.15
    critic_channels: int = 32
    backbone: str = "efficientnet_lite0"
    pretrained: str = "imagenet"
    latent_noise: float = 0.0

    def identity(self) -> dict[str, Any]:
        """Returns what checkpoints of the stage are told apart by, of plain types."""
        return {name: value for name, value in vars(self).items() if name not in {"max_steps", "max_time"}}


class FinishTask(StageTask):
    """Trains a decoder against a critic, in one step: each sees the other's weights as given."""

    def __init__(self, model: nn.Module, recipe: FinishRecipe, fingerprint: str) -> None:
        """Takes the autoencoder over.

        Args:
            model: Trained to give photos back; its decoder learns in place.
            recipe: How.
            fingerprint: See `StageTask`.
        """
        super().__init__(recipe.optimizer(), fingerprint)
        self.model: Any = model.train().to(memory_format=torch.channels_last)
        for weight in model.parameters():
            weight.requires_grad_(False)
        for weight in model.decoder.parameters():  # type: ignore[union-attr]
            weight.requires_grad_(True)
        self.recipe = recipe
        with torch.random.fork_rng(devices=[]):  # alike in a training that goes on, whatever was drawn before
            torch.manual_seed(derive_seed("finish", fingerprint))
            self.critic = build_critic(recipe.critic_channels)
            backbone = build_backbone(recipe.backbone, recipe.pretrained, 3).eval().requires_grad_(False)
        self._backbone = Shared(backbone.to(memory_format=torch.channels_last))

    def on_fit_start(self) -> None:
        """Brings the backbone to where the decoder learns."""
        self._backbone.value.to(self.device)

    def loss(self, batch: tuple[Image, int]) -> Tensor:
        """Returns the loss of crops; the number beside them is the seed of the noise."""
        images, seed = batch
        recipe, pixels = self.recipe, to_tensor(images, self.device)
        with torch.no_grad():
            generator = torch.Generator().manual_seed(seed)
            latents = latents_in(self.model.encode(pixels), generator)
            if recipe.latent_noise:
                noise = torch.randn(latents.shape, generator=generator).to(latents)
                latents = latents + noise * recipe.latent_noise * latents.std()
        output = decode_pixels(self.model, latents)
        detail, true_detail = fine_detail(output), fine_detail(pixels)
        seen, true_seen = torch.cat([output, detail], dim=1), torch.cat([pixels, true_detail], dim=1)
        given = {name: weight.detach() for name, weight in self.critic.named_parameters()}
        deceived = -functional_call(self.critic, given, (seen,)).mean()
        told = (
            functional.relu(1 - self.critic(true_seen)).mean()
            + functional.relu(1 + self.critic(seen.detach())).mean()
        )
        self.log("train/critic", told.detach(), batch_size=1)
        total: Tensor = (
            recipe.pixel_weight * distance(output, pixels, recipe)
            + recipe.feature_weight * self._features(output, pixels)
            + recipe.energy_weight * energy_distance(detail, true_detail)
            + recipe.critic_weight * deceived
            + told
        )
        return total

    @torch.no_grad()
    def validation_loss(self, batch: Windows) -> Tensor:
        """Returns the difference of log energies of intact windows and of what comes back of them."""
        pixels = to_tensor(batch.clean[:32], self.device)
        output = decode_pixels(self.model, encode_pixels(self.model, pixels))
        return energy_distance(fine_detail(output), fine_detail(pixels))

    def validation_step(self, batch: Windows, batch_index: int) -> None:
        """Logs the loss and the quality of what comes back."""
        super().validation_step(batch, batch_index)
        figures = {f"val/{name}": value for name, value in quality(self.model, batch).items()}
        self.log_dict(figures, batch_size=1, sync_dist=True)

    def _features(self, output: Tensor, pixels: Tensor) -> Tensor:
        backbone = self._backbone.value
        mean, std = (torch.tensor(row, device=output.device)[:, None, None] for row in (_MEAN, _STD))
        there = backbone(((output + 1) / 2 - mean) / std)[:3]
        with torch.no_grad():
            wanted = backbone(((pixels + 1) / 2 - mean) / std)[:3]
        parts = [
            (ours - theirs).abs().mean() / theirs.abs().mean().clamp_min(1e-6)
            for ours, theirs in zip(there, wanted, strict=True)
        ]
        total: Tensor = torch.stack(parts).mean()
        return total


def build_critic(channels: int) -> nn.Sequential:
    """Returns a critic of patches of 17 x 17 pixels (Isola et al. 2017), spectrally normalized.

    It sees (B, 12, H, W): a photo in [-1, 1] and its fine detail in three bands. It answers high for photos.
    """

    def layer(before: int, after: int, kernel: int, stride: int = 1) -> nn.Module:
        return spectral_norm(nn.Conv2d(before, after, kernel, stride, padding=kernel // 2))

    return nn.Sequential(
        layer(3 * (1 + len(BANDS)), channels, 3),
        nn.LeakyReLU(0.2),
        layer(channels, 2 * channels, 3, 2),
        nn.LeakyReLU(0.2),
        layer(2 * channels, 2 * channels, 3),
        nn.LeakyReLU(0.2),
        layer(2 * channels, 2 * channels, 3, 2),
        nn.LeakyReLU(0.2),
        layer(2 * channels, 1, 1),
    ).to(memory_format=torch.channels_last)


def fine_detail(pixels: Tensor) -> Tensor:
    """Returns a photo minus its blurs, four times as large, (B, 3 * bands, H, W)."""
    return torch.cat([4 * (pixels - _blurred(pixels, sigma)) for sigma in BANDS], dim=1)


def energy_distance(detail: Tensor, wanted: Tensor) -> Tensor:
    """Returns the mean difference of log energies of fine detail over areas of 12 x 12 pixels."""
    ours, theirs = (
        torch.log(functional.avg_pool2d(part.square(), _AREA, _AREA // 2) / 16 + _FLOOR)
        for part in (detail, wanted)
    )
    difference: Tensor = (ours - theirs).abs().mean()
    return difference


def _blurred(pixels: Tensor, sigma: float) -> Tensor:
    radius = round(2.5 * sigma)
    at = torch.arange(-radius, radius + 1, device=pixels.device, dtype=pixels.dtype)
    kernel = torch.exp(-at.square() / (2 * sigma**2))
    kernel = (kernel / kernel.sum()).expand(pixels.shape[1], 1, -1)  # (3, 1, K)
    padded = functional.pad(pixels, [radius] * 4, mode="reflect")
    across = functional.conv2d(padded, kernel[:, :, None], groups=pixels.shape[1])
    return functional.conv2d(across, kernel[..., None], groups=pixels.shape[1])
