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
from falseflaw.types import OperatingPoint

MODEL_NAME = "model.onnx"
INFO_NAME = "bundle.json"
CARD_NAME = "MODEL_CARD.md"
SUMS_NAME = "SHA256SUMS"

FORMAT = 2
"""Raised when a bundle can no longer be read by the code before it.

1: no distance to what was measured; such bundles are judged as they always were.
2: `operating_point.distance_threshold`, which code of before would pass over, and `guarantees`.
"""

_READABLE = (1, 2)


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
        checkpoint_sha256: Of the checkpoint file that was exported.
        dataset: Folder name and config hash of the dataset that the thresholds were fixed on.
        contributors: Digests of the people whose photos the detector learnt from, see
            `lineage.contributor_digests`; empty where the training did not say.
        parity: Largest differences found between torch and onnxruntime.
        stride_multiple: Height and width that the network takes are multiples of it, pixels.
        tile_pixels: Photos above so many pixels are judged in tiles of at most so many.
        tile_overlap: Overlap of neighboring tiles, pixels; a multiple of `stride_multiple`.
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
    stride_multiple: int = STRIDE
    tile_pixels: int = 4_000_000
    tile_overlap: int = 128
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
        values = json.loads(text)
        if not isinstance(values, dict):
            raise TypeError("expected a JSON object")
        if values["format"] not in _READABLE:
            raise ValueError(
                f"expected format {' or '.join(map(str, _READABLE))}, got {values['format']!r}; "
                "update falseflaw or export it again"
            )
        known = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        point = known["operating_point"]
        names = OperatingPoint.__dataclass_fields__
        if values["format"] == 1:
            point = {**point, "distance_threshold": None}
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
    sums = _read_sums(folder)
    contents = {name: _read_checked(folder, name, sums) for name in (MODEL_NAME, INFO_NAME)}
    try:
        info = BundleInfo.from_json(contents[INFO_NAME].decode())
    except KeyError as error:
        raise InvalidDataError(f"cannot use {folder / INFO_NAME}: {error.args[0]} is missing") from error
    except (ValueError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidDataError(f"cannot use {folder / INFO_NAME}: {reason}") from error
    return info, contents[MODEL_NAME]


def bundle_digest(folder: Path) -> str:
    """Returns what tells a bundle from any other, hex; of the sums that `read_bundle` checks.

    Raises:
        MissingDataError, InvalidDataError: The sums are missing or cannot be read.
    """
    sums = _read_sums(folder)
    return hashlib.sha256(
        "".join(sums.get(name, "") for name in (MODEL_NAME, INFO_NAME)).encode()
    ).hexdigest()


def _read_sums(folder: Path) -> dict[str, str]:
    sums = {}
    for line in _read_file(folder, SUMS_NAME).decode(errors="replace").splitlines():
        digest, _, name = line.partition("  ")
        sums[name.strip()] = digest.strip().lower()
    return sums


def _read_checked(folder: Path, name: str, sums: Mapping[str, str]) -> bytes:
    data = _read_file(folder, name)
    actual = hashlib.sha256(data).hexdigest()
    if sums.get(name) != actual:
        expected = sums.get(name)
        wanted = f"{expected[:12]}…" if expected else "an entry"
        raise InvalidDataError(
            f"expected {wanted} for {name} in {folder / SUMS_NAME}, got {actual[:12]}…: "
            "the bundle was changed or damaged; fetch or export it again"
        )
    return data


def _read_file(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except FileNotFoundError as error:
        raise MissingDataError(
            f"expected {name} in the bundle {folder}, found none; fetch or export the bundle again"
        ) from error
    except OSError as error:
        raise InvalidDataError(f"cannot read {folder / name}: {error.strerror or error}") from error
