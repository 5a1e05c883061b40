"""Gets a detector's weights back from its ONNX model, so that training can go on from a bundle without them.

Bundles of formats 1 and 2 are such; later ones hold `model.safetensors`, see `models.weights`.

The export folds every batch normalization into the convolution before it. Here each is put back as one that
changes nothing, and then set to the statistics that photos really have, so that it also changes nothing while
its statistics are those of a batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from falseflaw.errors import InvalidDataError, MissingExtraError
from falseflaw.models.architectures import AnyDetector, build_detector
from falseflaw.models.checkpoint import PREFIX
from falseflaw.models.detector import Detector
from falseflaw.models.residual import ConstrainedResidual


def recover_detector(model: Path, arguments: Mapping[str, Any]) -> AnyDetector:
    """Builds the detector of an ONNX model that `falseflaw export` wrote, on the CPU, in eval mode.

    Args:
        model: The file.
        arguments: Constructor arguments of the detector, as the bundle names them.

    Raises:
        MissingExtraError: The package onnx is not installed.
        InvalidDataError: The file is no such model, or one of another architecture.
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise MissingExtraError(
            "expected the package onnx to read a model's weights; install it: pip install 'falseflaw[export]'"
        ) from error
    try:
        graph = onnx.load(str(model)).graph
    except Exception as error:  # protobuf raises many kinds
        raise InvalidDataError(f"cannot read {model} as an ONNX model: {error}") from error
    found = {
        entry.name.removeprefix(PREFIX): torch.from_numpy(np.array(numpy_helper.to_array(entry)))
        for entry in graph.initializer
    }
    biases = {
        node.input[1].removeprefix(PREFIX): found.get(node.input[2].removeprefix(PREFIX))
        for node in graph.node
        if node.op_type == "Conv" and len(node.input) > 2
    }
    detector = build_detector({**arguments, "pretrained": "none"}).eval()
    kernels = [name for name, module in detector.named_modules() if isinstance(module, nn.Conv2d)]
    with torch.no_grad():
        for name, normalization in zip(kernels, _normalizations(detector, kernels), strict=True):
            kernel = f"{name}.weight"
            _set(detector, kernel, found, model)
            layer: Any = detector.get_submodule(name) if normalization is None else normalization
            if layer.bias is None:
                continue
            bias = biases.get(kernel)
            layer.bias.copy_(
                torch.zeros_like(layer.bias) if bias is None else bias
            )  # the export leaves out zeros
            if normalization is None:
                continue
            normalization.running_mean.zero_()  # type: ignore[union-attr]
            normalization.running_var.fill_(1)  # type: ignore[union-attr]
            normalization.weight.fill_((1 + normalization.eps) ** 0.5)
        for name, module in detector.named_modules():
            if isinstance(module, nn.Linear):
                _set(detector, f"{name}.weight", found, model)
                _set(detector, f"{name}.bias", found, model)
        if isinstance(detector, Detector) and detector.residual is not None:
            _set_residual(detector.residual, graph, found, model)
    return detector


def settle_normalizations(detector: AnyDetector, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Gives every batch normalization the statistics of photos, without changing what the detector says.

    Args:
        detector: In eval mode, with normalizations that do not change anything yet.
        batches: Images (B, 3, H, W) and their valid pixels (B, 1, H, W).
    """
    sums: dict[nn.BatchNorm2d, list[Tensor]] = {}

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        values = inputs[0].double()
        part = [
            values.sum((0, 2, 3)),
            values.square().sum((0, 2, 3)),
            values.new_tensor(values[:, 0].numel()),
        ]
        known = sums.setdefault(module, [torch.zeros_like(entry) for entry in part])  # type: ignore[arg-type]
        for total, entry in zip(known, part, strict=True):
            total += entry

    layers = [module for module in detector.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [layer.register_forward_pre_hook(note) for layer in layers]
    with torch.no_grad():
        for images, valid in batches:
            detector(images, valid)
        for hook in hooks:
            hook.remove()
        for layer, (total, squares, count) in sums.items():
            mean = total / count
            variance = (squares / count - mean.square()).clamp_min(0)
            scale = layer.weight.double() / (layer.running_var.double() + layer.eps).sqrt()  # type: ignore[union-attr]
            shift = layer.bias.double() - layer.running_mean.double() * scale  # type: ignore[union-attr]
            layer.running_mean.copy_(mean)  # type: ignore[union-attr]
            layer.running_var.copy_(variance)  # type: ignore[union-attr]
            layer.weight.copy_(scale * (variance + layer.eps).sqrt())
            layer.bias.copy_(shift + mean * scale)


def _normalizations(detector: nn.Module, kernels: list[str]) -> list[nn.BatchNorm2d | None]:
    """Returns the batch normalization that follows each convolution, None where none does.

    Modules are registered in the order in which they are called, here and in timm's efficient nets.
    """
    ordered = list(detector.named_modules())
    follows: dict[str, nn.BatchNorm2d | None] = dict.fromkeys(kernels)
    last = ""
    for name, module in ordered:
        if isinstance(module, nn.Conv2d):
            last = name
        elif isinstance(module, nn.BatchNorm2d) and last:
            follows[last] = module
            last = ""
    return [follows[name] for name in kernels]


def _set(detector: nn.Module, name: str, found: Mapping[str, Tensor], model: Path) -> None:
    own = detector.get_parameter(name)
    if name not in found or found[name].shape != own.shape:
        raise _other(model, name)
    own.copy_(found[name])


def _set_residual(
    residual: ConstrainedResidual, graph: Any, found: Mapping[str, Tensor], model: Path
) -> None:
    """Finds the constrained filters, a constant that the first convolution of the graph takes."""
    own = residual.free
    names = [node.input[1].removeprefix(PREFIX) for node in graph.node if node.op_type == "Conv"]
    for name in names:
        if name in found and found[name].shape == own.shape:
            own.copy_(found[name])
            return
    raise _other(model, "the residual filters")


def _other(model: Path, name: str) -> InvalidDataError:
    return InvalidDataError(f"expected weights of this detector in {model}, found none for {name}")
