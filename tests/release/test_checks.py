"""What is done to a bundle, `verify` and `predict` refuse both, by the name of what is wrong."""

import dataclasses
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
import torch
from tests.release.tiny import PHOTOS, make_bundle

from falseflaw.errors import FalseFlawError, MissingDataError
from falseflaw.models.weights import detector_of, read_weights, write_weights
from falseflaw.provenance import file_sha256
from falseflaw.release import bundle as releasing
from falseflaw.release.bundle import Release
from falseflaw.release.checks import Check, Material, State, run_checks
from falseflaw.runtime.bundle import BundleInfo
from falseflaw.runtime.predictor import Predictor
from falseflaw.runtime.sums import write_sums

FILES = ("model.onnx", "model.safetensors", "bundle.json", "MODEL_CARD.md", "SHA256SUMS")
MATERIAL = Material(photos=lambda: (PHOTOS, "3 drawn photos"))


def checked(folder: Path, material: Material = MATERIAL) -> dict[str, Check]:
    return {check.name: check for check in run_checks(folder, material)}


@pytest.fixture
def folder(small_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(small_bundle, tmp_path / "bundle"))


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory, release: Release) -> Path:
    """A bundle of another detector, whole as well."""
    return release.folder


Change = Callable[[Path, Path], object]


def flip(name: str, share: float) -> Change:
    def change(folder: Path, other: Path) -> None:
        data = bytearray((folder / name).read_bytes())
        data[int(share * (len(data) - 1))] ^= 1
        (folder / name).write_bytes(data)

    return change


def told(**changes: object) -> Change:
    """Changes what `bundle.json` says, and has the sums bear it out."""

    def change(folder: Path, other: Path) -> None:
        values = json.loads((folder / "bundle.json").read_text())
        point = changes.pop("operating_point", {})
        values["operating_point"].update(point)
        values.update(changes)
        (folder / "bundle.json").write_text(json.dumps(values, indent=2, sort_keys=True) + "\n")
        write_sums(folder)
        changes["operating_point"] = point

    return change


def swapped(name: str) -> Change:
    """Takes a file of another bundle, and has the sums bear it out."""

    def change(folder: Path, other: Path) -> None:
        shutil.copyfile(other / name, folder / name)
        write_sums(folder)

    return change


def sums(edit: Callable[[list[str]], list[str]]) -> Change:
    def change(folder: Path, other: Path) -> None:
        lines = (folder / "SHA256SUMS").read_text().splitlines(keepends=True)
        (folder / "SHA256SUMS").write_bytes("".join(edit(lines)).encode())

    return change


def without(name: str, listed: bool) -> Change:
    def change(folder: Path, other: Path) -> None:
        (folder / name).unlink()
        if not listed:
            write_sums(folder)

    return change


def retold(folder: Path, other: Path) -> None:
    """Swaps `bundle.json` and the weights that it names, which leaves the model alone."""
    for name in ("bundle.json", "model.safetensors"):
        shutil.copyfile(other / name, folder / name)
    write_sums(folder)


def unnamed(folder: Path, other: Path) -> None:
    """Takes from the model what it says of its bundle."""
    model = onnx.load(folder / "model.onnx")
    del model.metadata_props[:]
    onnx.save(model, folder / "model.onnx")
    write_sums(folder)


