"""Loads pipelines of diffusers from a folder or a hub, and says in one line why one cannot be had."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from huggingface_hub.errors import GatedRepoError

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.paths import WEIGHTS_HINT, find_existing

OFFLOADS = ("none", "model", "sequential")
"""Where weights wait: on the device; off it, one network at a time; off it, one layer at a time."""


def load_pipeline(
    path: str,
    class_name: str,
    dtype: torch.dtype,
    local: bool,
    options: Mapping[str, Any],
    own: type | None = None,
) -> Any:
    """Loads a pipeline of diffusers, or of the class `own`; arguments and errors as of `LatentInpainter`."""
    kind = own or getattr(diffusers, class_name, None)
    if not (isinstance(kind, type) and hasattr(kind, "from_pretrained")):
        raise ConfigurationError(
            f"expected inpainter.pipeline_class to be a class of diffusers, got {class_name!r}"
        )
    found: Path | str = path
    if local:
        hint = f"{WEIGHTS_HINT}; or set inpainter.local=false if it is a hub id"
        found = find_existing(path, "an inpainting pipeline", hint)
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
        raise _explain(error, path, found, class_name, local) from error


def load_model(kind: Any, folder: Path, dtype: torch.dtype = torch.float32) -> Any:
    """Loads a model that a class of diffusers saved in a folder.

    Raises:
        InvalidDataError: There is none of this class that can be read.
    """
    try:
        with _quiet():
            return kind.from_pretrained(str(folder), torch_dtype=dtype, local_files_only=True)
    except Exception as error:  # safetensors, json and torch raise many kinds
        if any(is_out_of_memory(cause) for cause in _causes(error)):
            raise
        raise InvalidDataError(f"cannot load {kind.__name__} from {folder}: {_reason(error)}") from error


def load_vae(path: str, own: Any) -> Any:
    """Loads an autoencoder that takes the place of a pipeline's own; its latents must mean the same.

    Args:
        path: Folder that holds it, relative to the working directory or the clone.
        own: The pipeline's own, in the precision to load it in.

    Raises:
        MissingDataError: No such folder.
        InvalidDataError: It is no autoencoder of the pipeline's class, or one with other latents.
    """
    found = find_existing(path, "an autoencoder", WEIGHTS_HINT)
    loaded = load_model(type(own), found, own.dtype)
    for name in ("latent_channels", "scaling_factor"):
        if (there := loaded.config.get(name)) != (wanted := own.config.get(name)):
            raise InvalidDataError(
                f"expected an autoencoder with {name} {wanted} as the pipeline's own in {found}, got {there}"
            )
    return loaded


def _explain(error: Exception, path: str, found: Path | str, class_name: str, local: bool) -> Exception:
    """Returns the error to raise for what loading raised."""
    if any(is_out_of_memory(cause) for cause in _causes(error)):
        return error  # who loads knows what could be made smaller
    if any(isinstance(cause, GatedRepoError) for cause in _causes(error)):
        return MissingDataError(
            f"expected leave to download {path}, its hub asks for a license first; accept it at "
            f"https://huggingface.co/{path} and run `hf auth login`"
        )
    if local:
        return InvalidDataError(f"cannot load {class_name} from {found}: {_reason(error)}")
    return MissingDataError(
        f"expected to download {path} from its hub, failed: {_reason(error)}; "
        "give inpainter.path a local folder and inpainter.local=true"
    )


def _reason(error: Exception) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split())[:160] or type(error).__name__


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it was raised from; libraries wrap what the hub said."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory, of the machine or of its GPU, ran out."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    words = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in words or "can't allocate memory" in words)


@contextmanager
def within_memory(what: str, device: torch.device, dtype: str, offload: str, batch: int) -> Iterator[None]:
    """Turns running out of memory into an error that names what to change.

    Args:
        what: What is being done, such as "a batch of 8 crops of 512x512".
        device: Where.
        dtype: Name of the weights' type.
        offload: One of `OFFLOADS`.
        batch: Crops at once; 0 while loading.

    Raises:
        ConfigurationError: Memory ran out.
    """
    try:
        yield
    except Exception as error:
        if not any(is_out_of_memory(cause) for cause in _causes(error)):
            raise
        advice = []
        if device.type != "cpu" and offload != OFFLOADS[-1]:
            advice.append(f"inpainter.offload={OFFLOADS[OFFLOADS.index(offload) + 1]}")
        if dtype == "float32":
            advice.append("inpainter.dtype=bfloat16")
        if batch > 1:
            advice.append(f"synthesis.batch_size={batch // 2}")
        if batch and not advice:
            advice.append("smaller synthesis.crop_sizes")
        change = f"set {' or '.join(advice)}" if advice else "take a smaller model or a larger machine"
        raise ConfigurationError(
            f"expected {what} to fit the memory of {device.type}, it did not; {change}"
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
