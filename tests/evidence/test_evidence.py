import json
from dataclasses import replace

import pytest
from tests.evidence.stand_ins import evidence, made_up, photo_file, prediction

from falseflaw.evidence.evidence import FORMAT, identify


def test_the_document() -> None:
    fact = made_up("camera", "exif", {"model": "X100", "make": "Föto"}, "camera")
    document = json.loads(evidence(prediction(0.95), facts=[fact], tiles=2).to_json())
    assert document["format"] == FORMAT
    assert document["finding"]["verdict"] == "altered"
    assert document["finding"]["cause"] == "marked_region"
    assert document["finding"]["tiles"] == 2
    assert document["rates"]["real_damage"]["photos"] == 111
    assert document["model"]["operating_point"]["image_threshold"] == 0.9
    assert document["code"] == {"falseflaw": "0.1.0", "git_revision": "d" * 40}
    (told,) = document["metadata"]
    assert told == {
        "code": "camera",
        "source": "exif",
        "values": {"make": "Föto", "model": "X100"},
        "weight": "camera",
    }
    assert "people" in document["not_checked"]


def test_the_same_photo_and_model_give_the_same_bytes() -> None:
    one, other = (evidence(prediction(0.95 + noise)) for noise in (0, 1e-7))
    assert one.to_json() == other.to_json()
    assert one.sha256 == other.sha256
    assert one.to_json().isascii()


def test_another_model_gives_others() -> None:
    one = evidence(prediction(0.95))
    other = replace(one, model=replace(one.model, bundle="e" * 64))
    assert one.sha256 != other.sha256


@pytest.mark.parametrize("told", [prediction(0.0, marked=False), prediction(1.0, distance=1.0)])
def test_the_ends_of_the_range(told) -> None:  # type: ignore[no-untyped-def]
    json.loads(evidence(told).to_json(), parse_constant=pytest.fail)


def test_a_photo_is_known_by_its_bytes() -> None:
    identity = identify(photo_file(), 96, 95)
    assert (identity.format, identity.width, identity.height) == ("PNG", 96, 95)
    assert identity.size == len(photo_file())
    assert identity.sha256 != identify(photo_file() + b"0", 96, 95).sha256
