import csv
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.helpers import make_dataset

from falseflaw.cli.main import main
from falseflaw.imaging import codec
from falseflaw.models.checkpoint import load_detector, save_detector_checkpoint
from falseflaw.models.detector import Detector
from falseflaw.release import bundle
from falseflaw.runtime.predictor import Predictor

DETECTOR = {
    "backbone": "test_efficientnet",
    "residual_filters": 3,
    "decoder_channels": 8,
    "head_channels": 8,
    "mask_stride": 8,
}


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder with a checkpoint and its real evaluation on a tiny dataset."""
    root = tmp_path_factory.mktemp("export")
    dataset = make_dataset(root / "dataset")
    torch.manual_seed(0)
    detector = Detector(**DETECTOR)  # type: ignore[arg-type]
    checkpoint = save_detector_checkpoint(detector, root / "run/checkpoints/best.ckpt", DETECTOR)
    arguments = [f"checkpoint={checkpoint}", f"dataset={dataset}", f"output={root / 'run/evaluation'}"]
    learnt = {"config_hash": "tiny", "contributors": ["tiny/another"]}
    (root / "run/provenance.json").write_text(json.dumps({"learnt_from": learnt}))
    settings = ["laundering=smoke", "replicates=20", "examples=1", "progress=false"]
    assert main(["evaluate", *arguments, *settings]) == 0
    return root / "run"


@pytest.fixture(scope="module")
def exported(run_folder: Path) -> Path:
    output = run_folder.parent / "bundle"
    arguments = [f"run={run_folder}", f"card_evaluation={run_folder / 'evaluation'}", f"output={output}"]
    assert main(["export", *arguments, "name=tiny", "latency_photos=1"]) == 0
    return output


@pytest.mark.slow
def test_the_bundle_is_the_checkpoint_that_was_measured(run_folder: Path, exported: Path) -> None:
    predictor = Predictor(exported)
    point = json.loads((run_folder / "evaluation/operating_point.json").read_text())
    assert predictor.operating_point.image_threshold == point["image_threshold"]
    assert predictor.info.contributors == (hashlib.sha256(b"tiny/another").hexdigest()[:16],)
    assert predictor.info.checkpoint_sha256 == bundle.file_sha256(run_folder / "checkpoints/best.ckpt")
    assert predictor.info.detector == DETECTOR
    assert predictor.info.dataset == {"name": "dataset", "config_hash": "tiny"}
    detector = load_detector(run_folder / "checkpoints/best.ckpt")
    image = codec.decode(next(codec.find_images(run_folder.parent / "dataset/images")))
    with torch.inference_mode():
        logit, mask_logit = detector(
            torch.from_numpy(image).permute(2, 0, 1)[None], torch.ones(1, 1, *image.shape[:2])
        )
    prediction = predictor.predict(image)
    expected = 1 / (1 + np.exp(-logit.item() / point["temperature"]))
    assert prediction.probability == pytest.approx(expected, abs=1e-4)
    heat = 255 * torch.sigmoid(mask_logit[0, 0]).numpy()
    assert np.abs(prediction.heat_map - heat).max() <= 0.5 + 255e-3


def test_the_card_carries_the_figures_of_the_evaluation(run_folder: Path, exported: Path) -> None:
    card = (exported / "MODEL_CARD.md").read_text()
    summary = json.loads((run_folder / "evaluation/summary.json").read_text())
    for entry in summary["launderings"]:
        auroc = entry["headline"]["auroc"]
        name = "untouched" if entry["name"] == "identity" else entry["name"]
        assert f"| {name} | {auroc['value']:.3f} [{auroc['lo']:.3f}, {auroc['hi']:.3f}] |" in card
    assert "checker" in card


def test_the_bundle_predicts(run_folder: Path, exported: Path, tmp_path: Path) -> None:
    images = run_folder.parent / "dataset/images"
    assert main(["predict", f"input={images}", f"output={tmp_path}", f"bundle={exported}"]) == 0
    with (tmp_path / "predictions.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len(list(images.iterdir()))
    assert {row["verdict"] for row in rows} <= {"altered", "no sign of alteration", "inconclusive"}


@pytest.mark.slow
def test_the_bundle_is_evaluated_like_the_checkpoint(
    run_folder: Path, exported: Path, tmp_path: Path
) -> None:
    dataset = run_folder.parent / "dataset"
    arguments = [f"bundle={exported}", f"dataset={dataset}", f"output={tmp_path}", "laundering=smoke"]
    assert main(["evaluate", *arguments, "replicates=20", "examples=1", "progress=false"]) == 0
    summaries = [
        json.loads((folder / "summary.json").read_text()) for folder in (run_folder / "evaluation", tmp_path)
    ]
    assert summaries[0]["operating_point"] == summaries[1]["operating_point"]
    for ours, theirs in zip(*(summary["launderings"] for summary in summaries), strict=True):
        assert ours["flagged"] == theirs["flagged"]


@pytest.fixture
def quick_export(monkeypatch: pytest.MonkeyPatch, exported: Path) -> None:
    """Takes the network that is exported already."""

    def copy(detector: object, temperature: float, path: Path, *others: object) -> None:
        shutil.copy(exported / "model.onnx", path)

    monkeypatch.setattr(bundle, "export_onnx", copy)


def test_export_prints_the_proof(
    run_folder: Path, tmp_path: Path, quick_export: None, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = run_folder / "checkpoints/best.ckpt"
    arguments = [f"checkpoint={checkpoint}", f"evaluation={run_folder / 'evaluation'}", "latency_photos=1"]
    assert main(["export", *arguments, f"output={tmp_path / 'b'}", "parity_photos=3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "exporting to ONNX"
    assert sum(line.endswith("equal") for line in lines) == 3 + 6
    assert "onnxruntime" in lines[-2]
    assert "torch" in lines[-2]
    assert "its card tells no figures yet" in lines[-3]
    assert "Not evaluated yet" in (tmp_path / "b/MODEL_CARD.md").read_text()
    assert lines[-1].startswith(f"{tmp_path / 'b'}/")


def test_parity_on_photos_of_a_folder(run_folder: Path, tmp_path: Path, quick_export: None) -> None:
    photos = tmp_path / "my photos"
    for index in range(4):
        photo = np.random.default_rng(index).integers(0, 256, (70, 81, 3), dtype=np.uint8)
        codec.write_atomic(photos / f"{index}.png", codec.encode_png(photo))
    arguments = [
        f"run={run_folder}",
        f"output={tmp_path / 'b'}",
        f"parity_folder={photos}",
        "latency_photos=1",
    ]
    assert main(["export", *arguments]) == 0
    assert Predictor(tmp_path / "b").info.parity["photos"] == 4 + 3 * 3


def test_the_best_run_of_a_sweep_is_exported(
    run_folder: Path, tmp_path: Path, quick_export: None, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = tmp_path / "sweep"
    for name, score in (("0", 0.7), ("1", 0.6)):
        folder = Path(shutil.copytree(run_folder, sweep / name))
        checkpoint = torch.load(folder / "checkpoints/best.ckpt", weights_only=True)
        checkpoint["callbacks"] = {"BestAndLast": {"best_score": score}}
        torch.save(checkpoint, folder / "checkpoints/best.ckpt")
        (folder / "config.yaml").write_text(f"seed: {name}\n")
        summary = json.loads((folder / "evaluation/summary.json").read_text())
        summary["provenance"]["model"]["sha256"] = bundle.file_sha256(folder / "checkpoints/best.ckpt")
        (folder / "evaluation/summary.json").write_text(json.dumps(summary))
    assert main(["export", f"sweep={sweep}", f"output={tmp_path / 'b'}", "latency_photos=1"]) == 0
    assert f"best run: {sweep / '0'} (val/score 0.7000, 0.1000 above the next)" in capsys.readouterr().out
    sha256 = bundle.file_sha256(sweep / "0/checkpoints/best.ckpt")
    assert Predictor(tmp_path / "b").info.checkpoint_sha256 == sha256


def test_a_smaller_variant_of_a_run(
    run_folder: Path, tmp_path: Path, quick_export: None, capsys: pytest.CaptureFixture[str]
) -> None:
    dataset = run_folder.parent / "dataset"
    options = ["latency_photos=1", "laundering=untouched", "variant.sources=1", "variant.replicates=10"]
    limits = ["variant.auroc_loss=1", "variant.f1_loss=1", "variant.verdict_changes=1"]
    arguments = [f"run={run_folder}", "precision=fp16", f"output={tmp_path / 'v'}", *options, *limits]
    assert main(["export", *arguments]) == 0
    out = capsys.readouterr().out
    assert "fp16 against fp32: 5 photos of 1 sources, fold val" in out
    info = Predictor(tmp_path / "v").info
    assert info.precision == "fp16"
    assert info.variant["price"]["dataset"] == dataset.name
    assert [path.name for path in tmp_path.iterdir()] == ["v"]
    assert main(["verify", f"bundle={tmp_path / 'v'}"]) == 0
    assert "a variant of fp16 has no model.safetensors" in capsys.readouterr().out


def test_a_variant_of_a_bundle_is_named_after_both(
    exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = [f"bundle={exported}", "precision=fp16", "name=tiny"]
    assert main(["export", *arguments]) == 2
    assert "expected variant.dataset=FOLDER with bundle=, got none" in capsys.readouterr().err
    dataset = f"variant.dataset={exported.parent / 'dataset'}"
    options = ["latency_photos=1", "laundering=untouched", "variant.sources=1", "variant.replicates=10"]
    limits = ["variant.auroc_loss=1", "variant.f1_loss=1", "variant.verdict_changes=1"]
    evaluation = f"card_evaluation={exported.parent / 'run/evaluation'}"
    assert main(["export", *arguments, dataset, *options, *limits, evaluation]) == 0
    card = (tmp_path / "checkpoints/detectors/tiny-fp16/MODEL_CARD.md").read_text()
    assert "## What fp16 costs" in card
    assert "| untouched | " in card


def test_other_weights_fail_and_leave_nothing(
    run_folder: Path, tmp_path: Path, quick_export: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """The network of one checkpoint with the weights of another: parity must see it."""
    other = tmp_path / "run"
    shutil.copytree(run_folder, other)
    detector = load_detector(other / "checkpoints/best.ckpt")
    with torch.no_grad():
        for parameter in detector.decoder.parameters():
            parameter.mul_(1.3)
    save_detector_checkpoint(detector, other / "checkpoints/best.ckpt", DETECTOR)
    summary = json.loads((other / "evaluation/summary.json").read_text())
    summary["provenance"]["model"]["sha256"] = bundle.file_sha256(other / "checkpoints/best.ckpt")
    (other / "evaluation/summary.json").write_text(json.dumps(summary))
    assert main(["export", f"run={other}", f"output={tmp_path / 'bundles/b'}"]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("falseflaw export: expected onnxruntime to answer as torch")
    assert not (tmp_path / "bundles").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "run=FOLDER, checkpoint=FILE, sweep=FOLDER and bundle=FOLDER, got none"),
        (["run={run}", "checkpoint=x"], "got run and checkpoint"),
        (["sweep=nothing"], "falseflaw train -m"),
        (["sweep={run}/evaluation"], "expected a finished training below"),
        (["run={run}", "card_evaluation=nothing"], "run `falseflaw evaluate` first"),
        (["run=nothing"], "falseflaw train"),
        (["checkpoint=nothing.ckpt"], "falseflaw train"),
        (["run={run}", "evaluation=nothing"], "run `falseflaw evaluate` first"),
        (["checkpoint={run}/evaluation/summary.json", "evaluation={run}/evaluation"], "as a checkpoint"),
        (["run={run}", "parity_folder=nothing"], "parity_folder=FOLDER"),
        (["run={run}", "parity_folder={run}/checkpoints"], "found none"),
        (["run={run}", "precision=int4"], "expected precision of fp32, fp16, int8, got int4"),
        (["bundle=nothing"], "with bundle=, which is of fp32"),
        (["bundle=nothing", "precision=int8"], "make one with `falseflaw export`"),
        (["run={run}", "variant.sources=0"], "variant.sources"),
        (["run={run}", "parity_photos=1"], "parity_photos"),
        (["run={run}", "latency_photos=0"], "latency_photos"),
        (["run={run}", "tile_pixels=5"], "tile_pixels"),
        (["run={run}", "tile_overlap=100"], "multiple of 32"),
        (["run={run}", "output={run}"], "pass another output"),
    ],
)
def test_what_goes_wrong_is_one_line(
    run_folder: Path,
    tmp_path: Path,
    arguments: list[str],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", *(argument.format(run=run_folder) for argument in arguments)]) in {1, 2}
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert words in error
    assert list(tmp_path.iterdir()) == []


def test_an_evaluation_of_another_checkpoint_is_refused(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.manual_seed(1)
    other = save_detector_checkpoint(
        Detector(**DETECTOR),  # type: ignore[arg-type]
        tmp_path / "other.ckpt",
        DETECTOR,
    )
    assert main(["export", f"checkpoint={other}", f"evaluation={run_folder / 'evaluation'}"]) == 1
    assert "got one of another model" in capsys.readouterr().err
