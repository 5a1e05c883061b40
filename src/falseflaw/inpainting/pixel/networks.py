"""The pixel generator: diffusion on pixels, without autoencoder or text; the kind of flaw is a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from diffusers import DDIMScheduler, DiffusionPipeline, UNet2DModel
from torch import Tensor

from falseflaw.errors import ConfigurationError
from falseflaw.types import DamageKind

CLEAN_CLASS = "clean"
"""Asks for the intact material (refilling)."""

NULL_CLASS = "nothing"
"""Stands for no class: classifier-free guidance leads away from it."""

CLASSES: Mapping[str, int] = {
    name: index for index, name in enumerate((*map(str, DamageKind), CLEAN_CLASS, NULL_CLASS))
}
"""Class names of a new network and their indices."""


@dataclass(frozen=True)
class PixelSizes:
    """Sizes of the denoiser.

    Attributes:
        side: Side of the square that it paints, pixels; halved once per level but the first.
        channels: Width per level, full resolution first; multiples of `norm_groups`.
        layers_per_block: Residual layers of a level.
        attention_levels: Levels with self-attention, counted from the lowest resolution.
        norm_groups: Groups of the group normalization.
        heads: Attention heads; divides the width of every level with attention.
    """

    side: int = 64
    channels: tuple[int, ...] = (24, 48, 96, 144)
    layers_per_block: int = 1
    attention_levels: int = 1
    norm_groups: int = 8
    heads: int = 4

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(int(width) for width in self.channels))  # Hydra: lists
        if not self.channels or self.side < 8 or self.side % (1 << (len(self.channels) - 1)):
            raise ConfigurationError(
                f"expected a side of at least 8 that {len(self.channels)} levels can halve, got {self.side}"
            )
        if bad := [width for width in self.channels if width % self.norm_groups]:
            raise ConfigurationError(f"expected channels in multiples of {self.norm_groups}, got {bad[0]}")
        if not 0 <= self.attention_levels <= len(self.channels):
            raise ConfigurationError(
                f"expected attention_levels in 0..{len(self.channels)}, got {self.attention_levels}"
            )
        if bad := [width for width in self.channels[-max(1, self.attention_levels) :] if width % self.heads]:
            raise ConfigurationError(f"expected widths that {self.heads} heads divide, got {bad[0]}")


def build_pixel_unet(sizes: PixelSizes) -> UNet2DModel:
    """Returns an untrained denoiser; channels in: noisy RGB, mask, RGB with the mask cut out."""
    plain = len(sizes.channels) - sizes.attention_levels
    return UNet2DModel(
        sample_size=sizes.side,
        in_channels=7,
        out_channels=3,
        block_out_channels=sizes.channels,
        down_block_types=("DownBlock2D",) * plain + ("AttnDownBlock2D",) * sizes.attention_levels,
        up_block_types=("AttnUpBlock2D",) * sizes.attention_levels + ("UpBlock2D",) * plain,
        layers_per_block=sizes.layers_per_block,
        norm_num_groups=sizes.norm_groups,
        attention_head_dim=sizes.channels[-1] // sizes.heads,
        num_class_embeds=len(CLASSES),
        resnet_time_scale_shift="scale_shift",  # lets the class weigh channels and not just shift them
    )


def build_pixel_scheduler() -> DDIMScheduler:
    """Returns the noise schedule: cosine (Nichol & Dhariwal 2021), rescaled to end in pure noise.

    Without the rescaling (Lin et al. 2024) training never sees the noise that sampling starts from, and
    samples keep its mean gray.
    """
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
        clip_sample=True,  # pixels cannot leave [-1, 1]
    )


def condition(pixels: Tensor, masks: Tensor, seen: Tensor | None = None) -> Tensor:
    """Returns what the denoiser sees beside the noisy pixels: mask and photo, mostly with the mask cut out.

    Args:
        pixels: float (B, 3, S, S) in [-1, 1].
        masks: float (B, 1, S, S), 1 inside.
        seen: bool (B,), of which samples it sees the whole photo, as an editing model does; None: of none.

    Returns:
        float (B, 4, S, S).
    """
    cut = masks if seen is None else masks * ~seen[:, None, None, None]  # (B, 1, S, S)
    return torch.cat([masks, pixels * (1 - cut)], dim=1)


class PixelInpaintPipeline(DiffusionPipeline):
    """Pipeline in diffusers' format: `save_pretrained` and `from_pretrained` work as with any other.

    Args:
        unet: The denoiser.
        scheduler: Its noise schedule.
        classes: Class name → index of the denoiser's class embedding; `nothing` is among them. Saved in
            `model_index.json`; None only for diffusers, which asks for a default.
    """

    def __init__(
        self, unet: UNet2DModel, scheduler: DDIMScheduler, classes: Mapping[str, int] | None = None
    ) -> None:
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)
        self.register_to_config(classes=None if classes is None else dict(classes))

    @property
    def classes(self) -> dict[str, int]:
        """Class name → index."""
        return dict(self.config.classes)

    @property
    def side(self) -> int:
        """Side of the square that it paints, pixels."""
        return int(self.unet.config.sample_size)

    @torch.inference_mode()
    def __call__(
        self,
        image: Tensor,
        mask_image: Tensor,
        classes: Sequence[str],
        generators: Sequence[torch.Generator],
        num_inference_steps: int = 25,
        guidance_scale: float = 1.5,
        eta: float = 0.0,
        see_photo: bool = False,
    ) -> Tensor:
        """Samples a batch.

        Args:
            image: float (B, 3, S, S) in [-1, 1].
            mask_image: float (B, 1, S, S), 1 where the flaw shall be.
            classes: B names of `classes`.
            generators: B random generators on the CPU, one an image.
            num_inference_steps: Denoising steps.
            guidance_scale: Classifier-free guidance scale; at most 1 turns it off.
            eta: Share of fresh noise in every step, 0 (DDIM) to 1 (DDPM).
            see_photo: Whether the denoiser looks at what lies under the mask, as an editing model does.

        Returns:
            float (B, 3, S, S) in [-1, 1], written everywhere, also outside the mask.
        """
        device, dtype = self._execution_device, self.unet.dtype
        looks = torch.full((len(image),), see_photo, device=device)
        seen = condition(image.to(device), mask_image.to(device), looks).to(dtype)  # (B, 4, S, S)
        asked = torch.tensor([self.classes[name] for name in classes], device=device)  # (B,)
        guided = guidance_scale > 1
        if guided:
            seen = torch.cat([seen, seen])  # (2B, 4, S, S)
            asked = torch.cat([asked, torch.full_like(asked, self.classes[NULL_CLASS])])  # (2B,)
        noise = [torch.randn(image.shape[1:], generator=generator) for generator in generators]
        pixels = torch.stack(noise).to(device, dtype)  # (B, 3, S, S)
        self.scheduler.set_timesteps(num_inference_steps, device=device)
        for time in self.progress_bar(self.scheduler.timesteps):
            noisy = torch.cat([pixels, pixels]) if guided else pixels
            joined = torch.cat([noisy, seen], dim=1).contiguous(memory_format=torch.channels_last)
            velocity = self.unet(joined, time, asked, return_dict=False)[0]
            if guided:
                wanted, free = velocity.chunk(2)  # (B, 3, S, S) each
                velocity = free + guidance_scale * (wanted - free)
            pixels = self.scheduler.step(
                velocity, time, pixels, eta=eta, generator=list(generators)
            ).prev_sample
        clipped: Tensor = pixels.float().clamp(-1, 1)
        return clipped


def build_pixel_pipeline(sizes: PixelSizes, unet: UNet2DModel | None = None) -> Any:
    """Returns a complete pipeline; an untrained denoiser where none is given."""
    return PixelInpaintPipeline(unet or build_pixel_unet(sizes), build_pixel_scheduler(), CLASSES)
