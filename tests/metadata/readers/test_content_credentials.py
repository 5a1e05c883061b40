import struct
import sys

import numpy as np
import pytest
from tests.metadata.files import (
    JPEG,
    PHOTO,
    PNG,
    facts,
    jpeg,
    jumbf,
    jumbf_segments,
    only,
    png,
    reasons,
    saved,
)
from tests.metadata.signing import CODES, signed

from falseflaw.imaging import codec
from falseflaw.metadata import read_facts

COMPOSITE = "compositeWithTrainedAlgorithmicMedia"
GENERATED = jumbf(b"\x78\x4c" + f"{CODES}trainedAlgorithmicMedia".encode() + b"\xa0")
KINDS = {name: f"image/{name.lower()}" for name in ("JPEG", "PNG", "WEBP", "AVIF", "TIFF")}


def webp(store: bytes) -> bytes:
    body = saved("WEBP")[12:] + b"C2PA" + struct.pack("<I", len(store)) + store + bytes(len(store) % 2)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def avif(store: bytes) -> bytes:
    purpose = bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + bytes(4) + b"manifest\0" + bytes(8)
    return saved("AVIF") + struct.pack(">I", 8 + len(purpose) + len(store)) + b"uuid" + purpose + store


@pytest.mark.parametrize(
    "photo",
    [
        jpeg(*jumbf_segments(GENERATED)),
        jpeg(*jumbf_segments(GENERATED, most=50)),
        jpeg(*reversed(jumbf_segments(GENERATED, most=50))),
        png((b"caBX", GENERATED)),
        webp(GENERATED),
        avif(GENERATED),
        saved("TIFF", tiffinfo={52545: GENERATED}),
    ],
    ids=["jpeg", "jpeg in parts", "jpeg in parts, mixed", "png", "webp", "avif", "tiff"],
)
def test_a_manifest_is_told_without_the_package(photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    fact = only(photo, "c2pa_manifest")
    assert (fact.source, fact.weight) == ("c2pa", "declares_ai")
    assert fact.values == {
        "signature": "not_checked",
        "reason": "not_installed",
        "source_types": "trainedAlgorithmicMedia",
    }


def test_an_unchecked_manifest_that_declares_nothing_is_neutral(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert only(png((b"caBX", jumbf())), "c2pa_manifest").weight == "neutral"
    longer = jumbf(f"{CODES}trainedAlgorithmicMediaOfTomorrow".encode())
    assert only(png((b"caBX", longer)), "c2pa_manifest").weight == "neutral"


def test_other_boxes_are_no_manifest() -> None:
    other = struct.pack(">I", 40) + b"jumb" + struct.pack(">I", 32) + b"jumd" + b"360!" + bytes(20)
    assert facts(jpeg(*jumbf_segments(other)), "c2pa_manifest") == []
    assert (
        facts(jpeg((0xEB, b"JP")), "c2pa_manifest")
        == facts(jpeg((0xEB, b"HDR_RI ver=11")), "c2pa_manifest")
        == []
    )


@pytest.mark.parametrize("format_name", KINDS)
def test_a_signature_that_holds_is_told_with_its_unknown_signer(format_name: str) -> None:
    photo = signed(saved(format_name), KINDS[format_name], ("c2pa.created", "digitalCapture"))
    fact = only(photo, "c2pa_manifest")
    assert fact.weight == "camera"
    assert fact.values == {
        "signature": "valid_unknown_signer",
        "reason": "signingCredential.untrusted",
        "signer": "FalseFlaw tests",
        "program": "Test camera 1.2",
        "actions": "created",
        "source_types": "digitalCapture",
    }


@pytest.mark.parametrize(
    ("actions", "weight"),
    [
        ([("c2pa.created", "trainedAlgorithmicMedia")], "declares_ai"),
        (
            [("c2pa.created", "digitalCapture"), ("c2pa.edited", COMPOSITE)],
            "declares_ai",
        ),
        ([("c2pa.created", "digitalCapture"), ("c2pa.cropped", "")], "declares_edit"),
        ([("c2pa.created", "screenCapture")], "neutral"),
    ],
)
def test_what_the_manifest_declares_is_weighed(actions: list[tuple[str, str]], weight: str) -> None:
    assert only(signed(JPEG, "image/jpeg", *actions), "c2pa_manifest").weight == weight


def test_a_photo_changed_after_signing_has_no_valid_signature() -> None:
    photo = bytearray(signed(PNG, "image/png", ("c2pa.created", "digitalCapture")))
    photo[photo.rindex(b"IDAT") + 40] ^= 1
    fact = only(bytes(photo), "c2pa_manifest")
    assert (fact.values["signature"], fact.weight) == ("invalid", "neutral")
    assert "assertion.dataHash.mismatch" in fact.values["reason"]


def test_a_manifest_taken_from_another_photo_has_no_valid_signature() -> None:
    photo = signed(PNG, "image/png", ("c2pa.created", "digitalCapture"))
    start = photo.index(b"caBX") + 4
    store = photo[start : start + int.from_bytes(photo[start - 8 : start - 4], "big")]
    another = codec.encode_png(PHOTO[::-1])
    assert only(png((b"caBX", store), photo=another), "c2pa_manifest").values["signature"] == "invalid"


def test_damaged_manifests_are_told_and_never_raise() -> None:
    photo = signed(JPEG, "image/jpeg", ("c2pa.created", "trainedAlgorithmicMedia"))
    start = photo.index(b"jumb")
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(photo)
        for place in rng.integers(start, start + 4000, 5):
            damaged[place] = rng.integers(0, 256)
        for fact in read_facts(bytes(damaged)):
            assert fact.code != "c2pa_manifest" or fact.values["signature"] == "invalid"


def test_a_store_of_any_size_is_bounded() -> None:
    assert ("c2pa", "c2pa", "too_large") in reasons(jpeg(*jumbf_segments(jumbf(bytes(17_000_000)))))
    assert ("png", "c2pa", "too_large") in reasons(png((b"caBX", jumbf(bytes(17_000_000)))))
