"""Detectors in and out of safetensors files, which hold their constructor arguments too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.imaging.codec import write_atomic
from falseflaw.models.architectures import AnyDetector, build_detector
from falseflaw.models.checkpoint import check_tensors
from falseflaw.models.halving import as_half
from falseflaw.statistics.familiarity import Familiarity

KEY = "falseflaw"
"""Of the file's metadata: JSON with `detector`, the arguments, and what else is told. One entry alone, for
safetensors writes several in any order, and the same detector shall give the same bytes."""

_FAMILIARITY = "familiarity."
_ARRAYS = ("mean", "scale", "directions", "variances", "rest")


@dataclass(frozen=True, eq=False)
class Weights:
    """What a file holds.

    Attributes:
        arguments: Of the detector's constructor, see `build_detector`.
        tensors: Of the detector, by name.
        familiarity: Tells how far features are from those measured, if the file does.
        facts: What else the file tells of itself.
    """

    arguments: Mapping[str, Any]
    tensors: Mapping[str, Tensor]
    familiarity: Familiarity | None
    facts: Mapping[str, Any] = field(default_factory=dict)


def write_weights(
    detector: nn.Module,
    path: Path,
    arguments: Mapping[str, Any],
    familiarity: Familiarity | None = None,
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Writes all tensors of a detector, those that `halving.halve` rounded in half precision.

    Args:
        detector: On the CPU.
        path: The file.
        arguments: Of its constructor, see `build_detector`.
        familiarity: That belongs to it.
        facts: What else the file shall tell of itself, of JSON's types, such as the sha256 of the checkpoint.
    """
    state = detector.state_dict().items()
    tensors = {name: as_half(tensor.detach()).contiguous().clone() for name, tensor in state}
    if familiarity is not None:
        arrays = {name: torch.as_tensor(getattr(familiarity, name), dtype=torch.float64) for name in _ARRAYS}
        tensors |= {_FAMILIARITY + name: values.contiguous() for name, values in arrays.items()}
    told = json.dumps({**(facts or {}), "detector": dict(arguments)}, sort_keys=True)
    write_atomic(path, safetensors.torch.save(tensors, {KEY: told}))


def read_weights(path: Path) -> Weights:
    """Reads a file that `write_weights` wrote.

    Raises:
        MissingDataError: No such file.
        InvalidDataError: It is truncated, or another kind of file.
    """
    if not path.is_file():
        raise MissingDataError(f"expected a detector's weights at {path}, found none; correct the path")
    try:
        with safetensors.safe_open(path, "pt") as file:
            facts = dict(json.loads((file.metadata() or {})[KEY]))
            arguments = dict(facts.pop("detector"))
            tensors: dict[str, Tensor] = {name: _single(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
        own = {name: tensors.pop(_FAMILIARITY + name, None) for name in _ARRAYS}
        return Weights(arguments, tensors, _familiarity(own), facts)
    except Exception as error:  # safetensors and json raise many kinds
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InvalidDataError(
            f"expected a detector's weights (safetensors of `falseflaw export`) at {path}, got another file: "
            f"{reason[:120]}"
        ) from error


def detector_of(weights: Weights, path: Path) -> AnyDetector:
    """Builds the detector on the CPU, in eval mode.

    Args:
        weights: Of the file.
        path: The file, for errors.

    Raises:
        InvalidDataError: The tensors are not those of a detector with such arguments.
    """
    try:
        detector = build_detector({**weights.arguments, "pretrained": "none"})
    except (TypeError, ConfigurationError) as error:
        raise InvalidDataError(f"the weights {path} are of another architecture: {error}") from error
    check_tensors(detector, weights.tensors, str(path))
    detector.load_state_dict(weights.tensors)
    return detector.eval()


def _single(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype == torch.float16 else tensor


def _familiarity(found: Mapping[str, Tensor | None]) -> Familiarity | None:
    if found["mean"] is None:
        return None
    arrays: dict[str, Any] = {
        name: values.float().numpy() for name, values in found.items() if values is not None
    }
    return Familiarity(**arrays | {"rest": float(found["rest"])})  # type: ignore[arg-type]
