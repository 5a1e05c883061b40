"""One batched wrapper over the inpainting pipelines of diffusers, bundled or from a hub."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging.crop import Box
from falseflaw.inpainting.inpainter import DTYPES, Samples, check_batch, check_condition, check_settings
from falseflaw.inpainting.latent.families import family_of
from falseflaw.inpainting.latent.preparation import check_call, prepare
from falseflaw.inpainting.latent.sampling import decode_latents, encode_images, sample_latents
from falseflaw.inpainting.latent.text_states import TextStates
from falseflaw.inpainting.loading import OFFLOADS, load_pipeline, load_vae, within_memory
from falseflaw.inpainting.tiles import HALO, WHOLE, grown, in_tiles, within
from falseflaw.types import Image, Mask


class LatentInpainter:
    """Writes flaws into crops with a latent inpainting pipeline.

    Args:
        name: Name of the generator in manifests and reports.
        path: Folder of a saved pipeline, relative to the working directory or the clone, or a hub id.
        pipeline_class: Class of diffusers that loads it, such as `StableDiffusionInpaintPipeline`.
        steps: Denoising steps.
        guidance: Classifier-free guidance scale; at most 1 turns it off.
        dtype: `float32`, `float16` or `bfloat16`.
        device: `cpu`, `cuda` or another torch device.
        local: Whether `path` is a folder; a hub id otherwise.
        load: More arguments of `from_pretrained`, such as `variant`.
        call: More arguments of the pipeline's call, such as `strength`.
        offload: Where weights wait on a GPU: `none` (on it), `model` (off it, one network comes at a
            time) or `sequential` (one layer at a time: least memory, slowest). Nothing on a CPU.
        prompt: What becomes of a prompt before it is encoded; `{prompt}` stands for it.
        negative_prompt: What not to paint, for pipelines that can be told.
        condition: What the denoiser sees of the crop: `hole` cuts the mask out, as inpainting models expect;
            `photo` shows all of it, for models that also learnt to edit.
        vae_folder: Folder of an autoencoder with the same latents that takes the place of the
            pipeline's own, such as one whose decoder was finished; None keeps its own.

    Raises:
        ConfigurationError: Unknown class, dtype, device or offload, values out of range, or the weights do
            not fit the memory.
        MissingDataError: No such folder, the hub cannot be reached, or it asks for a license first.
        InvalidDataError: A folder is not a pipeline of that class, or not an autoencoder with its latents.
    """

    rewrites_all = True
    """A regenerated photo went through the autoencoder in every pixel."""

    def __init__(
        self,
        name: str,
        path: str,
        pipeline_class: str = "StableDiffusionInpaintPipeline",
        steps: int = 16,
        guidance: float = 2.0,
        dtype: str = "float32",
        device: str = "cpu",
        local: bool = True,
        load: Mapping[str, Any] | None = None,
        call: Mapping[str, Any] | None = None,
        offload: str = "none",
        prompt: str = "{prompt}",
        negative_prompt: str = "",
        condition: str = "hole",
        vae_folder: str | None = None,
    ) -> None:
        if offload not in OFFLOADS:
            raise ConfigurationError(f"expected inpainter.offload of {', '.join(OFFLOADS)}, got {offload!r}")
        self.device = check_settings(dtype, device, steps, guidance)
        self.name = name
        self.steps = steps
        self.guidance = float(guidance)
        check_condition(condition)
        if condition == "photo" and pipeline_class != "StableDiffusionInpaintPipeline":
            raise ConfigurationError(
                f"expected inpainter.condition=hole with {pipeline_class}, which learnt nothing else"
            )
        self._condition = condition
        self._call = dict(call or {})
        self._dtype, self._offload = dtype, offload
        with self._within_memory(f"the weights of {name}"):
            pipeline = load_pipeline(path, pipeline_class, DTYPES[dtype], local, dict(load or {}))
            if vae_folder is not None:
                pipeline.vae = load_vae(vae_folder, pipeline.vae)
            check_call(pipeline, self._call)
            self._text = TextStates(pipeline, prompt, negative_prompt, self._call)
            self.pipeline = prepare(pipeline, self.device, offload)
        self.factor = int(pipeline.vae_scale_factor)
        self.grid = family_of(pipeline).grid(self.factor)

    @torch.inference_mode()
    def sample(
        self,
        crops: NDArray[np.uint8],
        masks: NDArray[np.bool_],
        prompts: Sequence[str],
        seeds: Sequence[int],
    ) -> Samples:
        """Inpaints a batch with one diffusion sampling; each image has a random generator of its own.

        Args:
            crops: uint8 (B, H, W, 3), sides in multiples of `grid`.
            masks: bool (B, H, W), True where the pipeline writes.
            prompts: B texts.
            seeds: B seeds.

        Returns:
            `latents` are float (B, C, H / f, W / f), scaled as the pipeline scales them.

        Raises:
            InvalidDataError: Shapes, types or counts do not agree.
            ConfigurationError: The batch does not fit the memory.
        """
        check_batch(crops, masks, prompts, seeds, self.grid)
        count, height, width = masks.shape
        with self._within_memory(f"a batch of {count} crops of {height}x{width}", count):
            latents = sample_latents(
                self.pipeline,
                crops,
                masks,
                prompts,
                seeds,
                self.steps,
                self.guidance,
                self._text,
                self._call,
                self._condition,
            )
            return Samples(decode_latents(self.pipeline, latents), latents.float().cpu())

    @torch.inference_mode()
    def regenerate(self, photo: Image, sample_latent: Tensor, box: Box, mask: Mask) -> Image:
        """Returns the whole photo as the autoencoder writes it, with the sampled flaw in it.

        The photo is encoded, the sampled latents replace its own where the mask lies, and the whole is
        decoded: a pipeline that inpaints without pasting back leaves this trace in every pixel.

        Args:
            photo: uint8 (H, W, 3), any size; edges are replicated up to the grid and cut off afterwards.
                Of a large one the tiles far from the box go through the autoencoder alone.
            sample_latent: float (C, h, w), one of `Samples.latents`.
            box: Where its crop lay in the photo; its corner must be on the grid of the latents.
            mask: bool (H, W), the inpainted region.

        Returns:
            uint8 (H, W, 3).

        Raises:
            InvalidDataError: Sizes do not agree, or the box is off the latents' grid.
        """
        height, width = photo.shape[:2]
        factor = self.factor
        if mask.shape != (height, width) or sample_latent.shape[-2:] != (
            box.height // factor,
            box.width // factor,
        ):
            raise InvalidDataError(
                f"expected a mask of {height}x{width} and a latent of the box, "
                f"got {mask.shape} and {tuple(sample_latent.shape)}"
            )
        if box.top % factor or box.left % factor:
            raise InvalidDataError(f"expected a box whose corner is a multiple of {factor}, got {box}")
        if height * width <= WHOLE:
            return self._regenerate(photo, sample_latent, box, mask)
        result = self.round_trip(photo)
        inner, around = (grown(box, distance, factor, photo) for distance in (HALO, 2 * HALO))
        near = self._regenerate(around.cut(photo), sample_latent, within(box, around), around.cut(mask))
        result[inner.slices] = within(inner, around).cut(near)
        return result

    def _regenerate(self, photo: Image, sample_latent: Tensor, box: Box, mask: Mask) -> Image:
        """The whole photo at once."""
        height, width = photo.shape[:2]
        factor = self.factor
        padding = self._padding(photo)
        with self._within_memory(_whole(photo)):
            latents = self._encode(photo)
        region = torch.from_numpy(np.pad(mask, padding))[None, None].float()  # (1, 1, H, W)
        region = functional.max_pool2d(region, factor)  # (1, 1, h, w): any pixel of a latent counts
        region = functional.max_pool2d(region, 3, stride=1, padding=1) > 0  # one latent of dilation
        top, left = box.top // factor, box.left // factor
        bottom, right = top + box.height // factor, left + box.width // factor
        window = latents[..., top:bottom, left:right]
        inside = region[..., top:bottom, left:right].to(latents.device)
        sampled = sample_latent[None].to(latents)
        latents[..., top:bottom, left:right] = torch.where(inside, sampled, window)
        with self._within_memory(_whole(photo)):
            return decode_latents(self.pipeline, latents)[0, :height, :width]

    @torch.inference_mode()
    def round_trip(self, photo: Image) -> Image:
        """Returns the whole photo, uint8 (H, W, 3), after the autoencoder alone; a large one in tiles."""
        return in_tiles(photo, self._round_trip, self.factor)

    def _round_trip(self, photo: Image) -> Image:
        with self._within_memory(_whole(photo)):
            return decode_latents(self.pipeline, self._encode(photo))[0, : photo.shape[0], : photo.shape[1]]

    def _within_memory(self, what: str, batch: int = 0) -> AbstractContextManager[None]:
        return within_memory(what, self.device, self._dtype, self._offload, batch)

    def _padding(self, photo: Image) -> tuple[tuple[int, int], tuple[int, int]]:
        return (0, -photo.shape[0] % self.grid), (0, -photo.shape[1] % self.grid)

    def _encode(self, photo: Image) -> Tensor:
        """Returns the latents of a photo padded to the grid by its edge pixels, (1, C, h, w)."""
        return encode_images(self.pipeline, np.pad(photo, (*self._padding(photo), (0, 0)), mode="edge")[None])


def _whole(photo: Image) -> str:
    return f"a whole photo of {photo.shape[0]}x{photo.shape[1]}"
