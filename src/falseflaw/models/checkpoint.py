"""Detectors in and out of Lightning checkpoints, without Lightning and without unpickling code."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.imaging.codec import write_atomic
from falseflaw.models.architectures import AnyDetector, build_detector

PREFIX = "detector."
"""What the names of the detector's tensors begin with in a checkpoint."""


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Reads a checkpoint and checks that it is one of a detector; runs no code from the file.

    Raises:
        MissingDataError: No such file.
        InvalidDataError: Not a checkpoint, truncated, or not of a detector.
    """
    if not path.is_file():
        raise MissingDataError(
            f"expected a checkpoint at {path}, found none; train one with `falseflaw train`"
        )
    if not zipfile.is_zipfile(path):
        raise InvalidDataError(f"cannot read {path} as a checkpoint: empty, truncated or another format")
    try:
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a zip of anything: pickle, zip and key errors, all of them
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InvalidDataError(f"cannot read {path} as a checkpoint: {reason[:120]}") from error
    arguments = checkpoint.get("hyper_parameters") if isinstance(checkpoint, dict) else None
    if (
        not isinstance(arguments, Mapping)
        or not isinstance(arguments.get("detector"), Mapping)
        or not isinstance(checkpoint.get("state_dict"), Mapping)
    ):
        raise InvalidDataError(
            f"expected a detector checkpoint of `falseflaw train` at {path}, got another kind of file"
        )
    return checkpoint


def detector_arguments(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the constructor arguments of the detector in a checkpoint."""
    return dict(checkpoint["hyper_parameters"]["detector"])


def load_detector(path: str | Path) -> AnyDetector:
    """Builds the detector of a checkpoint on the CPU, in eval mode.

    Raises:
        MissingDataError: No such file.
        InvalidDataError: Not a detector's checkpoint, or one of another architecture.
    """
    path = Path(path)
    checkpoint = read_checkpoint(path)
    try:
        # The tensors come from the file: no need for the package with the weights it began with.
        detector = build_detector({**detector_arguments(checkpoint), "pretrained": "none"})
    except (TypeError, ConfigurationError) as error:
        raise InvalidDataError(f"the checkpoint {path} is of another architecture: {error}") from error
    tensors = {
        key.removeprefix(PREFIX): value
        for key, value in checkpoint["state_dict"].items()
        if key.startswith(PREFIX)
    }
    check_tensors(detector, tensors, str(path))
    detector.load_state_dict(tensors)
    return detector.eval()


def load_mean_detector(paths: Sequence[Path]) -> AnyDetector:
    """Builds a detector whose weights are the mean of several checkpoints' (Izmailov et al. 2018).

    Args:
        paths: Checkpoints of one training, at least one; the first one's architecture counts.

    Raises:
        MissingDataError, InvalidDataError: As `load_detector`, of any of them.
    """
    detector = load_detector(paths[0])
    states = [detector.state_dict()]
    for path in paths[1:]:
        other = load_detector(path).state_dict()
        check_tensors(detector, other, str(path))
        states.append(other)
    mean = {
        key: torch.stack([state[key] for state in states]).mean(0) if value.is_floating_point() else value
        for key, value in states[0].items()
    }
    detector.load_state_dict(mean)
    return detector


def check_tensors(detector: AnyDetector, tensors: Mapping[str, torch.Tensor], what: str) -> None:
    """Checks that tensors fit a detector by name and shape.

    Raises:
        InvalidDataError: They do not; one line names `what` and the first difference.
    """
    own = detector.state_dict()
    for key in [*own, *tensors]:
        ours = tuple(own[key].shape) if key in own else None
        theirs = tuple(tensors[key].shape) if key in tensors else None
        if ours != theirs:
            raise InvalidDataError(
                f"the checkpoint {what} is of another architecture: {key} is {theirs or 'absent'}, "
                f"expected {ours or 'absent'}; pass the model it was trained with"
            )


def save_detector_checkpoint(
    detector: AnyDetector, path: str | Path, arguments: Mapping[str, Any] | None = None
) -> Path:
    """Writes a detector in the format of a Lightning checkpoint, as far as `load_detector` reads it.

    Args:
        detector: Whose weights to write.
        path: The file.
        arguments: Constructor arguments that differ from the defaults.
    """
    path = Path(path)
    buffer = io.BytesIO()
    state = {PREFIX + key: value for key, value in detector.state_dict().items()}
    torch.save({"hyper_parameters": {"detector": dict(arguments or {})}, "state_dict": state}, buffer)
    write_atomic(path, buffer.getvalue())
    return path
