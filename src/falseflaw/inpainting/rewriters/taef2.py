"""TAEF2: photos as the tiny autoencoder for FLUX.2's latents writes them (madebyollin/taesd, MIT)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from falseflaw.devices import find_device
from falseflaw.errors import InvalidDataError
from falseflaw.inpainting.rewriters import public_weights
from falseflaw.inpainting.rewriters.rewriter import in_tiles
from falseflaw.inpainting.tensors import reconstruct
from falseflaw.types import Image

FACTOR = 8
"""Photo pixels per latent pixel."""

_TILE = 1024
"""Largest side that is rewritten at once: 64 channels of a camera's full resolution would fill the memory."""


class Taef2:
    """Rewrites photos with TAEF2, a member of the family of autoencoders.

    Args:
        path: Folder with its two files; None: `$FALSEFLAW_WEIGHTS`, else what `falseflaw download
            weights=taef2` fetched.
        reserved: Whether it must never be used in a training set.
        device: Where it computes: `cpu`, `cuda` or another torch device.

    Raises:
        ConfigurationError: No such device.
        MissingDataError: The weights are not there; the message names the command.
        InvalidDataError: They are not the pinned ones.
    """

    whole = True
    """It costs what an autoencoder costs."""

    def __init__(self, path: str | None = None, reserved: bool = False, device: str = "cpu") -> None:
        there = find_device(device, "autoencoders.others.taef2.device")
        self.reserved = reserved
        self.digest = public_weights.TAEF2.digest
        encoder, decoder = map(_tensors, public_weights.TAEF2.read(path).values())
        model = Taef2Network.of(encoder, decoder).eval().requires_grad_(False)
        self._model = model.to(there).to(memory_format=torch.channels_last)

    def round_trip(self, photo: Image, seed: int) -> Image:
        """Returns the photo after encoding, decoding and rounding, uint8 (H, W, 3).

        Args:
            photo: uint8 (H, W, 3), any size.
            seed: Not used: nothing is drawn.

        Raises:
            InvalidDataError: The photo has another shape or type.
        """
        return in_tiles(
            photo, seed, _TILE, FACTOR, lambda tile, seed: reconstruct(self._model, tile[None])[0]
        )


class Taef2Network(nn.Module):
    """Encoder and decoder with the parameter names of the published files.

    Args:
        channels: Width of every convolution.
        latent_channels: Channels of a latent.
        pooled: Width of the branch that the blocks at the latents' resolution have.
    """

    def __init__(self, channels: int = 64, latent_channels: int = 32, pooled: int = 256) -> None:
        super().__init__()

        def conv(stride: int = 1) -> nn.Module:
            return nn.Conv2d(channels, channels, 3, stride=stride, padding=1, bias=False)

        def blocks(count: int, pool: int | None = None) -> list[nn.Module]:
            return [_Block(channels, pool) for _ in range(count)]

        self.encoder = nn.Sequential(
            nn.Conv2d(3, channels, 3, padding=1),
            *blocks(1),
            *(conv(stride=2), *blocks(3)),
            *(conv(stride=2), *blocks(3)),
            *(conv(stride=2), *blocks(3, pooled)),
            nn.Conv2d(channels, latent_channels, 3, padding=1),
        )
        self.decoder = nn.Sequential(
            _Clamp(),
            *(nn.Conv2d(latent_channels, channels, 3, padding=1), nn.ReLU()),
            *(*blocks(3, pooled), nn.Upsample(scale_factor=2), conv()),
            *(*blocks(3), nn.Upsample(scale_factor=2), conv()),
            *(*blocks(3), nn.Upsample(scale_factor=2), conv()),
            *blocks(1),
            nn.Conv2d(channels, 3, 3, padding=1),
        )

    @classmethod
    def of(cls, encoder: Mapping[str, Tensor], decoder: Mapping[str, Tensor]) -> Taef2Network:
        """Returns the network of two state dicts, as wide as their tensors.

        Raises:
            InvalidDataError: Their tensors are others.
        """
        try:
            latent_channels, channels = encoder["14.weight"].shape[:2]
            model = cls(channels, latent_channels, encoder["11.pool.0.weight"].shape[0])
            model.encoder.load_state_dict(encoder)
            model.decoder.load_state_dict(decoder)
        except (KeyError, ValueError, RuntimeError) as error:
            reason = " ".join(str(error).split())[:160]
            raise InvalidDataError(f"expected the tensors of TAEF2, got others: {reason}") from error
        return model

    def encode(self, pixels: Tensor) -> Tensor:
        """Returns the latents of pixels in [-1, 1], (B, C, H / 8, W / 8)."""
        return self.encoder((pixels + 1) / 2)  # type: ignore[no-any-return]

    def decode(self, latents: Tensor) -> Tensor:
        """Returns pixels, about [-1, 1]."""
        return self.decoder(latents) * 2 - 1  # type: ignore[no-any-return]


class _Clamp(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x / 3) * 3


class _Block(nn.Module):
    """Three convolutions beside the identity; before them, if `pooled`, a branch of that width."""

    def __init__(self, channels: int, pooled: int | None) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            *(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()),
            nn.Conv2d(channels, channels, 3, padding=1),
        )
        self.pool = pooled and nn.Sequential(
            nn.Conv2d(channels, pooled, 1, bias=False),
            *(nn.GroupNorm(4, pooled), nn.ReLU()),
            nn.Conv2d(pooled, channels, 1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.pool:
            x = x + self.pool(x)
        return functional.relu(self.conv(x) + x)


def _tensors(data: bytes) -> dict[str, Tensor]:
    loaded: dict[str, Any] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return {name: tensor.float() for name, tensor in loaded.items()}
