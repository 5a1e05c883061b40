"""Weights that half-precision numbers hold exactly: files of half the size, and the same answers from them.

A detector is rounded once, before it is measured. From then on its weights and its ONNX network can be
written in half precision without any loss. Both have to be rounded as one: an exported convolution has taken
in the normalization behind it, and a product of two rounded numbers is no rounded number. So the
normalization's scale is moved into the convolution first.
"""

from __future__ import annotations

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from falseflaw.errors import ConfigurationError

_FEWEST = 256
"""Values that a tensor has to have for half of its bytes to be worth an operator."""

_ENDING = "__fp16"

_CLOSE = 1e-6
"""Relative difference from half-precision values that is the rounding of single precision."""


def halve(detector: nn.Module) -> None:
    """Rounds the weights of a detector to half precision, in place; its small tensors stay as they are.

    Args:
        detector: In eval mode, on the CPU.

    Raises:
        ConfigurationError: A weight is beyond half precision's range.
    """
    move_scales(detector)
    state = detector.state_dict()
    for name, tensor in state.items():
        if tensor.is_floating_point() and tensor.ndim > 1 and tensor.numel() >= _FEWEST:
            rounded = tensor.half().float()
            if not torch.isfinite(rounded).all():
                raise ConfigurationError(f"expected weights within half precision, got larger ones in {name}")
            state[name] = rounded
    detector.load_state_dict(state)


def move_scales(detector: nn.Module) -> None:
    """Moves what each normalization multiplies with into the convolution before it, in place.

    With weight g, running mean m and variance v of the normalization and s = g / sqrt(v + eps), the
    convolution is multiplied with s. The normalization then has weight abs(g), mean m s and variance
    g² - eps: it multiplies with 1. In training, where it goes by the batch's own mean and variance, the
    detector is the same as well, but for channels with a g² below 2 eps: that is raised to it.
    """
    before: nn.Module | None = None
    for module in detector.modules():
        if isinstance(module, nn.BatchNorm2d) and isinstance(before, nn.Conv2d) and before.bias is None:
            _move(before, module)
        if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
            before = module


@torch.no_grad()
def _move(convolution: nn.Conv2d, normalization: nn.BatchNorm2d) -> None:
    mean, variance, eps = normalization.running_mean, normalization.running_var, normalization.eps
    if mean is None or variance is None or convolution.out_channels != normalization.num_features:
        return
    weight = normalization.weight.double()  # (C,)
    scale = weight / torch.sqrt(variance.double() + eps)
    convolution.weight.copy_(convolution.weight.double() * scale[:, None, None, None])
    mean.copy_(mean.double() * scale)
    square = weight.square().clamp_min(2 * eps)
    variance.copy_(square - eps)
    normalization.weight.copy_(square.sqrt())


def as_half(tensor: Tensor) -> Tensor:
    """Returns a tensor in half precision if that holds each of its values, else as it is."""
    if tensor.dtype == torch.float32 and tensor.numel() >= _FEWEST:
        rounded = tensor.half()
        if torch.equal(rounded.float(), tensor):
            return rounded
    return tensor


def store_halved(model: onnx.ModelProto, tolerance: float | None = _CLOSE) -> None:
    """Stores weights of a network in half precision, in place.

    A cast behind each of them turns it back; onnxruntime does that once, when it opens the network.

    Args:
        model: In single precision.
        tolerance: Largest relative change of a value; tensors with a larger one stay as they are. By default
            that of rounding in single precision: nothing is lost. None: any, within half precision's range.
    """
    graph = model.graph
    kept, casts = [], []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _FEWEST or not _fits(values, tolerance):
            kept.append(tensor)
            continue
        name = tensor.name + _ENDING
        kept.append(numpy_helper.from_array(values.astype(np.float16), name))
        casts.append(helper.make_node("Cast", [name], [tensor.name], f"{name}_cast", to=TensorProto.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(kept)
    graph.node.extend(nodes)


def restore_halved(model: onnx.ModelProto) -> None:
    """Turns what `store_halved` stored back into single precision, in place."""
    graph = model.graph
    halved = {tensor.name: tensor for tensor in graph.initializer if tensor.name.endswith(_ENDING)}
    nodes = [node for node in graph.node if not (node.op_type == "Cast" and node.input[0] in halved)]
    restored = [
        numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float32), name.removesuffix(_ENDING))
        for name, tensor in halved.items()
    ]
    kept = [tensor for tensor in graph.initializer if tensor.name not in halved]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend([*kept, *restored])
    graph.node.extend(nodes)


def _fits(values: NDArray[np.float32], tolerance: float | None) -> bool:
    if not np.abs(values).max() <= np.finfo(np.float16).max:
        return False
    if tolerance is None:
        return True
    change = np.abs(values - values.astype(np.float16).astype(np.float32))
    return bool((change <= tolerance * np.abs(values)).all())
