"""One batched wrapper over the inpainting pipelines of diffusers, bundled or from a hub."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import diffusers
import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.inpainting.checks import DTYPES, check_batch, check_settings
from falseflaw.inpainting.compose import Box
from falseflaw.inpainting.sampling import decode_latents, encode_images, sample_latents
from falseflaw.paths import find_existing
from falseflaw.types import Image, Mask


class Regenerator(Protocol):
    """What writes a whole photo as its generator does; see the methods of `Samples`."""

    def regenerate(self, photo: Image, sample_latent: Tensor, box: Box, mask: Mask) -> Image:
        """See `Samples.regenerate`."""
        ...

    def round_trip(self, photo: Image) -> Image:
        """See `Samples.round_trip`."""
        ...


@dataclass
class Samples:
    """What one batched sampling gave.

    Attributes:
        images: uint8 (B, H, W, 3), the decoded crops; nothing is pasted.
        latents: float (B, C, H / f, W / f), the sampled latents, scaled as the pipeline scales them.
        inpainter: The wrapper that sampled them; `regenerate` needs its networks.
    """

    images: NDArray[np.uint8]
    latents: Tensor
    inpainter: Regenerator

    def regenerate(self, photo: Image, sample_latent: Tensor, box: Box, mask: Mask) -> Image:
        """Returns the whole photo as the autoencoder writes it, with the sampled flaw in it.

        The photo is encoded, the sampled latents replace its own where the mask lies, and the whole is
        decoded: a pipeline that inpaints without pasting back leaves this trace in every pixel.

        Args:
            photo: uint8 (H, W, 3), any size; edges are replicated up to the grid and cut off afterwards.
            sample_latent: float (C, h, w), one of `latents`.
            box: Where its crop lay in the photo; its corner must be on the grid of the latents.
            mask: bool (H, W), the inpainted region.

        Returns:
            uint8 (H, W, 3).

        Raises:
            InvalidDataError: Sizes do not agree, or the box is off the latents' grid.
        """
        return self.inpainter.regenerate(photo, sample_latent, box, mask)

    def round_trip(self, photo: Image) -> Image:
        """Returns the whole photo, uint8 (H, W, 3), after the autoencoder alone."""
        return self.inpainter.round_trip(photo)


class Inpainter:
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
        condition: What the denoiser sees of the crop: `hole` cuts the mask out, as inpainting models expect;
            `photo` shows all of it, for models that also learnt to edit.

    Raises:
        ConfigurationError: Unknown class, dtype or device, or values out of range.
        MissingDataError: No such folder, or the hub cannot be reached.
        InvalidDataError: The folder is not a pipeline of that class.
    """

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
        condition: str = "hole",
    ) -> None:
        self.device = check_settings(dtype, device, steps, guidance)
        self.name = name
        self.steps = steps
        self.guidance = float(guidance)
        if condition not in ("hole", "photo"):
            raise ConfigurationError(f"expected inpainter.condition hole or photo, got {condition!r}")
        self._condition = condition
        self._call = dict(call or {})
        self._embeddings: dict[str, Tensor] = {}
        pipeline = load_pipeline(path, pipeline_class, DTYPES[dtype], local, dict(load or {}))
        self.pipeline = prepare(pipeline, self.device)
        self.factor = int(pipeline.vae_scale_factor)
        self.grid = max(8, self.factor)

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

        Raises:
            InvalidDataError: Shapes, types or counts do not agree.
        """
        check_batch(crops, masks, prompts, seeds, self.grid)
        latents = sample_latents(
            self.pipeline,
            crops,
            masks,
            prompts,
            seeds,
            self.steps,
            self.guidance,
            self._embeddings,
            self._call,
            self._condition,
        )
        return Samples(decode_latents(self.pipeline, latents), latents.float().cpu(), self)

    @torch.inference_mode()
    def regenerate(self, photo: Image, sample_latent: Tensor, box: Box, mask: Mask) -> Image:
        """See `Samples.regenerate`."""
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
        padding = self._padding(photo)
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
        return decode_latents(self.pipeline, latents)[0, :height, :width]

    @torch.inference_mode()
    def round_trip(self, photo: Image) -> Image:
        """See `Samples.round_trip`."""
        return decode_latents(self.pipeline, self._encode(photo))[0, : photo.shape[0], : photo.shape[1]]

    def _padding(self, photo: Image) -> tuple[tuple[int, int], tuple[int, int]]:
        return (0, -photo.shape[0] % self.grid), (0, -photo.shape[1] % self.grid)

    def _encode(self, photo: Image) -> Tensor:
        """Returns the latents of a photo padded to the grid by its edge pixels, (1, C, h, w)."""
        return encode_images(self.pipeline, np.pad(photo, (*self._padding(photo), (0, 0)), mode="edge")[None])


def load_pipeline(
    path: str,
    class_name: str,
    dtype: torch.dtype,
    local: bool,
    options: Mapping[str, Any],
    own: type | None = None,
) -> Any:
    """Loads a pipeline of diffusers, or of a class of this package; see `Inpainter` for the rest."""
    kind = own or getattr(diffusers, class_name, None)
    if not (isinstance(kind, type) and hasattr(kind, "from_pretrained")):
        raise ConfigurationError(
            f"expected inpainter.pipeline_class to be a class of diffusers, got {class_name!r}"
        )
    found: Path | str = path
    if local:
        found = find_existing(path, "an inpainting pipeline", "train one with `falseflaw train-inpainter`")
        if not (Path(found) / "model_index.json").is_file():
            raise InvalidDataError(f"expected a saved pipeline (model_index.json) in {found}, found none")
    safety = {"safety_checker": None, "requires_safety_checker": False}
    known = safety if class_name.startswith(("StableDiffusionInpaint", "AutoPipeline")) else {}
    try:
        with _quiet():
            return kind.from_pretrained(
                str(found), torch_dtype=dtype, local_files_only=local, **{**known, **options}
            )
    except Exception as error:  # huggingface_hub, safetensors, json and torch raise many kinds
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        if local:
            raise InvalidDataError(f"cannot load {class_name} from {found}: {reason}") from error
        raise MissingDataError(
            f"expected to download {path} from its hub, failed: {reason}; "
            "give inpainter.path a local folder and inpainter.local=true"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps loading from printing bars and warnings, such as that AutoencoderTiny is not AutoencoderKL."""
    libraries = (diffusers.utils.logging, transformers.utils.logging)
    levels = [library.get_verbosity() for library in libraries]
    try:
        for library in libraries:
            library.set_verbosity_error()
            library.disable_progress_bar()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for library, level in zip(libraries, levels, strict=True):
            library.set_verbosity(level)
            library.enable_progress_bar()


def prepare(pipeline: Any, device: torch.device) -> Any:
    """Brings a pipeline to its device, in evaluation mode, without progress bars."""
    pipeline.set_progress_bar_config(disable=True)
    pipeline.to(device)
    for module in (pipeline.unet, pipeline.vae):
        module.eval()
        if device.type == "cpu":
            module.to(memory_format=torch.channels_last)
    return pipeline
