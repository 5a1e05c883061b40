import dataclasses
import shutil
from pathlib import Path

import pytest
import torch
from tests.release.tiny import PHOTOS
from tests.runtime.red import info
from tests.training.conftest import DETECTOR, TrainTiny
from torch import Tensor

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.models.checkpoint import load_detector
from falseflaw.models.detector import Detector
from falseflaw.models.recovery import recover_detector, settle_normalizations
from falseflaw.models.weights import write_weights
from falseflaw.release.bundle import release_bundle
from falseflaw.runtime.bundle import read_bundle
from falseflaw.runtime.sums import write_sums
from falseflaw.training.detector.starting import begin_with, learnt_before


def photos(count: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    images = torch.randint(256, (count, 3, 64, 64), dtype=torch.uint8, generator=generator)
    return images, torch.ones(count, 1, 64, 64, dtype=torch.uint8)


@pytest.fixture(scope="module")
def trained() -> Detector:
    """A detector whose normalizations have seen photos and scale and shift them."""
    torch.manual_seed(0)
    detector = Detector(**DETECTOR).train()
    with torch.no_grad():
        for layer in detector.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.weight.uniform_(0.5, 1.5)
                layer.bias.normal_(std=0.2)
        for seed in range(3):
            detector(*photos(4, seed))
    return detector.eval()


@pytest.fixture(scope="module")
def bundle(trained: Detector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("start") / "bundle"
    release_bundle(
        trained,
        info(detector=DETECTOR, contributors=("ab",)),
        PHOTOS,
        folder,
        lambda final: f"# {final.name}\n",
        latency_size=(64, 64),
        latency_photos=2,
        show=lambda text: None,
    )
    return folder


def test_a_detector_comes_back_from_its_onnx_model(trained, bundle):
    recovered = recover_detector(bundle / "model.onnx", DETECTOR)
    given = photos(3)
    with torch.no_grad():
        wanted = trained(*given)
        for before, after in zip(wanted, recovered(*given), strict=True):
            torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
        settle_normalizations(recovered, [given])
        for before, after in zip(wanted, recovered(*given), strict=True):
            torch.testing.assert_close(after, before, rtol=1e-4, atol=1e-4)
        recovered.train()  # the same photos again: their own statistics are the ones it has
        for before, after in zip(wanted, recovered(*given), strict=True):
            torch.testing.assert_close(after, before, rtol=1e-2, atol=1e-2)


def test_a_training_begins_with_the_very_weights_of_a_bundle(trained, bundle):
    for start in (bundle, bundle / "model.safetensors"):
        detector = Detector(**DETECTOR)
        begin_with(detector, start, [])
        for name, tensor in trained.state_dict().items():
            torch.testing.assert_close(detector.state_dict()[name], tensor, rtol=0, atol=0)


def test_a_training_begins_with_a_bundle_of_before_that_holds_no_weights(trained, bundle, tmp_path):
    folder = Path(shutil.copytree(bundle, tmp_path / "bundle"))
    (folder / "model.safetensors").unlink()
    told = dataclasses.replace(read_bundle(bundle)[0], format=2, files={})
    (folder / "bundle.json").write_text(told.to_json())
    write_sums(folder)
    detector = Detector(**DETECTOR).eval()
    images, valid = photos(4)
    begin_with(detector, folder, [{"image": images, "valid": valid}])
    with torch.no_grad():
        torch.testing.assert_close(
            detector(images, valid)[0], trained(images, valid)[0], rtol=1e-4, atol=1e-4
        )
    assert learnt_before(bundle) == {"digests": ["ab"]}


def test_a_training_begins_with_the_best_weights_of_another(train_tiny: TrainTiny, tmp_path: Path) -> None:
    first = train_tiny(tmp_path / "first")
    before = load_detector(first.best).state_dict()
    options = {"optimizer": {"learning_rate": 1e-12, "warmup_steps": 0}, "ema_decay": None}
    second = train_tiny(tmp_path / "second", start=tmp_path / "first", trainer={"max_steps": 1}, **options)
    after = load_detector(second.last).state_dict()
    learnt = {name for name, _ in load_detector(second.last).named_parameters()}
    for name in learnt:
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=1e-6)


def test_a_training_begins_with_what_fits_of_a_wider_detector(trained, bundle):
    narrow = Detector(**{**DETECTOR, "decoder_channels": 4})
    before = {name: tensor.clone() for name, tensor in narrow.state_dict().items()}
    begin_with(narrow, bundle, [], partly=True)
    wide, fitted = trained.state_dict(), 0
    for name, tensor in narrow.state_dict().items():
        fits = wide[name].shape == tensor.shape
        fitted += fits
        torch.testing.assert_close(tensor, wide[name] if fits else before[name], rtol=0, atol=0)
    assert 0 < fitted < len(before)


def test_one_line_where_nothing_fits(bundle):
    other = torch.nn.Linear(3, 5)
    with pytest.raises(InvalidDataError, match=r"no weights in .* fit the detector"):
        begin_with(other, bundle, [], partly=True)


def test_weights_that_are_not_there_or_of_another_kind_are_one_line(bundle, tmp_path):
    with pytest.raises(MissingDataError, match="start"):
        begin_with(Detector(**DETECTOR), tmp_path / "nothing", [])
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingDataError, match="correct start"):
        begin_with(Detector(**DETECTOR), tmp_path / "empty", [])
    with pytest.raises(InvalidDataError, match=r"another architecture.*decoder_channels=8") as caught:
        begin_with(Detector(**{**DETECTOR, "decoder_channels": 16}), bundle, [])
    assert "\n" not in str(caught.value)
    with pytest.raises(InvalidDataError, match="expected weights of this detector"):
        recover_detector(bundle / "model.onnx", {**DETECTOR, "residual_filters": 6})
    broken = tmp_path / "broken.onnx"
    broken.write_bytes((bundle / "model.onnx").read_bytes()[:1000])
    with pytest.raises(InvalidDataError):
        recover_detector(broken, DETECTOR)


def test_weights_without_a_bundle_are_begun_with_in_half_precision_too(trained, tmp_path):
    path = tmp_path / "model.safetensors"
    half = Detector(**DETECTOR)
    half.load_state_dict(trained.state_dict())
    write_weights(half.half(), path, DETECTOR, facts={"contributors": ["cd", "ab"]})
    fresh = Detector(**DETECTOR)
    begin_with(fresh, path, ())
    for name, value in trained.state_dict().items():
        assert torch.allclose(fresh.state_dict()[name].double(), value.double(), rtol=1e-3, atol=1e-6), name
    assert learnt_before(path) == {"digests": ["ab", "cd"]}
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InvalidDataError, match="safetensors of"):
        begin_with(fresh, path, ())