MUTATIONS: dict[str, tuple[Change, str]] = {
    **{
        f"a bit of {name} at {share}": (flip(name, share), "SHA256SUMS")
        for name in FILES
        for share in (0.0, 0.3, 0.6, 1.0)
    },
    **{
        f"{name} cut short": (
            lambda folder, other, name=name: (folder / name).write_bytes((folder / name).read_bytes()[:-1]),
            "SHA256SUMS",
        )
        for name in FILES
    },
    **{
        f"{name} made longer": (
            lambda folder, other, name=name: (folder / name).write_bytes(
                (folder / name).read_bytes() + b"\n"
            ),
            "SHA256SUMS",
        )
        for name in FILES
    },
    **{f"no {name}": (without(name, listed=True), re.escape(name)) for name in FILES},
    **{
        f"no {name} anywhere": (without(name, listed=False), re.escape(name))
        for name in FILES
        if name != "SHA256SUMS"
    },
    "another file": (lambda folder, other: (folder / "notes.txt").write_text("x"), r"notes\.txt"),
    "a hidden file": (lambda folder, other: (folder / ".hidden").write_text("x"), r"\.hidden"),
    "a folder": (lambda folder, other: (folder / "more").mkdir(), "more/"),
    "a signature of nothing": (lambda folder, other: (folder / "model.sig").write_text("{}"), r"model\.sig"),
    "sums in capitals": (sums(lambda lines: [line.upper() for line in lines]), "SHA256SUMS"),
    "sums in another order": (sums(lambda lines: lines[::-1]), "SHA256SUMS"),
    "sums that end lines otherwise": (
        sums(lambda lines: [line.replace("\n", "\r\n") for line in lines]),
        "SHA256SUMS",
    ),
    "a sum told twice": (sums(lambda lines: [*lines, lines[0]]), "SHA256SUMS"),
    "a sum left out": (sums(lambda lines: lines[1:]), r"MODEL_CARD\.md"),
    "sums with another line": (sums(lambda lines: [*lines, "# fine\n"]), "SHA256SUMS"),
    "a later format": (told(format=4), "format.*got 4; update falseflaw"),
    "an earlier format": (told(format=0), "format.*got 0; export it again"),
    "the format before": (told(format=2), "bundle_format '2'.*got '3'"),
    "the first format": (told(format=1), "bundle_format '1'.*got '3'"),
    "a format in words": (told(format="3"), "format.*got '3'"),
    "a format that is none": (told(format=True), "format.*got True"),
    "a threshold": (told(operating_point={"image_threshold": 0.95}), "operating_point_sha256"),
    "a temperature": (told(operating_point={"temperature": 2.5}), "temperature"),
    "tiles": (told(tile_pixels=3_000_000), "bundle_sha256"),
    "people it learnt from": (told(contributors=["ab"]), "bundle_sha256"),
    "a key of nobody": (told(signature={"public_key_sha256": "ab"}), r"model\.sig"),
    "a word for a number": (told(tile_pixels="many"), "tile_pixels as a whole number"),
    "weights that it does not name": (told(files={}), r"model\.safetensors"),
    "bundle.json of another": (swapped("bundle.json"), r"bundle\.json names"),
    "bundle.json and weights of another": (retold, "name 'small'|with name 'tiny'"),
    "the model of another": (swapped("model.onnx"), "with name 'small'.*got 'tiny'"),
    "the weights of another": (swapped("model.safetensors"), r"model\.safetensors"),
    "a model that names no bundle": (unnamed, "bundle_format '3'.*got none"),
}


def test_they_are_many() -> None:
    assert len(MUTATIONS) >= 60


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_tampered_bundle_is_refused_by_name(name: str, folder: Path, other: Path) -> None:
    change, words = MUTATIONS[name]
    change(folder, other)
    with pytest.raises(FalseFlawError, match=words) as caught:
        Predictor(folder)
    assert "\n" not in str(caught.value)
    failed = [check for check in run_checks(folder, MATERIAL) if check.state is State.FAIL]
    assert re.search(words, failed[0].text)
    assert "\n" not in failed[0].line()


def test_a_bundle_as_it_was_exported_passes_every_check(small_bundle: Path) -> None:
    found = checked(small_bundle)
    assert {name: check.state for name, check in found.items()} == {
        "sums": State.PASS,
        "schema": State.PASS,
        "signature": State.SKIPPED,
        "checker": State.PASS,
        "properties": State.PASS,
        "weights": State.PASS,
        "parity": State.PASS,
        "figures": State.SKIPPED,
    }
    assert all(name in found["sums"].text for name in FILES if name != "SHA256SUMS")
    assert "3 drawn photos" in found["parity"].text


