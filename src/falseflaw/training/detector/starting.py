"""Weights that a training begins with: of another training, or of a bundle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from falseflaw.dataset.lineage import read_learnt_from
from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.models.architectures import AnyDetector
from falseflaw.models.backbone import fitting
from falseflaw.models.checkpoint import PREFIX, check_tensors, read_checkpoint
from falseflaw.models.recovery import recover_detector, settle_normalizations
from falseflaw.models.weights import read_weights
from falseflaw.paths import WEIGHTS_HINT, find_existing
from falseflaw.runtime.bundle import INFO_NAME, MODEL_NAME, WEIGHTS_NAME, read_bundle

_WEIGHTS = Path(WEIGHTS_NAME).suffix


def begin_with(
    detector: AnyDetector, start: str | Path, batches: Iterable[Mapping[str, Any]], partly: bool = False
) -> None:
    """Gives a detector the weights of another one.

    Args:
        detector: Of the same architecture, unless `partly`; changed in place.
        start: See `find_start`.
        batches: Training batches. The normalizations of a bundle's detector get their statistics from them
            where the bundle holds no weights (formats 1 and 2) and an ONNX model is all there is.
        partly: Takes what fits by name and shape, of a wider or narrower detector; the other tensors stay.

    Raises:
        MissingDataError: Nothing is there.
        InvalidDataError: It is broken, or of another architecture; with `partly`, if no tensor fits.
    """
    found = find_start(start)
    if found.is_dir():
        state = _state_of_bundle(found, batches)
    elif found.suffix == _WEIGHTS:
        state = read_weights(found).tensors
    else:
        content = read_checkpoint(found)["state_dict"]
        state = {key.removeprefix(PREFIX): content[key] for key in content if key.startswith(PREFIX)}
    if partly:
        state = fitting(state, own := detector.state_dict())
        if not any(tensor.ndim > 1 for tensor in state.values()):
            raise InvalidDataError(f"no weights in {found} fit the detector; correct start or model")
        state = {**own, **state}
    try:
        check_tensors(detector, state, str(found))
    except InvalidDataError as error:
        if not found.is_dir():
            raise
        made = ", ".join(f"{name}={value}" for name, value in read_bundle(found)[0].detector.items())
        raise InvalidDataError(f"{error}: {made}") from error
    detector.load_state_dict(state)


def _state_of_bundle(folder: Path, batches: Iterable[Mapping[str, Any]]) -> Mapping[str, Tensor]:
    """Returns the tensors of a bundle's detector."""
    info, _ = read_bundle(folder)
    if (folder / WEIGHTS_NAME).is_file():
        return read_weights(folder / WEIGHTS_NAME).tensors
    recovered = recover_detector(folder / MODEL_NAME, info.detector)
    settle_normalizations(recovered, ((batch["image"], batch["valid"]) for batch in batches))
    state: Mapping[str, Tensor] = recovered.state_dict()
    return state


def find_start(start: str | Path) -> Path:
    """Returns the checkpoint, or the folder of the bundle, that `start` names.

    Args:
        start: A checkpoint, a run's folder (its best weights are meant), a bundle's folder or the weights in
            it, or weights without a bundle, relative to the working directory or the clone.

    Raises:
        MissingDataError: It is none of these.
    """
    path = find_existing(str(start), "weights to start from", WEIGHTS_HINT)
    if path.name == WEIGHTS_NAME and (path.parent / INFO_NAME).is_file():
        path = path.parent  # the bundle around them tells whether they are whole
    for file in (path, path / "checkpoints" / "best.ckpt"):
        if file.is_file():
            return file
    if (path / INFO_NAME).is_file():
        return path
    raise MissingDataError(
        f"expected a checkpoint, a run's folder or a bundle at {path}, found none; correct start"
    )


def learnt_before(start: str | Path) -> dict[str, Any]:
    """Returns what the weights that a training begins with learnt from; see `lineage.learnt_from`.

    A bundle names nobody: of its contributors it knows digests. So do weights without one.
    """
    found = find_start(start)
    if found.is_dir():
        return {"digests": sorted(read_bundle(found)[0].contributors)}
    if found.suffix == _WEIGHTS:
        return {"digests": sorted(read_weights(found).facts.get("contributors", []))}
    return read_learnt_from(found.parent.parent)
