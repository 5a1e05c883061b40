"""The whole chain through the command, at tiny size: each verb takes what the one before it left."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from falseflaw.cli.main import main
from falseflaw.dataset.manifest import read_manifest
from falseflaw.evaluation.figures.calibration import calibrate
from falseflaw.evaluation.figures.summary import read_summary
from falseflaw.evaluation.prediction.predictions import read_predictions
from falseflaw.imaging import codec
from falseflaw.runtime.predictor import Predictor
from falseflaw.types import MATCHED, Fold

PHOTOS = [
    "photos=studio",
    "photos.count=24",
    "photos.width=96",
    "photos.height=128",
    "product_mask=classical",
]


def falseflaw(*arguments: str) -> None:
    assert main([*arguments]) == 0, arguments


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with inpainter, dataset, run, bundle and verdicts."""
    root = tmp_path_factory.mktemp("chain")
    shared = [*PHOTOS, f"cache={root / 'cache'}", "progress=false"]
    falseflaw(
        "train-inpainter",
        *shared,
        "recipe=tiny",
        "recipe.held_out=0.5",
        "workers=0",
        "threads=1",
        f"run_dir={root / 'inpainter'}",
    )
    falseflaw(
        "synthesize",
        *shared,
        "synthesis=tiny",
        "inpainter.steps=2",
        f"inpainter.path={root / 'inpainter/pipeline'}",
        f"output={root / 'dataset'}",
    )
    falseflaw("train", "experiment=smoke", f"dataset={root / 'dataset'}", f"run_dir={root / 'run'}")
    falseflaw(
        "evaluate",
        f"run={root / 'run'}",
        "laundering=smoke",
        "replicates=20",
        "examples=1",
        "device=cpu",
        "progress=false",
    )
    falseflaw("export", f"run={root / 'run'}", f"output={root / 'bundle'}", "latency_photos=1")
    falseflaw(
        "predict", f"input={root / 'dataset/images'}", f"output={root / 'out'}", f"bundle={root / 'bundle'}"
    )
    return root


@pytest.mark.slow
def test_no_contributor_is_in_two_folds_nor_known_to_the_inpainter(chain: Path) -> None:
    rows = read_manifest(chain / "dataset")
    assert set(rows["fold"]) == {Fold.TRAIN, Fold.VAL, Fold.TEST}
    assert (rows.groupby("contributor")["fold"].nunique() == 1).all()
    facts = json.loads((chain / "inpainter/pipeline/training.json").read_text())
    known = {*facts["contributors"], *facts["validation_contributors"]}
    assert known
    assert not known & set(rows["contributor"])


def test_every_source_is_a_matched_set(chain: Path) -> None:
    rows = read_manifest(chain / "dataset")
    assert (rows.groupby("source_id")["edit"].agg(set) == set(MATCHED)).all()
    shared = ["camera", "first_quality", "upload_quality", "subsampling", "width", "height", "region_path"]
    assert (rows.groupby("source_id")[shared].nunique() == 1).all().all()


def test_the_bundle_says_what_the_evaluation_measured(chain: Path) -> None:
    """The probability in the CSV is the one that the figures were computed from, for every photo."""
    predictor = Predictor(chain / "bundle")
    measured = read_predictions(chain / "run/evaluation")
    measured = measured[measured["laundering"] == "identity"].set_index("path")
    with (chain / "out/predictions.csv").open(newline="") as file:
        said = {f"images/{row['file']}": row for row in csv.DictReader(file)}
    assert set(said) >= set(measured.index)
    expected = calibrate(measured["logit"].to_numpy(), predictor.operating_point.temperature)
    got = np.array([float(said[path]["probability"]) for path in measured.index])
    assert got == pytest.approx(expected, abs=2e-4)
    assert {row["verdict"] for row in said.values()} <= {"altered", "no sign of alteration", "inconclusive"}


def test_every_photo_has_a_heat_map_of_its_size(chain: Path) -> None:
    rows = read_manifest(chain / "dataset")
    for path, height, width in zip(rows["path"], rows["height"], rows["width"], strict=True):
        name = Path(path).relative_to("images")
        heat_map = codec.decode(chain / f"out/heatmaps/{name}.png")
        assert heat_map.shape[:2] == (height, width)


def test_the_summary_counts_the_photos_of_the_test_fold(chain: Path) -> None:
    rows = read_manifest(chain / "dataset")
    test = rows[rows["fold"] == Fold.TEST]
    summary = read_summary(chain / "run/evaluation")
    assert summary.photos == test["edit"].value_counts().to_dict()
    assert (chain / "run/evaluation/report.html").stat().st_size > 10_000
