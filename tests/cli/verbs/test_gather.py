from __future__ import annotations

import json

import pytest
from tests.photos.layouts import write_pairs, write_real_damage
from tests.runtime.red import POINT, write_bundle

from falseflaw.cli.main import main
from falseflaw.dataset.manifest import read_manifest
from falseflaw.evaluation.figures.calibration import write_operating_point
from falseflaw.types import OperatingPoint

FAST = ["laundering=smoke", "replicates=20", "progress=false", "workers=0", "threads=1", "device=cpu"]


def call(capsys, *arguments):
    code = main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def photos(tmp_path, monkeypatch):
    write_real_damage(tmp_path / "photos/real_damage")
    write_pairs(tmp_path / "photos/inpainted_by_others")
    monkeypatch.setenv("FALSEFLAW_PHOTOS", str(tmp_path / "photos"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "photos"


@pytest.mark.slow
def test_gathers_evaluates_and_refuses_to_train(photos, tmp_path, capsys):
    data = tmp_path / "data/datasets/real_damage"
    code, out, err = call(capsys, "gather", "progress=false")
    assert code == 0, err
    assert out.strip() == "data/datasets/real_damage: 11 photos of 10 objects or scenes; see DATASHEET.md"
    assert "folder" not in (data / "config.yaml").read_text()
    again, out, err = call(capsys, "gather", "progress=false")
    assert again == 0, err

    bundle = write_bundle(tmp_path / "red")
    code, out, err = call(
        capsys, "evaluate", f"bundle={bundle}", f"dataset={data}", "fold=val", "output=out", *FAST
    )
    assert code == 0, err
    assert out.splitlines()[0].split()[:3] == ["laundering", "product", "edit"]
    assert "cookie" in out
    assert "toy" not in out
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["operating_point"]["image_threshold"] == POINT.image_threshold

    code, out, err = call(capsys, "train", f"dataset={data}", "logger=csv")
    assert code in {1, 2}
    assert "expected matched sets" in err.splitlines()[-1]


def test_gathers_other_peoples_fakes(photos, tmp_path, capsys):
    code, out, err = call(capsys, "gather", "others=inpainted_by_others", "output=d", "progress=false")
    assert code == 0, err
    assert "6 photos of 2 objects or scenes" in out
    assert set(read_manifest(tmp_path / "d")["fold"]) == {"test"}


@pytest.mark.slow
def test_a_checkpoint_takes_the_thresholds_of_an_earlier_evaluation(photos, tmp_path, capsys):
    import torch

    from falseflaw.models.checkpoint import save_detector_checkpoint
    from falseflaw.models.detector import Detector

    assert call(capsys, "gather", "output=d", "progress=false")[0] == 0
    torch.manual_seed(0)
    save_detector_checkpoint(Detector(), tmp_path / "run/checkpoints/best.ckpt")
    (tmp_path / "run/config.yaml").write_text("data:\n  dataset: elsewhere\n")
    point = OperatingPoint(2.0, 0.75, 0.25, 77)
    write_operating_point(tmp_path / "run/evaluation/operating_point.json", point, None)
    before = (tmp_path / "run/evaluation/operating_point.json").read_bytes()
    given = ["evaluate", "run=run", "dataset=d", "fold=val", *FAST]
    code, _, err = call(capsys, *given, "operating_point=run/evaluation")
    assert code == 0, err
    summary = json.loads((tmp_path / "run/evaluation_d/summary.json").read_text())
    assert summary["operating_point"]["mask_threshold"] == 77
    assert (tmp_path / "run/evaluation/operating_point.json").read_bytes() == before
    for arguments, message in (
        (given, "with thresholds that were fixed before"),
        ([*given, "operating_point=nowhere"], "expected an operating point at nowhere"),
        ([*given[:-6], "fold=holdout", *FAST], "expected fold=test or fold=val, got 'holdout'"),
        (["evaluate", "bundle=b", "dataset=d", "operating_point=run"], "a bundle brings its own"),
    ):
        code, _, err = call(capsys, *arguments)
        assert code in {1, 2}
        assert message in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gather", "others.folder=nowhere"], "expected the real_damage photos at nowhere"),
        (["gather", "upload_quality=[0,300]"], "expected upload_quality"),
        (["download", "photos=real_damage_intact"], "data/README.md"),
        (["download", "photos=camera_originals"], "data/README.md"),
    ],
)
def test_errors_are_one_line(arguments, message, photos, capsys):
    code, _, err = call(capsys, *arguments)
    assert code in {1, 2}
    assert message in err.splitlines()[-1]
    assert "Traceback" not in err
