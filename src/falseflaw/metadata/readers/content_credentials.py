"""Content Credentials: the C2PA manifest of a file and the state of its signature (C2PA 2.2)."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from falseflaw.metadata.facts import Fact, Weight, make_fact
from falseflaw.metadata.opened import Opened
from falseflaw.metadata.readers.source_type import term_of, terms_within, weigh_term

MAX_STORE = 16_000_000
"""Of the manifest store, bytes; it holds thumbnails."""

_MAX_NAMES = 8
_TYPES = {"jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "tiff": "image/tiff"}
_STATES = {"Trusted": "trusted", "Valid": "valid_unknown_signer", "Invalid": "invalid"}
_EDITS = frozenset(
    f"c2pa.{action}"
    for action in (
        *("adjustedColor", "color_adjustments", "cropped", "drawing", "edited", "enhanced", "filtered"),
        *("placed", "removed", "resized"),
    )
)


def read_content_credentials(photo: Opened) -> Iterator[Fact]:
    """Tells the manifest, who signed it and whether the signature holds.

    `signature` is `not_checked` without the package c2pa-python (extra `c2pa`); `invalid` where the file was
    changed after signing or the manifest is damaged: then it may be another photo's, and vouches for nothing;
    `valid_unknown_signer` where nothing was changed since someone signed it, whose name is only what the own
    certificate says; `trusted` where that certificate is on a trust list that c2pa-python was given. No list
    comes with us, nothing is fetched from the network.

    A valid manifest proves who signed what, not that the scene is real: a screen can be photographed with a
    signing camera. Most honest photos have none, and most sites remove it.
    """
    store = photo.blocks.manifest
    if not store:
        return
    if len(store) > MAX_STORE:
        photo.blocks.add_problem("c2pa", "c2pa", "too_large")
        return
    values, terms, edited = _check(photo)
    terms = terms or terms_within(store)
    weights = {weigh_term(term) for term in terms}
    weight: Weight = "neutral"
    if "declares_ai" in weights:
        weight = "declares_ai"
    elif edited or "declares_edit" in weights:
        weight = "declares_edit"
    elif "camera" in weights and values["signature"] != "invalid":
        weight = "camera"
    yield make_fact("c2pa_manifest", "c2pa", weight, {**values, "source_types": _joined(terms)})


def _check(photo: Opened) -> tuple[dict[str, str], list[str], bool]:
    """Has c2pa-python check the signature; returns values, source types, and whether edits are declared."""
    try:
        import c2pa
    except (ImportError, OSError, RuntimeError):  # absent, or its native library is
        return {"signature": "not_checked", "reason": "not_installed"}, [], False
    kind = _TYPES.get(photo.blocks.kind) or ("image/avif" if b"avif" in photo.data[:64] else "image/heic")
    try:
        settings = c2pa.Settings.from_dict({"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}})
        context = c2pa.Context(settings)
    except Exception:  # another version of the package
        return {"signature": "not_checked", "reason": "failed"}, [], False
    try:
        with c2pa.Reader(kind, io.BytesIO(photo.data), context=context) as reader:
            report: dict[str, Any] = json.loads(reader.json())
    except c2pa.C2paError.NotSupported:
        return {"signature": "not_checked", "reason": "not_supported"}, [], False
    except Exception:  # c2pa's own errors, or JSON of an unforeseen kind
        return {"signature": "invalid", "reason": "damaged"}, [], False
    manifest = _mapping(_mapping(report.get("manifests")).get(str(report.get("active_manifest"))))
    signer = _mapping(manifest.get("signature_info"))
    actions = [
        _mapping(action)
        for assertion in _list(manifest.get("assertions"))
        if str(_mapping(assertion).get("label")).startswith("c2pa.actions")
        for action in _list(_mapping(_mapping(assertion).get("data")).get("actions"))
    ]
    names = list(dict.fromkeys(str(action.get("action")) for action in actions))
    terms = [
        term_of(str(action["digitalSourceType"])) for action in actions if action.get("digitalSourceType")
    ]
    failures = [str(_mapping(status).get("code")) for status in _list(report.get("validation_status"))]
    values = {
        "signature": _STATES.get(str(report.get("validation_state")), "not_checked"),
        "reason": _joined(failures),
        "signer": str(signer.get("issuer") or ""),
        "signed": str(signer.get("time") or ""),
        "program": _program(manifest),
        "actions": _joined([name.removeprefix("c2pa.") for name in names]),
    }
    return values, list(dict.fromkeys(terms)), any(name in _EDITS for name in names)


def _program(manifest: Mapping[str, Any]) -> str:
    info = [_mapping(each) for each in _list(manifest.get("claim_generator_info"))]
    names = [f"{each.get('name', '')} {each.get('version', '')}".strip() for each in info]
    return _joined(names) or str(manifest.get("claim_generator") or "")


def _joined(names: list[str]) -> str:
    return ", ".join(list(dict.fromkeys(names))[:_MAX_NAMES])


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
