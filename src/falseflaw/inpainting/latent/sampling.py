"""Between pixels and latents with a pipeline of diffusers: sampling, encoding, decoding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from falseflaw.inpainting.latent.families import family_of
from falseflaw.inpainting.latent.text_states import TextStates
from falseflaw.inpainting.tensors import to_tensor


@torch.inference_mode()
def sample_latents(
    pipeline: Any,
    crops: NDArray[np.uint8],
    masks: NDArray[np.bool_],
    prompts: Sequence[str],
    seeds: Sequence[int],
    steps: int,
    guidance: float,
    text: TextStates | None = None,
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
        text: Encodes the prompts and keeps them; None takes the texts as they are.
        call: More arguments of the pipeline's call.
        condition: `hole`: the denoiser sees the crop with the mask cut out, as inpainters do; `photo`: it
            sees all of the crop, as editors do.
    """
    height, width = crops.shape[1:3]
    image = torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2).float() / 255  # (B, 3, H, W)
    mask = torch.from_numpy(np.ascontiguousarray(masks))[:, None].float()  # (B, 1, H, W)
    seen = {"masked_image_latents": encode_images(pipeline, crops)} if condition == "photo" else {}
    generators = [torch.Generator("cpu").manual_seed(int(seed) & (2**63 - 1)) for seed in seeds]
    output = pipeline(
        **(text or TextStates(pipeline, call=call)).arguments(prompts, guidance > 1),
        image=image,
        mask_image=mask,
        height=height,
        width=width,
        num_inference_steps=steps,
        guidance_scale=guidance,
        generator=generators,
        output_type="latent",
        return_dict=True,
        **seen,
        **dict(call or {}),
    )
    return family_of(pipeline).unpack(pipeline, output.images, height, width)


@torch.inference_mode()
def encode_images(pipeline: Any, images: NDArray[np.uint8]) -> Tensor:
    """Returns the scaled latents of photos, the mean where the encoder gives a distribution."""
    return family_of(pipeline).encode(pipeline, to_tensor(images))


@torch.inference_mode()
def decode_latents(pipeline: Any, latents: Tensor) -> NDArray[np.uint8]:
    """Returns the photos of scaled latents, uint8 (B, H, W, 3)."""
    return family_of(pipeline).decode(pipeline, latents)
