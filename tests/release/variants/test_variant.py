import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.helpers import make_dataset
from tests.release.test_card import PARITY
from tests.runtime.red import gray_photo, red_network, write_bundle

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging.laundering.base import Identity
from falseflaw.imaging.laundering.recompress import Jpeg
from falseflaw.provenance import file_sha256
from falseflaw.release.card import model_card
from falseflaw.release.refresh import networks_of
from falseflaw.release.variants import variant
from falseflaw.release.variants.precision import Precision, PrecisionError
from falseflaw.release.variants.price import Validation, choose_photos, take_turns
from falseflaw.release.variants.variant import Limits, Quantization, check_price, release_variant
from falseflaw.runtime.bundle import read_bundle
from falseflaw.runtime.predictor import Predictor
from falseflaw.types import Fold


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five of its twenty sources are in the validation fold."""
    return make_dataset(tmp_path_factory.mktemp("variant") / "tiny", sources=20)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_bundle(tmp_path_factory.mktemp("variant") / "fp32", parity=PARITY)


@pytest.fixture(scope="module")
def validation(dataset: Path) -> Validation:
    return choose_photos(dataset, sources=3, calibration_photos=2)


def make(source: Path, folder: Path, validation: Validation, **changes: object):
    options = {"latency_size": (64, 64), "latency_photos": 2, "replicates": 20} | changes
    precision = options.pop("precision", Precision.FP16)
    return release_variant(
        source,
        precision,
        folder,
        validation,
        [Identity(), Jpeg(80)],
        lambda info: model_card(info, None),
        **options,
    )


def test_photos_of_validation_serve_one_use_each(dataset: Path, validation: Validation) -> None:
    from falseflaw.dataset.manifest import read_manifest

    rows = read_manifest(dataset)
    folds = dict(zip(rows["path"], rows["fold"], strict=True))
    sources = dict(zip(rows["path"], rows["source_id"], strict=True))
    calibration = {str(path.relative_to(dataset)) for path in validation.calibration}
    assert len(calibration) == 2
    assert {folds[path] for path in calibration | set(validation.rows["path"])} == {Fold.VAL}
    assert not {sources[path] for path in calibration} & set(validation.rows["source_id"])
    assert validation.rows["source_id"].nunique() == 3
    assert all(photo.shape == (96, 128, 3) for photo in validation.photos())


def test_a_small_fold_is_told(tmp_path: Path) -> None:
    dataset = make_dataset(tmp_path, sources=4)
    with pytest.raises(InvalidDataError, match="got 1 sources; build a larger dataset"):
        choose_photos(dataset, 3, 2)


def test_a_variant_is_a_bundle_that_tells_its_price(
    source: Path, tmp_path: Path, validation: Validation
) -> None:
    shown: list[str] = []
    info, price = make(source, tmp_path / "fp16", validation, show=shown.append)
    assert {path.name for path in (tmp_path / "fp16").iterdir()} == {
        *("model.onnx", "bundle.json", "MODEL_CARD.md", "SHA256SUMS")
    }
    read, _ = read_bundle(tmp_path / "fp16")
    assert read == info
    assert read.precision == "fp16"
    assert read.variant["fp32_sha256"] == file_sha256(source / "model.onnx")
    assert networks_of(read, tmp_path / "fp16/model.onnx")[1] == read.variant["fp32_sha256"]
    assert read.operating_point == read_bundle(source)[0].operating_point
    assert (price.sources, price.photos, price.verdicts) == (3, 15, 30)
    assert price.launderings == ("identity", "jpeg80")
    assert price.changed == price.accused == 0
    assert price.honest == 12
    card = (tmp_path / "fp16/MODEL_CARD.md").read_text()
    assert card == model_card(read, None)  # what is read back from bundle.json tells the same
    assert "# Model card: red, fp16" in card
    assert "## What fp16 costs" in card
    assert "0 of 30 verdicts are other ones; 0 of 12 on honest photos became `altered`" in card
    assert any("verdicts  0 of 30 differ" in text for text in shown)


def shifted(gain: float) -> onnx.ModelProto:
    model = red_network()
    for tensor in model.graph.initializer:
        if tensor.name == "half":
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.float32(gain), "half"))
    return model


def test_a_variant_that_costs_too_much_leaves_what_was_there(
    source: Path, tmp_path: Path, validation: Validation, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(source, tmp_path / "v", validation)
    before = {path.name: path.read_bytes() for path in (tmp_path / "v").iterdir()}
    monkeypatch.setattr(variant, "to_fp16", lambda network: shifted(-0.5))  # everything is red
    with pytest.raises(PrecisionError, match="the share of equal verdicts"):
        make(source, tmp_path / "v", validation, limits=Limits(1, 1, 0.05))
    assert {path.name: path.read_bytes() for path in (tmp_path / "v").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["v"]
    _, price = make(source, tmp_path / "v", validation, limits=Limits(1, 1, 1))
    assert price.changed == 30
    assert 0 < price.accused <= price.honest == 12


def test_what_is_no_number_costs_too_much(source: Path, tmp_path: Path, validation: Validation) -> None:
    _, price = make(source, tmp_path / "v", validation)
    pair = price.figures["auroc"]
    unknown = replace(pair, difference=replace(pair.difference, value=None))
    with pytest.raises(PrecisionError, match="of AUROC"):
        check_price(replace(price, figures=price.figures | {"auroc": unknown}), Limits(1, 1, 1))


@pytest.mark.parametrize(("close", "tried"), [(11, [3, 5, 11]), (99, [3, 5, 11, 17])])
def test_the_fewest_float_convolutions_that_are_close_enough(
    source: Path,
    tmp_path: Path,
    validation: Validation,
    monkeypatch: pytest.MonkeyPatch,
    close: int,
    tried: list[int],
) -> None:
    counts = []

    def to_int8(network: onnx.ModelProto, photos: list, count: int, multiple: int) -> onnx.ModelProto:
        counts.append(count)
        return shifted(0.5 if count >= close else -0.5)

    monkeypatch.setattr(variant, "to_int8", to_int8)
    limits = Limits(1, 1, 1)
    info, _ = make(
        source,
        tmp_path / "v",
        validation,
        precision=Precision.INT8,
        limits=limits,
        quantization=Quantization(),
    )
    assert counts == tried
    assert info.variant["float_convolutions"] == tried[-1]
    assert info.variant["calibration_photos"] == 2
    assert f"but for the first {tried[-1]} of the graph" in (tmp_path / "v/MODEL_CARD.md").read_text()


def test_a_variant_of_a_variant_is_refused(source: Path, tmp_path: Path, validation: Validation) -> None:
    make(source, tmp_path / "v", validation)
    with pytest.raises(ConfigurationError, match="expected a variant of a bundle of fp32, got int8 of fp16"):
        make(tmp_path / "v", tmp_path / "w", validation, precision=Precision.INT8)
    with pytest.raises(ConfigurationError, match="got fp32 of fp32"):
        make(source, tmp_path / "w", validation, precision=Precision.FP32)


@pytest.mark.parametrize("limits", [{"auroc_loss": -0.1}, {"verdict_changes": 2}])
def test_limits_are_shares(limits: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=r"in \[0, 1\]"):
        Limits(**limits)


def test_both_are_timed_on_the_same_photos(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = []
    predictors = [Predictor(source), Predictor(source)]
    for name, predictor in zip("ab", predictors, strict=True):
        monkeypatch.setattr(predictor, "infer", lambda batch, name=name: judged.append(name))
    assert len(take_turns(predictors, [gray_photo(64, 64)] * 3)) == 2
    assert "".join(judged) == "ab" + "ababab"


def test_bundles_of_before_are_of_float32(source: Path) -> None:
    values = json.loads((source / "bundle.json").read_text())
    del values["precision"], values["variant"]
    from falseflaw.runtime.bundle import BundleInfo

    assert BundleInfo.from_json(json.dumps(values)).precision == "fp32"
