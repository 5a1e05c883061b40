"""The batched wrapper of the pixel generator, with the interface of that of latent pipelines.

A class of its own: the two share their checks, their way of loading and their samples, but no step between
crop and sample, so that one class for both would only pass every call on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from diffusers import UNet2DModel
from numpy.typing import NDArray
from torch import Tensor

from falseflaw.damage.prompts import asked_for
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging.crop import Box, resize_mask_by_touch
from falseflaw.inpainting.inpainter import DTYPES, Samples, check_batch, check_condition, check_settings
from falseflaw.inpainting.loading import load_pipeline
from falseflaw.inpainting.pixel.networks import CLEAN_CLASS, NULL_CLASS, PixelInpaintPipeline
from falseflaw.inpainting.pixel.window import fit, plan_window
from falseflaw.inpainting.tensors import to_images, to_tensor
from falseflaw.types import DamageKind, Image, Mask


class PixelInpainter:
    """Writes flaws into crops with a diffusion model on pixels.

    Of each crop the model sees one square around the mask, at the crop's own scale where mask and context fit
    its size, made smaller where they do not. It writes that whole square; the rest of the crop stays.

    Args:
        name: Name of the generator in manifests and reports.
        path: Folder that `falseflaw train-inpainter recipe=pixel` saved, relative to the working directory or
            the clone.
        steps: Denoising steps.
        guidance: Classifier-free guidance scale; at most 1 turns it off.
        eta: Share of fresh noise in every step, 0 (DDIM) to 1 (DDPM).
        dtype: `float32`, `float16` or `bfloat16`.
        device: `cpu`, `cuda` or another torch device.
        condition: What the model sees of the square: `hole` cuts the mask out, `photo` shows all of it.

    Attributes:
        grid: Crop sides may be any multiple of this: 1.
        factor: Crop corners may be any multiple of this: 1.

    Raises:
        ConfigurationError: Unknown dtype or device, or values out of range.
        MissingDataError: No such folder.
        InvalidDataError: The folder holds another pipeline, or a broken one.
    """

    grid = 1
    factor = 1

    rewrites_all = False
    """Of a regenerated photo only the sampled square is new."""

    def __init__(
        self,
        name: str,
        path: str,
        steps: int = 25,
        guidance: float = 1.5,
        eta: float = 0.0,
        dtype: str = "float32",
        device: str = "cpu",
        condition: str = "hole",
    ) -> None:
        check_condition(condition)
        self.device = check_settings(dtype, device, steps, guidance)
        if not 0 <= eta <= 1:
            raise ConfigurationError(f"expected inpainter eta in [0, 1], got {eta}")
        self.name = name
        self.steps = steps
        self.guidance = float(guidance)
        self.eta = float(eta)
        self._see_photo = condition == "photo"
        class_name = PixelInpaintPipeline.__name__
        pipeline = load_pipeline(path, class_name, DTYPES[dtype], True, {}, PixelInpaintPipeline)
        _check_pipeline(pipeline, path)
        pipeline.set_progress_bar_config(disable=True)
        pipeline.to(self.device)
        pipeline.unet.eval().to(memory_format=torch.channels_last)
        self.pipeline = pipeline

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
            crops: uint8 (B, H, W, 3), of any size.
            masks: bool (B, H, W), True where the flaw shall be; none is empty or longer than the short side.
            prompts: B texts that name a kind of flaw or clean material; an empty one leaves it to the model.
            seeds: B seeds.

        Returns:
            `images` are the crops with the sampled squares in them, and `latents` the squares themselves as
            the model wrote them, float (B, 3, S, S) in [-1, 1].

        Raises:
            InvalidDataError: Shapes, types or counts do not agree, or a mask or a prompt is none as above.
        """
        check_batch(crops, masks, prompts, seeds, self.grid)
        classes = [_class_of(text) for text in prompts]
        side = self.pipeline.side
        windows = [plan_window(mask, side) for mask in masks]
        seen = [fit(window.cut(crop), side) for window, crop in zip(windows, crops, strict=True)]
        regions = [
            resize_mask_by_touch(window.cut(mask), side, side)
            for window, mask in zip(windows, masks, strict=True)
        ]
        squares = self.pipeline(
            to_tensor(np.stack(seen), self.device),
            torch.from_numpy(np.stack(regions))[:, None].float(),  # (B, 1, S, S)
            classes,
            [torch.Generator("cpu").manual_seed(int(seed) & (2**63 - 1)) for seed in seeds],
            self.steps,
            self.guidance,
            self.eta,
            self._see_photo,
        ).cpu()  # (B, 3, S, S)
        images = np.stack(
            [
                _write(crop, square, window)
                for crop, square, window in zip(crops, squares, windows, strict=True)
            ]
        )
        return Samples(images, squares)

    def regenerate(self, photo: Image, sample_latent: Tensor, box: Box, mask: Mask) -> Image:
        """Returns the photo with the whole sampled square in it, not only what lies inside the mask.

        This generator has no autoencoder that the rest of the photo could go through: what a tool leaves that
        does not paste the original pixels back is the square, up to its own borders.

        Args:
            photo: uint8 (H, W, 3), any size.
            sample_latent: float (3, S, S), one of `Samples.latents`.
            box: Where its crop lay in the photo.
            mask: bool (H, W), the inpainted region; the square lies where it lay in sampling.

        Returns:
            uint8 (H, W, 3).

        Raises:
            InvalidDataError: Sizes do not agree.
        """
        side = self.pipeline.side
        if mask.shape != photo.shape[:2] or tuple(sample_latent.shape) != (3, side, side):
            raise InvalidDataError(
                f"expected a mask of {photo.shape[0]}x{photo.shape[1]} and a sample of (3, {side}, {side}), "
                f"got {mask.shape} and {tuple(sample_latent.shape)}"
            )
        inside = box.cut(mask)
        if inside.shape != (box.height, box.width):
            raise InvalidDataError(f"expected a box inside the photo of {mask.shape}, got {box}")
        window = plan_window(inside, side)
        place = Box(box.top + window.top, box.left + window.left, window.height, window.width)
        return _write(photo, sample_latent, place)

    def round_trip(self, photo: Image) -> Image:
        """Returns a copy of the photo: without an autoencoder, a photo goes through nothing.

        Builds ask for it where the crop was resized for the model and back, and whole photos must not be.
        There the regenerated member of a set is then equal to the spliced one.
        """
        return photo.copy()


