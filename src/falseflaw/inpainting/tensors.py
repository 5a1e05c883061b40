"""Between 8-bit images, pixels in [-1, 1] and latents, for autoencoders of every class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from falseflaw.types import Image


def to_tensor(images: Image, device: torch.device | str = "cpu") -> Tensor:
    """Returns uint8 (B, H, W, 3) as float (B, 3, H, W) in [-1, 1] on a device, channels last in memory."""
    there = torch.from_numpy(np.ascontiguousarray(images)).to(device)  # bytes are a quarter of floats
    pixels = there.permute(0, 3, 1, 2)  # (B, 3, H, W)
    return pixels.float().div_(127.5).sub_(1.0)


def to_images(pixels: Tensor) -> Image:
    """Returns float (B, 3, H, W) in [-1, 1] as uint8 (B, H, W, 3)."""
    scaled = pixels.float().add(1.0).mul(127.5).round().clamp(0, 255)
    return np.asarray(scaled.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy())


def latents_in(encoded: Any, generator: torch.Generator | Sequence[torch.Generator] | None = None) -> Tensor:
    """Returns the latents in what an autoencoder's `encode` gave, whatever its class.

    Args:
        encoded: A distribution, an output with latents, or the latents themselves.
        generator: Draws from the distribution; None takes its mean.
    """
    if not hasattr(encoded, "latent_dist"):
        return encoded.latents if hasattr(encoded, "latents") else encoded  # type: ignore[no-any-return]
    if generator is None:
        return encoded.latent_dist.mode()  # type: ignore[no-any-return]
    return encoded.latent_dist.sample(generator)  # type: ignore[no-any-return]


def encode_pixels(model: Any, pixels: Tensor) -> Tensor:
    """Returns an autoencoder's latents of pixels in [-1, 1], the mean where it gives a distribution."""
    return latents_in(model.encode(pixels))


def decode_pixels(model: Any, latents: Tensor) -> Tensor:
    """Returns the pixels of latents, float (B, 3, H, W), about [-1, 1]."""
    decoded = model.decode(latents)
    return decoded.sample if hasattr(decoded, "sample") else decoded  # type: ignore[no-any-return]


@torch.inference_mode()
def reconstruct(vae: Any, images: Image) -> Image:
    """Returns uint8 (B, H, W, 3) after encoding, decoding and rounding to 8 bits, where the weights are."""
    return to_images(decode_pixels(vae, encode_pixels(vae, to_tensor(images, device_of(vae)))))


def device_of(model: Any) -> torch.device:
    """Returns where a module's weights lie; the CPU for what has none."""
    weights = model.parameters() if hasattr(model, "parameters") else ()
    return next((weight.device for weight in weights), torch.device("cpu"))
