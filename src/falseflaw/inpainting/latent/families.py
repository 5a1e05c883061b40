"""What differs between families of inpainting pipelines: text, autoencoder, packing of latents, grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.tensors import latents_in, to_images


class Family:
    """Stable Diffusion 1 and 2: one text encoder, a UNet, latents as they are. Others override what differs.

    A family holds no state; every method is given the pipeline. Latents have one convention: float
    (B, C, h, w), shifted and scaled as the pipeline's denoiser sees them.
    """

    backbone = "unet"
    """Name of the denoiser among the pipeline's parts."""

    takes_negative = True
    """Whether the pipeline can be told what not to paint."""

    text_options: tuple[str, ...] = ("clip_skip",)
    """Arguments of the pipeline's call that matter when a prompt is encoded, and are ignored afterwards."""

    def grid(self, factor: int) -> int:
        """Returns what sides of crops must be multiples of; `factor` is photo pixels per latent pixel."""
        return max(8, factor)

    def prepare(self, pipeline: Any) -> None:
        """Makes the pipeline encode its photos as `encode` does; it would take them one by one."""
        pipeline._encode_vae_image = partial(self.encode, pipeline)

    def positive(self, pipeline: Any, text: str, options: Mapping[str, Any]) -> dict[str, Tensor]:
        """Returns the arguments of the pipeline's call that carry one prompt, batch size 1."""
        return {"prompt_embeds": pipeline.encode_prompt(text, _device(pipeline), 1, False, **options)[0]}

    def negative(self, pipeline: Any, text: str, options: Mapping[str, Any]) -> dict[str, Tensor]:
        """Returns the arguments that carry what not to paint, batch size 1; empty without guidance by it."""
        embedded = pipeline.encode_prompt(text, _device(pipeline), 1, False, **options)[0]
        return {"negative_prompt_embeds": embedded}

    def unpack(self, pipeline: Any, latents: Tensor, height: int, width: int) -> Tensor:
        """Returns sampled latents as (B, C, h, w); `height` and `width` are the crop's, pixels."""
        if latents.ndim != 4:
            raise ConfigurationError(
                f"expected latents [B, C, h, w], got {list(latents.shape)} from {type(pipeline).__name__}"
            )
        return latents

    def encode(
        self,
        pipeline: Any,
        image: Tensor,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
    ) -> Tensor:
        """Returns the latents of photos, float (B, C, h, w), in the type of `image`.

        Args:
            pipeline: The pipeline.
            image: float (B, 3, H, W), -1 to 1.
            generator: Draws from the encoder's distribution, where it gives one; None takes its mean.
        """
        vae = pipeline.vae
        latents = latents_in(vae.encode(image.to(_device(pipeline), vae.dtype)), generator)
        scaled: Tensor = (latents - _shift(vae)) * vae.config.scaling_factor
        return scaled.to(image.dtype)

    def decode(self, pipeline: Any, latents: Tensor) -> NDArray[np.uint8]:
        """Returns the photos of latents, uint8 (B, H, W, 3)."""
        vae = pipeline.vae
        unscaled = latents.to(_device(pipeline), vae.dtype) / vae.config.scaling_factor + _shift(vae)
        return to_images(vae.decode(unscaled, return_dict=False)[0])


class StableDiffusionXL(Family):
    """Two text encoders with a pooled state, and an autoencoder that overflows in half precision.

    The pipeline's invisible watermark is put on what it decodes itself; we decode, so none is.
    """

    def prepare(self, pipeline: Any) -> None:
        """Keeps the autoencoder in float32 instead of casting it to and fro at every call."""
        super().prepare(pipeline)
        if pipeline.vae.config.force_upcast and pipeline.vae.dtype == torch.float16:
            pipeline.vae.to(torch.float32)

    def positive(self, pipeline: Any, text: str, options: Mapping[str, Any]) -> dict[str, Tensor]:
        """See `Family.positive`; the pooled state comes with it."""
        states, _, pooled, _ = pipeline.encode_prompt(
            text, device=_device(pipeline), do_classifier_free_guidance=False, **options
        )
        return {"prompt_embeds": states, "pooled_prompt_embeds": pooled}

    def negative(self, pipeline: Any, text: str, options: Mapping[str, Any]) -> dict[str, Tensor]:
        """See `Family.negative`; an empty text becomes zeros where the model was trained so."""
        _, states, _, pooled = pipeline.encode_prompt(
            "", device=_device(pipeline), negative_prompt=text or None, **options
        )
        return {"negative_prompt_embeds": states, "negative_pooled_prompt_embeds": pooled}


class FluxFill(Family):
    """A transformer on latents packed in patches of 2x2, with distilled guidance: no negative prompt."""

    backbone = "transformer"
    takes_negative = False
    text_options = ("max_sequence_length",)

    def grid(self, factor: int) -> int:
        """See `Family.grid`; a patch is two latents wide."""
        return max(8, 2 * factor)

    def positive(self, pipeline: Any, text: str, options: Mapping[str, Any]) -> dict[str, Tensor]:
        """See `Family.positive`; states of T5 and the pooled one of CLIP."""
        states, pooled, _ = pipeline.encode_prompt(text, device=_device(pipeline), **options)
        return {"prompt_embeds": states, "pooled_prompt_embeds": pooled}

    def negative(self, pipeline: Any, text: str, options: Mapping[str, Any]) -> dict[str, Tensor]:
        """Returns nothing: guidance is an input of the transformer."""
        return {}

    def unpack(self, pipeline: Any, latents: Tensor, height: int, width: int) -> Tensor:
        """See `Family.unpack`; from (B, patches, 4 C)."""
        unpacked: Tensor = pipeline._unpack_latents(latents, height, width, pipeline.vae_scale_factor)
        return unpacked


_FAMILIES: Mapping[str, Family] = {
    "StableDiffusionInpaintPipeline": Family(),
    "StableDiffusionXLInpaintPipeline": StableDiffusionXL(),
    "FluxFillPipeline": FluxFill(),
}


def family_of(pipeline: Any) -> Family:
    """Returns the family of a pipeline, by the name of its class or of one that it derives from.

    Raises:
        ConfigurationError: It is of none.
    """
    for kind in type(pipeline).__mro__:
        if kind.__name__ in _FAMILIES:
            return _FAMILIES[kind.__name__]
    raise ConfigurationError(
        f"expected inpainter.pipeline_class of {', '.join(_FAMILIES)}, got {type(pipeline).__name__}"
    )


def _device(pipeline: Any) -> torch.device:
    """Where the pipeline computes; offloaded weights wait elsewhere."""
    device: torch.device = pipeline._execution_device
    return device


def _shift(vae: Any) -> float:
    return float(getattr(vae.config, "shift_factor", None) or 0.0)
