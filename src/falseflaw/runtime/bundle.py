"""Reads the bundle folder: the network, what was measured with it, and the checksums of both."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.runtime.padding import STRIDE
from falseflaw.runtime.sums import SIGNATURE_NAME, check_whole, read_checked, read_sums
from falseflaw.runtime.sums import SUMS_NAME as SUMS_NAME
from falseflaw.types import OperatingPoint

MODEL_NAME = "model.onnx"
INFO_NAME = "bundle.json"
WEIGHTS_NAME = "model.safetensors"
CARD_NAME = "MODEL_CARD.md"

FORMAT = 3
"""Raised when a bundle can no longer be read by the code before it.

1: no distance to what was measured; such bundles are judged as they always were.
2: `operating_point.distance_threshold`, which code of before would pass over, and `guarantees`.
3: `model.safetensors`; every file is listed in the sums, and the files name each other (`files`, and the
properties of `model.onnx`), so that none can be swapped.
"""

_READABLE = (1, 2, 3)

_KINDS: Mapping[str, type] = {
    **dict.fromkeys(("name", "created", "falseflaw", "git_revision", "checkpoint_sha256", "precision"), str),
    **dict.fromkeys(
        ("detector", "dataset", "parity", "files", "signature", "operating_point", "variant"), dict
    ),
    **dict.fromkeys(("contributors", "guarantees"), list),
    **dict.fromkeys(("stride_multiple", "tile_pixels", "tile_overlap"), int),
}
_WORDS = {str: "a text", dict: "an object", list: "a list", int: "a whole number"}


@dataclass(frozen=True)
class BundleInfo:
    """What `bundle.json` says.

    Attributes:
        name: Name of the model, such as `reference`.
        created: UTC time of the export, ISO 8601.
        falseflaw: Version of the code that exported it.
        git_revision: Commit of that code.
        detector: Constructor arguments of the network.
        operating_point: Calibration and thresholds, fixed on validation.
        guarantees: What the thresholds promise of new photos, and of how many that rests on; see
            `evaluation.figures.guarantees.Guarantee`.
        measured: How often photos got each verdict in the evaluation, see `evidence.rates`; empty where no
            evaluation was there yet.
        checkpoint_sha256: Of the checkpoint file that was exported.
        dataset: Folder name and config hash of the dataset that the thresholds were fixed on.
        contributors: Digests of the people whose photos the detector learnt from, see
            `lineage.contributor_digests`; empty where the training did not say.
        parity: Largest differences found between torch and onnxruntime.
        stride_multiple: Height and width that the network takes are multiples of it, pixels.
        tile_pixels: Photos above so many pixels are judged in tiles of at most so many.
        tile_overlap: Overlap of neighboring tiles, pixels; a multiple of `stride_multiple`.
        files: Name to sha256 of the files beside it that never change: not of the model, which names this
            file, nor of the card, which can be written anew.
        signature: Of a signed bundle, `public_key_sha256`: of the signer's public key, PEM.
        precision: What the network calculates with, `fp32`, `fp16` or `int8`; the latter two are variants of
            one of `fp32` and come without weights.
        variant: Of a variant: how it was made and what it costs, see `release.variants`.
        format: Version of this file's layout.
    """

    name: str
    created: str
    falseflaw: str
    git_revision: str
    operating_point: OperatingPoint
    detector: Mapping[str, Any] = field(default_factory=dict)
    checkpoint_sha256: str = ""
    dataset: Mapping[str, str] = field(default_factory=dict)
    contributors: Sequence[str] = ()
    parity: Mapping[str, float] = field(default_factory=dict)
    guarantees: Sequence[Mapping[str, Any]] = ()
    measured: Mapping[str, Any] = field(default_factory=dict)
    stride_multiple: int = STRIDE
    tile_pixels: int = 4_000_000
    tile_overlap: int = 128
    files: Mapping[str, str] = field(default_factory=dict)
    signature: Mapping[str, str] = field(default_factory=dict)
    precision: str = "fp32"
    variant: Mapping[str, Any] = field(default_factory=dict)
    format: int = FORMAT

    def __post_init__(self) -> None:
        if self.stride_multiple < 1:
            raise ValueError(f"expected stride_multiple of at least 1, got {self.stride_multiple}")
        if self.tile_overlap < 0 or self.tile_overlap % self.stride_multiple:
            raise ValueError(
                f"expected tile_overlap as a multiple of {self.stride_multiple}, got {self.tile_overlap}"
            )
        smallest = (2 * self.tile_overlap + self.stride_multiple) ** 2
        if self.tile_pixels < smallest:
            raise ValueError(f"expected tile_pixels of at least {smallest}, got {self.tile_pixels}")

    def to_json(self) -> str:
        """Returns the text of `bundle.json`."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> BundleInfo:
        """Reads the text of `bundle.json`; keys that this version does not know are left aside.

        Raises:
            ValueError, TypeError, KeyError: It is not that of a bundle, or of a later format.
        """
        values = json.loads(text, parse_constant=_refuse)
        if not isinstance(values, dict):
            raise TypeError("expected a JSON object")
        if (given := values["format"]) not in _READABLE or type(given) is not int:
            later = type(given) is int and given > FORMAT
            raise ValueError(
                f"expected format {', '.join(map(str, _READABLE[:-1]))} or {_READABLE[-1]}, got {given!r}; "
                + ("update falseflaw" if later else "export it again")
            )
        for name, kind in _KINDS.items():
            if name in values and type(values[name]) is not kind:
                raise TypeError(f"expected {name} as {_WORDS[kind]}, got {values[name]!s:.40}")
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        point = known["operating_point"]
        names = OperatingPoint.__dataclass_fields__
        if values["format"] == 1:
            point = {**point, "distance_threshold": None}
        point = {"tiled_threshold": None, **point}  # bundles without it are judged as they always were
        if missing := [name for name in names if name not in point]:
            raise KeyError(f"operating_point.{missing[0]}")
        known["contributors"] = tuple(known.get("contributors", ()))
        known["guarantees"] = tuple(known.get("guarantees", ()))
        known["operating_point"] = OperatingPoint(**{name: point[name] for name in names})
        return cls(**known)


