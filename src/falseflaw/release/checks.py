"""Checks a bundle, one thing after the other; what cannot be checked here is skipped, with the reason."""

from __future__ import annotations

import importlib.util
import json
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from falseflaw.errors import FalseFlawError, InvalidDataError, MissingDataError
from falseflaw.runtime.bundle import (
    FORMAT,
    INFO_NAME,
    MODEL_NAME,
    WEIGHTS_NAME,
    BundleInfo,
    check_sums,
    of_before,
    read_info,
)
from falseflaw.runtime.predictor import Predictor
from falseflaw.runtime.signature import check_signature
from falseflaw.runtime.sums import SUMS_NAME, read_sums
from falseflaw.types import Image


class State(StrEnum):
    """What came of a check."""

    PASS = "PASS"
    FAIL = "FAIL"
    SKIPPED = "SKIPPED"


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        name: What was checked, a word.
        state: What came of it.
        text: What was compared and found, or why it was not; one line.
    """

    name: str
    state: State
    text: str

    def line(self) -> str:
        """Returns what is printed."""
        return f"{self.state:<8} {self.name:<10} {self.text}"


class _Skip(Exception):
    """A check cannot be made here."""


@dataclass(frozen=True)
class Material:
    """What a bundle is held against.

    Attributes:
        key: Public key or certificate; None: a signature is not looked at.
        photos: Makes the photos that torch and onnxruntime are compared on, and says in words which they are.
        dataset: Folder with the photos of the evaluation; None: no figures are computed again.
        evaluation: Folder of an evaluation of the bundle, or of the checkpoint that it came from.
        sources: Most sources of the evaluation that are judged again.
    """

    photos: Callable[[], tuple[Sequence[Image], str]]
    key: Path | None = None
    dataset: Path | None = None
    evaluation: Path | None = None
    sources: int = 5


@dataclass(frozen=True, eq=False)
class _Bundle:
    folder: Path
    material: Material
    found: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def info(self) -> BundleInfo:
        info: BundleInfo = self.found["info"]
        return info

    @cached_property
    def predictor(self) -> Predictor:
        return Predictor(self.folder)


def run_checks(folder: Path, material: Material) -> Iterator[Check]:
    """Yields every check of a bundle as soon as it is made.

    A check that others rest on, of sums, schema or signature, ends it when it fails: the others are told as
    skipped, and nothing of a bundle that was changed is run.

    Args:
        folder: Of the bundle; any format.
        material: What to hold it against.

    Raises:
        MissingDataError: There is no such folder.
    """
    if not folder.is_dir():
        raise MissingDataError(f"expected a bundle folder at {folder}, found none; correct bundle")
    bundle = _Bundle(folder, material)
    failed = ""
    for name, check, needed in _CHECKS:
        if failed:
            yield Check(name, State.SKIPPED, f"after the failure of {failed} nothing more is looked at")
            continue
        try:
            result = Check(name, State.PASS, check(bundle))
        except _Skip as reason:
            result = Check(name, State.SKIPPED, str(reason))
        except FalseFlawError as error:
            result = Check(name, State.FAIL, " ".join(str(error).split()))
            failed = name if needed else ""
        yield result


def _sums(bundle: _Bundle) -> str:
    bundle.found["contents"] = check_sums(bundle.folder)
    listed = ", ".join(sorted(read_sums(bundle.folder)))
    if of_before(bundle.found["contents"][INFO_NAME]):
        return (
            f"{MODEL_NAME}, {INFO_NAME}: each as {SUMS_NAME} lists it; before format 3 no more is looked at"
        )
    return f"{listed}: each as {SUMS_NAME} lists it, and nothing else is there"


def _schema(bundle: _Bundle) -> str:
    info = read_info(bundle.folder, bundle.found["contents"][INFO_NAME])
    bundle.found["info"] = info
    before = "" if info.format == FORMAT else ", which has no weights and whose files do not name each other"
    return f"{INFO_NAME} of {info.name}, revision {info.git_revision[:12]}, format {info.format}{before}"


def _signature(bundle: _Bundle) -> str:
    signed, key = bundle.info.signature, bundle.material.key
    if key is None and signed:
        digest = signed.get("public_key_sha256", "")[:12]
        raise _Skip(f"signed (key {digest}…), but there is no verify.key=PUBLIC_KEY to hold it against")
    if key is None:
        raise _Skip("the bundle is not signed")
    check_signature(bundle.folder, key)
    return f"every file is signed with the key {key}"


def _checker(bundle: _Bundle) -> str:
    if importlib.util.find_spec("onnx") is None:
        raise _Skip("the package onnx is not installed (extra train)")
    import onnx

    try:
        onnx.checker.check_model(bundle.found["contents"][MODEL_NAME], full_check=True)
    except Exception as error:  # protobuf and onnx raise many kinds
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InvalidDataError(f"expected {MODEL_NAME} to pass onnx.checker, got: {reason[:200]}") from error
    return f"{MODEL_NAME} passes onnx.checker of onnx {onnx.__version__}"


def _properties(bundle: _Bundle) -> str:
    predictor = bundle.predictor  # opens the model, and holds its properties against bundle.json
    if predictor.info.format < 3:
        return f"{MODEL_NAME} opens in onnxruntime (a format of before: it does not name its {INFO_NAME})"
    return (
        f"{MODEL_NAME} opens in onnxruntime and names this {INFO_NAME}, its revision and its operating point"
    )


def _weights(bundle: _Bundle) -> str:
    _needs_weights(bundle)
    told, info = _told(bundle.folder / WEIGHTS_NAME), bundle.info
    for name, expected in (("detector", dict(info.detector)), ("checkpoint_sha256", info.checkpoint_sha256)):
        if told.get(name) != expected:
            raise InvalidDataError(
                f"expected {WEIGHTS_NAME} with the {name} of {INFO_NAME}, {expected}, got {told.get(name)}"
            )
    return f"{WEIGHTS_NAME} tells the detector's arguments and the checkpoint that {INFO_NAME} tells"


def _parity(bundle: _Bundle) -> str:
    _needs_weights(bundle)
    if importlib.util.find_spec("torch") is None:
        raise _Skip(
            f"torch is not installed: {MODEL_NAME} was not compared with {WEIGHTS_NAME} (extra train)"
        )
    from falseflaw.models.weights import detector_of, read_weights
    from falseflaw.release import verify

    photos, which = bundle.material.photos()
    path, predictor = bundle.folder / WEIGHTS_NAME, bundle.predictor
    weights = read_weights(path)
    rows = verify.compare(
        detector_of(weights, path),
        predictor,
        predictor.operating_point,
        verify.parity_cases(photos),
        weights.familiarity,
    )
    verify.check(rows)
    found = verify.largest(rows)
    return (
        f"{WEIGHTS_NAME} in torch against {MODEL_NAME} in onnxruntime on {which}: "
        f"equal verdicts, probability within {found['probability']:.1e}, "
        f"heat map within {found['heat_map']:.1e}"
    )


def _figures(bundle: _Bundle) -> str:
    dataset, evaluation = bundle.material.dataset, bundle.material.evaluation
    if dataset is None or evaluation is None:
        raise _Skip("no dataset=FOLDER and evaluation=FOLDER to judge photos of again")
    if importlib.util.find_spec("pyarrow") is None or importlib.util.find_spec("pandas") is None:
        raise _Skip("pandas and pyarrow, which read evaluations, are not installed (extra train)")
    from falseflaw.release.figures import judge_again

    return judge_again(bundle.folder, dataset, evaluation, bundle.material.sources)


_CHECKS: tuple[tuple[str, Callable[[_Bundle], str], bool], ...] = (
    ("sums", _sums, True),
    ("schema", _schema, True),
    ("signature", _signature, True),
    ("checker", _checker, False),
    ("properties", _properties, False),
    ("weights", _weights, False),
    ("parity", _parity, False),
    ("figures", _figures, False),
)
"""Name, what is done, and whether the others rest on it."""


def _needs_weights(bundle: _Bundle) -> None:
    if bundle.info.format < 3:
        raise _Skip(f"a bundle of format {bundle.info.format} has no {WEIGHTS_NAME}")
    if bundle.info.precision != "fp32":
        raise _Skip(
            f"a variant of {bundle.info.precision} has no {WEIGHTS_NAME}; its card tells what it costs"
        )


def _told(path: Path) -> dict[str, Any]:
    """Returns what a safetensors file tells of itself; its header is JSON, after 8 bytes with its length."""
    try:
        with path.open("rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            header = json.loads(stream.read(min(length, 100_000_000)))
        return dict(json.loads(header["__metadata__"]["falseflaw"]))
    except (OSError, ValueError, TypeError, KeyError, struct.error) as error:
        raise InvalidDataError(
            f"expected {path} as `falseflaw export` writes it, got another file; export it again"
        ) from error
