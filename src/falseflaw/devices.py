"""Torch devices by name, checked before anything is computed on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from falseflaw.errors import ConfigurationError

if TYPE_CHECKING:
    import torch


def find_device(name: str, key: str = "device", also: str = "") -> torch.device:
    """Returns the device of a name.

    Args:
        name: Such as `cpu`, `cuda` or `cuda:1`; `auto` takes the GPU if there is one.
        key: The option that names it, for the error.
        also: Further options to set where the CPU has to do, such as `inpainter.dtype=float32`.

    Raises:
        ConfigurationError: There is none of that name at all, or on this machine; then the message names the
            CPU.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigurationError(f"expected {key} such as cpu or cuda, got {name!r}") from error
    absent = not torch.cuda.is_available() or (device.index or 0) >= max(1, torch.cuda.device_count())
    if device.type == "cuda" and absent:
        raise ConfigurationError(
            f"expected a machine with CUDA for {key}={name}, found {torch.cuda.device_count() or 'none'} "
            f"of its devices; set {' '.join(filter(None, (f'{key}=cpu', also)))}"
        )
    return device
