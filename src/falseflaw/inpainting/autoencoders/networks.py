"""Autoencoders unlike each other: how they shrink and enlarge, and what they allow as a latent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import torch
from diffusers import AutoencoderKL, AutoencoderTiny, ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn
from torch.nn import functional

from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.tensors import encode_pixels


class ShuffleAutoencoder(ModelMixin, ConfigMixin):
    """Works at the latents' resolution alone: pixel unshuffle in, pixel shuffle out (as DC-AE, 2410.10733).

    Args:
        factor: Photo pixels per latent pixel.
        channels: Width of the convolutions.
        blocks: Residual blocks of encoder and decoder.
        latent_channels: Channels of a latent.
    """

    @register_to_config
    def __init__(
        self, factor: int = 8, channels: int = 72, blocks: int = 2, latent_channels: int = 16
    ) -> None:
        super().__init__()
        pixels = 3 * factor**2
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(factor),
            nn.Conv2d(pixels, channels, 3, padding=1),
            *(_Residual(channels) for _ in range(blocks)),
            nn.Conv2d(channels, latent_channels, 1),
        )
        self.decoder = nn.Sequential(
            nn.Conv2d(latent_channels, channels, 3, padding=1),
            *(_Residual(channels) for _ in range(blocks)),
            nn.Conv2d(channels, pixels, 3, padding=1),
            nn.PixelShuffle(factor),
        )

    def encode(self, pixels: Tensor) -> Tensor:
        """Returns the latents of pixels in [-1, 1], (B, C, H / factor, W / factor)."""
        return self.encoder(pixels)  # type: ignore[no-any-return]

    def decode(self, latents: Tensor) -> Tensor:
        """Returns pixels, about [-1, 1]."""
        return self.decoder(latents)  # type: ignore[no-any-return]


class TransposedAutoencoder(ModelMixin, ConfigMixin):
    """Strided convolutions down, transposed ones up, latents bounded by tanh: leaves a checkerboard.

    Args:
        channels: Width per level, full resolution first; each level halves the resolution.
        latent_channels: Channels of a latent.
    """

    @register_to_config
    def __init__(self, channels: tuple[int, ...] = (48, 96), latent_channels: int = 4) -> None:
        super().__init__()
        down: list[nn.Module] = []
        before = 3
        for width in channels:
            down += [nn.Conv2d(before, width, 4, stride=2, padding=1), nn.LeakyReLU(0.1)]
            before = width
        self.encoder = nn.Sequential(
            *down, _Residual(before), nn.Conv2d(before, latent_channels, 3, padding=1), nn.Tanh()
        )
        up: list[nn.Module] = [nn.Conv2d(latent_channels, before, 3, padding=1), _Residual(before)]
        for width in (*channels[-2::-1], channels[0] // 2):
            up += [nn.ConvTranspose2d(before, width, 4, stride=2, padding=1), nn.LeakyReLU(0.1)]
            before = width
        self.decoder = nn.Sequential(*up, nn.Conv2d(before, 3, 3, padding=1))

    def encode(self, pixels: Tensor) -> Tensor:
        """Returns the latents of pixels in [-1, 1], in (-1, 1)."""
        return self.encoder(pixels)  # type: ignore[no-any-return]

    def decode(self, latents: Tensor) -> Tensor:
        """Returns pixels, about [-1, 1]."""
        return self.decoder(latents)  # type: ignore[no-any-return]


class ResampledAutoencoder(ModelMixin, ConfigMixin):
    """Strided convolutions down, an interpolation and a convolution up; latents may be quantized.

    Quantized latents are those of finite scalar quantization (Mentzer et al. 2023, 2309.15505): each channel
    is squashed and rounded to a few values, which makes a codebook that needs no learning.

    Args:
        channels: Width per level, full resolution first; each level but the first halves the resolution.
        latent_channels: Channels of a latent.
        upsampling: `bilinear` or `nearest`.
        levels: Values that a latent channel can have, odd; 0 for any.

    Raises:
        ValueError: `levels` is even, or there is no such interpolation.
    """

    @register_to_config
    def __init__(
        self,
        channels: tuple[int, ...] = (24, 48, 64),
        latent_channels: int = 8,
        upsampling: str = "bilinear",
        levels: int = 0,
    ) -> None:
        super().__init__()
        if levels and levels % 2 == 0:
            raise ValueError(f"expected an odd number of levels, or 0, got {levels}")
        if upsampling not in {"bilinear", "nearest"}:
            raise ValueError(f"expected upsampling as bilinear or nearest, got {upsampling!r}")
        self.levels = levels
        down: list[nn.Module] = [nn.Conv2d(3, channels[0], 3, padding=1)]
        for before, width in pairwise(channels):
            down += [nn.SiLU(), nn.Conv2d(before, width, 3, stride=2, padding=1)]
        last = channels[-1]
        self.encoder = nn.Sequential(*down, _Residual(last), nn.Conv2d(last, latent_channels, 3, padding=1))
        up: list[nn.Module] = [nn.Conv2d(latent_channels, last, 3, padding=1), _Residual(last)]
        for before, width in pairwise(channels[::-1]):
            up += [
                nn.Upsample(
                    scale_factor=2,
                    mode=upsampling,
                    **({"align_corners": False} if upsampling == "bilinear" else {}),
                ),
                nn.Conv2d(before, width, 3, padding=1),
                _Residual(width),
            ]
        self.decoder = nn.Sequential(*up, nn.SiLU(), nn.Conv2d(channels[0], 3, 3, padding=1))

    def encode(self, pixels: Tensor) -> Tensor:
        """Returns the latents of pixels in [-1, 1], (B, C, H / factor, W / factor)."""
        latents: Tensor = self.encoder(pixels)
        return self._quantized(latents) if self.levels else latents

    def decode(self, latents: Tensor) -> Tensor:
        """Returns pixels, about [-1, 1]."""
        return self.decoder(latents)  # type: ignore[no-any-return]

    def _quantized(self, latents: Tensor) -> Tensor:
        """Rounds to multiples in [-1, 1]; gradients pass as if nothing was rounded."""
        half = self.levels // 2
        bounded = torch.tanh(latents)
        return bounded + (torch.round(bounded * half) / half - bounded).detach()


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(functional.silu(self.first(functional.silu(x))))  # type: ignore[no-any-return]


ARCHITECTURES: Mapping[str, Callable[..., nn.Module]] = {
    "tiny": AutoencoderTiny,
    "kl": AutoencoderKL,
    "shuffle": ShuffleAutoencoder,
    "transposed": TransposedAutoencoder,
    "resampled": ResampledAutoencoder,
}


def build_member(architecture: str, options: Mapping[str, Any]) -> nn.Module:
    """Returns an untrained autoencoder.

    Args:
        architecture: One of `ARCHITECTURES`.
        options: Arguments of its constructor.

    Raises:
        ConfigurationError: Unknown architecture, or arguments that it does not take.
    """
    if architecture not in ARCHITECTURES:
        raise ConfigurationError(
            f"expected an architecture of {', '.join(ARCHITECTURES)}, got {architecture!r}"
        )
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in options.items()}
    try:
        return ARCHITECTURES[architecture](**plain)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"cannot build a {architecture} autoencoder: {error}") from error


@torch.no_grad()
def factor_of(model: nn.Module) -> int:
    """Returns the photo pixels per latent pixel."""
    weight = next(model.parameters())
    return 64 // encode_pixels(model, torch.zeros(1, 3, 64, 64).to(weight)).shape[-1]