def read_bundle(folder: Path) -> tuple[BundleInfo, bytes]:
    """Returns what `bundle.json` says and the bytes of `model.onnx`, both checked against `SHA256SUMS`.

    The sums tell a damaged or mixed-up bundle; they do not protect against somebody who rewrites all of it.

    Raises:
        MissingDataError: No such folder, or a file of it is missing.
        InvalidDataError: A checksum differs, or `bundle.json` is not of this format.
    """
    if not folder.is_dir():
        raise MissingDataError(
            f"expected a bundle folder at {folder}, found none; make one with `falseflaw export`"
        )
    contents = check_sums(folder)
    return read_info(folder, contents[INFO_NAME]), contents[MODEL_NAME]


def check_sums(folder: Path) -> dict[str, bytes]:
    """Holds a bundle's files against `SHA256SUMS` and returns those of `model.onnx` and `bundle.json`.

    Before format 3 these two alone are looked at: such folders may hold anything else. From then on every
    file has to be listed, and every listed one to be there.

    Raises:
        MissingDataError, InvalidDataError: One is not as listed; the line names it.
    """
    if not folder.is_dir():
        raise MissingDataError(
            f"expected a bundle folder at {folder}, found none; make one with `falseflaw export`"
        )
    sums = read_sums(folder)
    contents = {name: read_checked(folder, name, sums) for name in (MODEL_NAME, INFO_NAME)}
    if WEIGHTS_NAME in sums or not of_before(contents[INFO_NAME]):
        check_whole(folder)
    return contents


def read_info(folder: Path, text: bytes) -> BundleInfo:
    """Reads a bundle's `bundle.json` and holds the other files of the folder against what it says.

    Args:
        folder: Whose sums hold.
        text: Of `bundle.json`.

    Raises:
        MissingDataError: A file is not there.
        InvalidDataError: The text is none of a format that is known, or the folder is of another bundle.
    """
    path = folder / INFO_NAME
    try:
        info = BundleInfo.from_json(text.decode())
    except KeyError as error:
        raise InvalidDataError(f"cannot use {path}: {error.args[0]} is missing") from error
    except (ValueError, TypeError) as error:
        raise InvalidDataError(f"cannot use {path}: {str(error).splitlines()[0]}") from error
    if info.format < 3:
        return info
    sums = read_sums(folder)
    weights = [WEIGHTS_NAME] if info.precision == "fp32" else []  # a variant has those of its original
    for name in dict.fromkeys((CARD_NAME, *weights, *info.files)):
        if name not in sums:
            raise MissingDataError(
                f"expected {name} in the bundle {folder}, found none; fetch or export the bundle again"
            )
        if name != CARD_NAME and info.files.get(name) != sums[name]:
            raise InvalidDataError(
                f"expected {name} with the sha256 that {path} names, {str(info.files.get(name))[:12]}…, got "
                f"{sums[name][:12]}…: the files are not of one bundle; fetch or export it again"
            )
    signed = (folder / SIGNATURE_NAME).exists()
    if info.signature and not signed:
        raise MissingDataError(
            f"expected {SIGNATURE_NAME} in {folder}, for {INFO_NAME} says that the bundle is signed, found "
            "none; fetch or export the bundle again"
        )
    if signed and not info.signature:
        raise InvalidDataError(
            f"expected no {SIGNATURE_NAME} in {folder}, for {INFO_NAME} says that the bundle is not signed; "
            "remove it, or export with sign.key=KEY"
        )
    return info


def bundle_digest(folder: Path) -> str:
    """Returns what tells a bundle from any other, hex; of the sums that `read_bundle` checks.

    Raises:
        MissingDataError, InvalidDataError: The sums are missing or cannot be read.
    """
    sums = read_sums(folder)
    return hashlib.sha256(
        "".join(sums.get(name, "") for name in (MODEL_NAME, INFO_NAME)).encode()
    ).hexdigest()


def of_before(text: bytes) -> bool:
    """Returns whether `bundle.json` says that it is of a format whose folders are not listed whole."""
    try:
        return json.loads(text)["format"] in (1, 2)
    except (ValueError, TypeError, KeyError):
        return False


def _refuse(constant: str) -> float:
    raise ValueError(f"expected numbers, got {constant}")