def _class_of(text: str) -> str:
    if not text.strip():
        return NULL_CLASS
    kind = asked_for(text)
    return CLEAN_CLASS if kind is None else str(kind)


def _write(image: Image, square: Tensor, window: Box) -> Image:
    """Returns the image with the sampled square (3, S, S) resized into the window."""
    result = image.copy()
    result[window.slices] = fit(to_images(square[None])[0], window.height)
    return result


def _check_pipeline(pipeline: Any, path: str) -> None:
    """Checks that a loaded pipeline has the inputs and classes that sampling relies on."""
    if not isinstance(pipeline.unet, UNet2DModel):
        raise InvalidDataError(
            f"expected a {type(pipeline).__name__} with a UNet2DModel in {path}, got a "
            f"{type(pipeline.unet).__name__}; it is a pipeline of another kind"
        )
    classes, config = pipeline.config.get("classes"), pipeline.unet.config
    needed = {*map(str, DamageKind), CLEAN_CLASS, NULL_CLASS}
    if not isinstance(classes, Mapping) or not needed <= set(classes):
        raise InvalidDataError(f"expected the classes {', '.join(sorted(needed))} in {path}, got {classes}")
    indices, count = set(classes.values()), config.get("num_class_embeds") or 0
    if not all(isinstance(index, int) and 0 <= index < count for index in indices):
        raise InvalidDataError(f"expected indices of classes in 0..{count - 1} in {path}, got {classes}")
    if (config["in_channels"], config["out_channels"]) != (7, 3):
        raise InvalidDataError(
            f"expected a denoiser of 7 channels in and 3 out in {path}, "
            f"got {config['in_channels']} and {config['out_channels']}"
        )
