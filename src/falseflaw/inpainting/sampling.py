"""Between pixels and latents with a pipeline of diffusers: sampling, encoding, decoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import diffusers
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from falseflaw.errors import ConfigurationError


@torch.inference_mode()
def sample_latents(
    pipeline: Any,
    crops: NDArray[np.uint8],
    masks: NDArray[np.bool_],
    prompts: Sequence[str],
    seeds: Sequence[int],
    steps: int,
    guidance: float,
    embeddings: dict[str, Tensor] | None = None,
    call: Mapping[str, Any] | None = None,
    condition: str = "hole",
) -> Tensor:
    """Returns the sampled latents, float (B, C, h, w), scaled.

    Args:
        pipeline: Prepared pipeline.
        crops: uint8 (B, H, W, 3).
        masks: bool (B, H, W).
        prompts: B texts.
        seeds: B seeds.
        steps: Denoising steps.
        guidance: Guidance scale.
        embeddings: Text states of earlier calls, extended in place.
        call: More arguments of the pipeline's call.
        condition: `hole`: the denoiser sees the crop with the mask cut out, as inpainters do; `photo`: it
            sees all of the crop, as editors do.
    """
    image = torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2).float() / 255  # (B, 3, H, W)
    mask = torch.from_numpy(np.ascontiguousarray(masks))[:, None].float()  # (B, 1, H, W)
    seen = {"masked_image_latents": encode_images(pipeline, crops)} if condition == "photo" else {}
    generators = [torch.Generator("cpu").manual_seed(int(seed) & (2**63 - 1)) for seed in seeds]
    output = pipeline(
        **_text(pipeline, prompts, guidance > 1, {} if embeddings is None else embeddings),
        image=image,
        mask_image=mask,
        height=crops.shape[1],
        width=crops.shape[2],
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=generators,
        output_type="latent",
        return_dict=True,
        **seen,
        **dict(call or {}),
    )
    latents: Tensor = output.images
    if latents.ndim != 4:
        raise ConfigurationError(
            f"expected latents [B, C, h, w], got {list(latents.shape)} from {type(pipeline).__name__}"
        )
    return latents


def _text(
    pipeline: Any, prompts: Sequence[str], guided: bool, embeddings: dict[str, Tensor]
) -> dict[str, Any]:
    """Arguments of a call that carry the prompts; each distinct one is encoded once."""
    if not isinstance(pipeline, diffusers.StableDiffusionInpaintPipeline):
        return {"prompt": list(prompts)}
    for text in dict.fromkeys([*prompts, ""]):
        if text not in embeddings:  # one by one, so that what was encoded together changes no bit
            embeddings[text] = pipeline.encode_prompt(text, pipeline._execution_device, 1, False)[0]
    arguments = {"prompt_embeds": torch.cat([embeddings[text] for text in prompts])}
    if guided:
        arguments["negative_prompt_embeds"] = torch.cat([embeddings[""]] * len(prompts))
    return arguments


def _shift(vae: Any) -> float:
    return float(getattr(vae.config, "shift_factor", None) or 0.0)


@torch.inference_mode()
def encode_images(pipeline: Any, images: NDArray[np.uint8]) -> Tensor:
    """Returns the scaled latents of photos, the mean where the encoder gives a distribution."""
    vae = pipeline.vae
    pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).to(vae.device, vae.dtype)
    encoded = vae.encode(pixels / 127.5 - 1)
    latents = encoded.latents if hasattr(encoded, "latents") else encoded.latent_dist.mode()
    scaled: Tensor = (latents - _shift(vae)) * vae.config.scaling_factor
    return scaled


@torch.inference_mode()
def decode_latents(pipeline: Any, latents: Tensor) -> NDArray[np.uint8]:
    """Returns the photos of scaled latents, uint8 (B, H, W, 3)."""
    vae = pipeline.vae
    scaled = latents.to(vae.device, vae.dtype) / vae.config.scaling_factor + _shift(vae)
    pixels = vae.decode(scaled, return_dict=False)[0].float()
    images = pixels.add(1).mul(127.5).round().clamp(0, 255).to(torch.uint8)  # (B, 3, H, W)
    return np.asarray(images.permute(0, 2, 3, 1).contiguous().cpu().numpy())
