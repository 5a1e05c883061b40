"""Makes a loaded latent pipeline ready to sample: its device, its parts, the arguments of its call."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import diffusers
import torch

from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.latent.families import family_of
from falseflaw.inpainting.latent.shared_layers import share_first_layers

_OURS = frozenset(
    {
        *("prompt", "prompt_2", "negative_prompt", "negative_prompt_2", "prompt_embeds", "generator"),
        *("negative_prompt_embeds", "pooled_prompt_embeds", "negative_pooled_prompt_embeds", "latents"),
        *("image", "mask_image", "masked_image_latents", "height", "width", "num_inference_steps"),
        *("guidance_scale", "num_images_per_prompt", "padding_mask_crop", "output_type", "return_dict"),
    }
)
"""Arguments of the call that the wrapper gives, or that would change the shape of its results."""


def prepare(pipeline: Any, device: torch.device, offload: str = "none") -> Any:
    """Brings a pipeline to its device, in evaluation mode, without progress bars.

    Args:
        pipeline: The pipeline.
        device: Where to compute.
        offload: One of `OFFLOADS`; on a CPU there is nothing to offload from.
    """
    family = family_of(pipeline)
    pipeline.set_progress_bar_config(disable=True)
    family.prepare(pipeline)
    for module in (getattr(pipeline, family.backbone), pipeline.vae):
        module.eval()
        if device.type == "cpu":
            module.to(memory_format=torch.channels_last)
    if device.type == "cpu" and family.backbone == "unet":  # a GPU would have to wait for the comparison
        share_first_layers(pipeline.unet)
    if isinstance(pipeline.vae, diffusers.AutoencoderKL):
        pipeline.vae.enable_slicing()  # its activations at full size, not the weights, fill the memory
    if device.type == "cpu" or offload == "none":
        pipeline.to(device)
    elif offload == "model":
        pipeline.enable_model_cpu_offload(device=device)
    else:
        pipeline.enable_sequential_cpu_offload(device=device)
    return pipeline


def check_call(pipeline: Any, call: Mapping[str, Any]) -> None:
    """Refuses arguments that the pipeline's call does not know, or that the wrapper gives itself.

    Raises:
        ConfigurationError: There is one.
    """
    known = inspect.signature(type(pipeline).__call__).parameters
    if bad := sorted(name for name in call if name not in known or name in _OURS):
        why = "the wrapper sets it" if bad[0] in _OURS else f"{type(pipeline).__name__} does not know it"
        raise ConfigurationError(f"expected other arguments in inpainter.call than {bad[0]}: {why}")