def sealed_again(folder: Path, **changes: object) -> None:
    """Does what a forger does who knows the format: every file names the others as it should."""
    info = BundleInfo.from_json((folder / "bundle.json").read_text())
    digest = file_sha256(folder / "model.safetensors")
    files = {"model.safetensors": digest}
    releasing.seal(folder, dataclasses.replace(info, files=files, **changes))  # type: ignore[arg-type]


def test_weights_of_another_training_fail_the_comparison(folder: Path) -> None:
    path = folder / "model.safetensors"
    weights = read_weights(path)
    detector = detector_of(weights, path)
    with torch.no_grad():
        for parameter in detector.parameters():
            parameter.mul_(1.2)
    write_weights(detector, path, weights.arguments, facts={"checkpoint_sha256": "0" * 64})
    sealed_again(folder)
    Predictor(folder)  # sees nothing: it has no torch
    failed = [check for check in checked(folder).values() if check.state is State.FAIL]
    assert [check.name for check in failed] == ["parity"]
    assert "onnxruntime to answer as torch" in failed[0].text


@pytest.mark.parametrize(
    "change", [{"checkpoint_sha256": "1" * 64}, {"detector": {"backbone": "efficientnet_lite0"}}]
)
def test_weights_that_tell_another_story_fail(folder: Path, change: dict[str, object]) -> None:
    sealed_again(folder, **change)
    assert checked(folder)["weights"].state is State.FAIL


def test_weights_of_another_architecture_are_one_line(folder: Path) -> None:
    path = folder / "model.safetensors"
    weights = read_weights(path)
    arguments = {**weights.arguments, "decoder_channels": 16}
    write_weights(detector_of(weights, path), path, arguments, facts={"checkpoint_sha256": "0" * 64})
    sealed_again(folder, detector=arguments)
    found = checked(folder)["parity"]
    assert found.state is State.FAIL
    assert "of another architecture" in found.text


def test_a_network_that_the_checker_refuses_fails(folder: Path) -> None:
    model = onnx.load(folder / "model.onnx")
    model.graph.node[0].op_type = "Unheard"
    onnx.save(model, folder / "model.onnx")
    sealed_again(folder)
    assert checked(folder)["checker"].state is State.FAIL


def test_nothing_of_a_changed_bundle_is_run(folder: Path) -> None:
    flip("model.onnx", 0.5)(folder, folder)
    found = checked(folder)
    assert [check.state for check in found.values()] == [State.FAIL, *[State.SKIPPED] * 7]


def test_a_bundle_of_before_says_what_it_lacks(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    model = onnx.load(folder / "model.onnx")
    del model.metadata_props[:]
    onnx.save(model, folder / "model.onnx")
    told(format=2, files={})(folder, folder)
    (folder / "notes.txt").write_text("always allowed")
    found = checked(folder)
    assert not [check for check in found.values() if check.state is State.FAIL]
    assert found["parity"].state is State.SKIPPED
    assert "format 2" in found["schema"].text


def test_no_bundle_at_all(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="correct bundle"):
        list(run_checks(tmp_path / "nothing", MATERIAL))


def test_distances_are_compared_too(tmp_path: Path) -> None:
    """Of a bundle that tells how unlike a photo is: what it tells by lies in the file of the weights."""
    from tests.release.test_distance import features
    from tests.release.tiny import ColorfulDetector
    from tests.runtime.red import gray_photo

    from falseflaw.statistics.familiarity import fit_familiarity

    familiarity = fit_familiarity(features([gray_photo(64, 80, key) for key in range(20)]))
    made = make_bundle(tmp_path / "b", detector=ColorfulDetector(), familiarity=familiarity)
    found = read_weights(made.folder / "model.safetensors")
    assert found.familiarity is not None
    assert found.familiarity.to_bytes() == familiarity.to_bytes()
    assert set(found.tensors) == {"gain"}
