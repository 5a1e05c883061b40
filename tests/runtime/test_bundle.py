import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.runtime.red import POINT, info, write_bundle

from falseflaw.errors import FalseFlawError, InvalidDataError, MissingDataError
from falseflaw.runtime.bundle import FORMAT, INFO_NAME, MODEL_NAME, BundleInfo, read_bundle
from falseflaw.runtime.predictor import Predictor
from falseflaw.runtime.sums import SUMS_NAME, write_sums


def test_info_survives_its_file(tmp_path: Path) -> None:
    given = info(detector={"backbone": "x"}, parity={"probability": 1e-7}, tile_pixels=500_000)
    assert BundleInfo.from_json(given.to_json()) == given
    folder = write_bundle(tmp_path / "bundle", tile_pixels=500_000)
    assert read_bundle(folder)[0].tile_pixels == 500_000


def test_keys_of_a_later_version_are_left_aside() -> None:
    values = json.loads(info().to_json()) | {"added_later": 1}
    values["operating_point"]["added_later"] = 2
    assert BundleInfo.from_json(json.dumps(values)) == info()


def edit_info(folder: Path, change: Callable[[dict], None]) -> None:
    values = json.loads((folder / INFO_NAME).read_text())
    change(values)
    (folder / INFO_NAME).write_text(json.dumps(values))


def flip_a_bit(folder: Path) -> None:
    data = bytearray((folder / MODEL_NAME).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / MODEL_NAME).write_bytes(data)


DAMAGE: dict[str, tuple[Callable[[Path], object], type[FalseFlawError], str]] = {
    "no model": (lambda folder: (folder / MODEL_NAME).unlink(), MissingDataError, "model.onnx"),
    "no info": (lambda folder: (folder / INFO_NAME).unlink(), MissingDataError, "bundle.json"),
    "no sums": (lambda folder: (folder / SUMS_NAME).unlink(), MissingDataError, "SHA256SUMS"),
    "empty sums": (
        lambda folder: (folder / SUMS_NAME).write_text(""),
        InvalidDataError,
        "changed or damaged",
    ),
    "binary sums": (lambda folder: (folder / SUMS_NAME).write_bytes(b"\xff\0"), InvalidDataError, "damaged"),
    "one bit": (flip_a_bit, InvalidDataError, "model.onnx"),
    "truncated": (
        lambda folder: (folder / MODEL_NAME).write_bytes((folder / MODEL_NAME).read_bytes()[:-9]),
        InvalidDataError,
        "model.onnx",
    ),
    "another threshold": (
        lambda folder: edit_info(folder, lambda values: values["operating_point"].update(image_threshold=1)),
        InvalidDataError,
        "bundle.json",
    ),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_bundle_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    damage, error, words = DAMAGE[name]
    folder = write_bundle(tmp_path / "bundle")
    damage(folder)
    with pytest.raises(error, match=words) as caught:
        read_bundle(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda values: values.update(format=FORMAT + 1), "update falseflaw"),
        (lambda values: values.pop("format"), "format is missing"),
        (lambda values: values.pop("operating_point"), "operating_point is missing"),
        (lambda values: values["operating_point"].pop("mask_threshold"), "mask_threshold is missing"),
        (lambda values: values["operating_point"].update(temperature=0), "temperature"),
        (lambda values: values["operating_point"].update(temperature="warm"), "bundle.json"),
        (lambda values: values.update(operating_point=[]), "bundle.json"),
        (lambda values: values.update(tile_pixels=10), "tile_pixels"),
        (lambda values: values.update(tile_overlap=100), "multiple of 32"),
        (lambda values: values.pop("name"), "name"),
    ],
)
def test_an_info_that_is_no_info_is_refused(
    tmp_path: Path, change: Callable[[dict], None], words: str
) -> None:
    folder = write_bundle(tmp_path / "bundle")
    edit_info(folder, change)
    write_sums(folder)
    with pytest.raises(InvalidDataError, match=words) as caught:
        read_bundle(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 1', "\0"])
def test_an_info_that_is_no_json_object_is_refused(tmp_path: Path, text: str) -> None:
    folder = write_bundle(tmp_path / "bundle")
    (folder / INFO_NAME).write_text(text)
    write_sums(folder)
    with pytest.raises(InvalidDataError, match=r"bundle\.json"):
        read_bundle(folder)


def test_no_bundle_at_all(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="falseflaw export"):
        read_bundle(tmp_path / "nothing")


def test_a_bundle_of_format_1_is_read_as_it_always_was(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle")

    def age(values: dict) -> None:
        values["format"] = 1
        del values["operating_point"]["distance_threshold"], values["guarantees"]

    edit_info(folder, age)
    write_sums(folder)
    found, _ = read_bundle(folder)
    assert found.operating_point == POINT
    assert found.operating_point.distance_threshold is None
    assert found.guarantees == ()
    assert BundleInfo.from_json(found.to_json()) == found


def test_a_bundle_of_format_2_has_to_say_where_its_distances_end(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle")
    edit_info(folder, lambda values: values["operating_point"].pop("distance_threshold"))
    write_sums(folder)
    with pytest.raises(InvalidDataError, match=r"operating_point\.distance_threshold is missing"):
        read_bundle(folder)


def test_a_bundle_without_a_limit_for_tiles_is_read_as_it_always_was(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle", operating_point=replace(POINT, tiled_threshold=0.95))
    assert read_bundle(folder)[0].operating_point.tiled_threshold == 0.95
    edit_info(folder, lambda values: values["operating_point"].pop("tiled_threshold"))
    write_sums(folder)
    assert read_bundle(folder)[0].operating_point == POINT


def test_a_limit_without_distances_is_refused(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "bundle", operating_point=replace(POINT, distance_threshold=2.0))
    with pytest.raises(InvalidDataError, match="output distance") as caught:
        Predictor(folder)
    assert "\n" not in str(caught.value)
