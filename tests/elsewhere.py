"""A device that is not the CPU, for machines without one: what mixes the two raises, as on a GPU.

Torch's own `meta` holds no numbers, so nothing that samples, counts or saves runs on it. This one computes on
the CPU and says that it is elsewhere; it borrows the name of a backend that nobody has here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any
from unittest.mock import patch

import lightning.pytorch as pl
import torch
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor
from torch.optim import optimizer
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

ELSEWHERE = torch.device("lazy")

_MOVES = (torch.ops.aten._to_copy, torch.ops.aten.copy_)


class _There(Tensor):
    """A tensor that says it is elsewhere; `here` holds its numbers."""

    here: Tensor

    @staticmethod
    def __new__(cls, here: Tensor) -> _There:
        there: _There = Tensor._make_wrapper_subclass(  # type: ignore[attr-defined]
            cls,
            here.size(),
            strides=here.stride(),
            storage_offset=here.storage_offset(),
            dtype=here.dtype,
            device=ELSEWHERE,
        )
        there.here = here
        return there

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Is saved as what a checkpoint read with `map_location="cpu"` holds."""
        return self.here.__reduce_ex__(protocol)

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


class _Mode(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _computed(func, args, kwargs or {})


class _Literals(TorchFunctionMode):
    """Makes tensors of Python's lists in two steps; they would go to their device past the mode above."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = dict(kwargs or {})
        device = given.pop("device", None) if func is torch.tensor else None
        if func is Tensor.__getitem__ and isinstance(args[1], list):
            args = args[0], torch.tensor(args[1]).to(args[0].device)
        made = func(*args, **given)
        return made if device is None else made.to(device)


def _computed(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    """Runs an operation on the CPU; its results are where its arguments are, or where it was told."""
    leaves = tree_leaves((args, kwargs))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    to_there = any(isinstance(tensor, _There) for tensor in tensors)
    if to_there and func.overloadpacket not in _MOVES:
        for tensor in tensors:
            if not isinstance(tensor, _There) and tensor.ndim:  # a single number may come from the CPU
                shape = list(tensor.shape)
                raise RuntimeError(f"{func}: expected all tensors on {ELSEWHERE}, one of {shape} is not")
    for device in (leaf for leaf in leaves if isinstance(leaf, torch.device)):
        to_there = device == ELSEWHERE
    result = func(*tree_map(_here, args), **tree_map(_here, kwargs))
    if func._schema.is_mutable:  # what was changed in place is what was given
        return _as_given(func, args, kwargs, result)
    return tree_map(_there, result) if to_there else result


def _as_given(func: Any, args: Any, kwargs: dict[str, Any], result: Any) -> Any:
    changed = [
        kwargs.get(argument.name, args[index] if index < len(args) else None)
        for index, argument in enumerate(func._schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    ]
    return changed[0] if isinstance(result, Tensor) else tuple(changed) if result is not None else None


def _here(value: Any) -> Any:
    if isinstance(value, torch.device) and value == ELSEWHERE:
        return torch.device("cpu")
    return value.here if isinstance(value, _There) else value


def _there(value: Any) -> Any:
    return _There(value) if isinstance(value, Tensor) and not isinstance(value, _There) else value


class _Accelerator(CPUAccelerator):
    def setup_device(self, device: torch.device) -> None:
        """Takes what Lightning's own would refuse."""


@contextmanager
def elsewhere() -> Iterator[None]:
    """Lets modules and tensors be moved to `ELSEWHERE` in the `with` block."""
    fused = optimizer._get_fused_kernels_supported_devices()  # type: ignore[attr-defined]
    with (
        patch.object(optimizer, "_get_fused_kernels_supported_devices", lambda: [*fused, ELSEWHERE.type]),
        patch.object(torch._C, "_InferenceMode", _without_gradients),
        _Mode(),
        _Literals(),
    ):
        yield


def _without_gradients(on: bool) -> Any:
    """Stands for inference mode, in which views of such tensors cannot be made."""
    return torch.no_grad() if on else nullcontext()


def trainer_elsewhere(**given: Any) -> pl.Trainer:
    """Returns a trainer whose one device is `ELSEWHERE`."""
    accelerator = _Accelerator()
    strategy = SingleDeviceStrategy(ELSEWHERE, accelerator)
    return pl.Trainer(**{**given, "strategy": strategy, "accelerator": "auto"})
