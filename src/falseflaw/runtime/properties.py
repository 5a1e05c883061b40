"""What `model.onnx` says of the bundle that it belongs to: no file of another bundle passes for its own."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict

from falseflaw.errors import InvalidDataError
from falseflaw.runtime.bundle import INFO_NAME, MODEL_NAME, BundleInfo
from falseflaw.types import OperatingPoint

_AGAIN = "the files are not of one bundle; fetch or export it again"


def onnx_properties(info: BundleInfo) -> dict[str, str]:
    """Returns what a bundle's `model.onnx` carries as `metadata_props`.

    Args:
        info: Of the bundle as it is shipped: the properties bind the model to the very text of its
            `bundle.json`, and that in turn names the other files.
    """
    return _told(info) | {"bundle_sha256": hashlib.sha256(info.to_json().encode()).hexdigest()}


def operating_point_digest(point: OperatingPoint) -> str:
    """Returns the sha256 of an operating point; values that are not set leave it as it is."""
    values = {name: value for name, value in asdict(point).items() if value is not None}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def check_properties(properties: Mapping[str, str], info: BundleInfo, info_sha256: str) -> None:
    """Checks that a model and a `bundle.json` belong together.

    Models of bundles of formats 1 and 2 say too little of themselves to be held to it.

    Args:
        properties: `metadata_props` of `model.onnx`.
        info: What `bundle.json` says.
        info_sha256: Of the file `bundle.json`.

    Raises:
        InvalidDataError: They do not; the line names the first difference.
    """
    if info.format < 3 and "bundle_format" not in properties:
        return
    for name, expected in (_told(info) | {"bundle_sha256": info_sha256}).items():
        if properties.get(name) != expected:
            raise InvalidDataError(
                f"expected {MODEL_NAME} with {name} {_short(expected)}, as {INFO_NAME} beside it says, got "
                f"{_short(properties.get(name))}: {_AGAIN}"
            )


def _told(info: BundleInfo) -> dict[str, str]:
    return {
        "bundle_format": str(info.format),
        "name": info.name,
        "falseflaw": info.falseflaw,
        "git_revision": info.git_revision,
        "checkpoint_sha256": info.checkpoint_sha256,
        "temperature": repr(info.operating_point.temperature),
        "operating_point_sha256": operating_point_digest(info.operating_point),
    }


def _short(value: str | None) -> str:
    return "none" if value is None else repr(value if len(value) <= 16 else f"{value[:12]}…")
