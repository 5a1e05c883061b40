import json
import shutil
from pathlib import Path

import pytest
import torch
from tests.helpers import make_dataset
from tests.runtime.red import POINT, write_bundle

from falseflaw.cli.main import main
from falseflaw.dataset.lineage import contributor_digests
from falseflaw.evaluation.figures.summary import read_summary
from falseflaw.evaluation.prediction.predictions import read_predictions
from falseflaw.models.checkpoint import save_detector_checkpoint
from falseflaw.models.detector import Detector

FAST = [
    "laundering=smoke",
    "replicates=20",
    "examples=1",
    "progress=false",
    "workers=0",
    "threads=1",
    "device=cpu",
]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training run as far as the verb looks at it."""
    folder = tmp_path_factory.mktemp("run")
    dataset = make_dataset(folder / "data", sources=8)
    torch.manual_seed(0)
    save_detector_checkpoint(Detector(), folder / "checkpoints" / "best.ckpt")
    (folder / "config.yaml").write_text(f"data:\n  dataset: {dataset}\n")
    return folder


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["evaluate", *arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.slow
def test_a_run_is_measured_and_the_table_printed(run_folder, capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, f"run={run_folder}", *FAST)
    assert code == 0, err
    lines = out.splitlines()
    assert lines[0].split() == ["laundering", "AUROC", "pixel", "F1", "TPR", "FPR", "honest", "inconclusive"]
    assert [line.split()[0] for line in lines[1:3]] == ["identity", "jpeg80"]
    assert lines[-1] == f"report: {run_folder / 'evaluation' / 'report.html'}"
    assert "Operating point fitted on n=4 predictions" in out
    summary = read_summary(run_folder / "evaluation")
    assert f"{summary.launderings[0].headline.auroc.value:.3f} [" in lines[1]
    assert summary.provenance.command == f"falseflaw evaluate run={run_folder} laundering=smoke replicates=20"
    assert set(read_predictions(run_folder / "evaluation")["fold"]) == {"val", "test"}
    assert list(tmp_path.iterdir()) == []  # nothing is strewn over the working folder


def test_photos_of_people_that_the_run_learnt_from_are_refused(run_folder, capsys, tmp_path) -> None:
    run = tmp_path / "run"
    shutil.copytree(run_folder / "checkpoints", run / "checkpoints")
    shutil.copyfile(run_folder / "config.yaml", run / "config.yaml")
    learnt = {"config_hash": "older", "contributors": ["tiny/person-2"]}  # now of the test fold
    (run / "provenance.json").write_text(json.dumps({"learnt_from": learnt}))
    code, _, err = call(capsys, f"run={run}", *FAST)
    assert code in {1, 2}
    assert "found 1 that it learnt from" in err.splitlines()[-1]
    assert not (run / "evaluation").exists()


def test_photos_of_people_that_a_bundle_learnt_from_are_refused(run_folder, capsys, tmp_path) -> None:
    digests = contributor_digests({"contributors": ["tiny/person-2"]})
    bundle = write_bundle(tmp_path / "red", contributors=digests)
    common = (f"dataset={run_folder / 'data'}", f"output={tmp_path / 'out'}", *FAST)
    code, _, err = call(capsys, f"bundle={bundle}", *common)
    assert code in {1, 2}
    assert "found 1 that it learnt from" in err.splitlines()[-1]
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_another_evaluation_is_shown_and_a_missing_one_named(run_folder, capsys, tmp_path) -> None:
    common = (f"bundle={write_bundle(tmp_path / 'red')}", f"dataset={run_folder / 'data'}", *FAST)
    code, _, err = call(capsys, *common, f"output={tmp_path / 'a'}", "limit_sources=1")
    assert code == 0, err
    code, _, err = call(capsys, *common, f"output={tmp_path / 'b'}", f"other_evaluations=[{tmp_path / 'a'}]")
    assert code == 0, err
    assert f"{tmp_path / 'a'}: 1 sources" in (tmp_path / "b/report.html").read_text()
    provenance = read_summary(tmp_path / "b").provenance
    assert provenance.other_evaluations == (str(tmp_path / "a"),)
    assert "other_evaluations=" not in provenance.command  # which tells how to come by the figures
    code, _, err = call(
        capsys, *common, f"output={tmp_path / 'c'}", f"other_evaluations=[{tmp_path / 'none'}]"
    )
    assert code in {1, 2}
    assert f"evaluation folder (other_evaluations) at {tmp_path / 'none'}" in err.splitlines()[-1]


@pytest.mark.slow
def test_a_bundle_keeps_its_operating_point(run_folder, capsys, tmp_path) -> None:
    bundle = write_bundle(tmp_path / "red")
    output = tmp_path / "out"
    code, out, err = call(
        capsys,
        f"bundle={bundle}",
        f"dataset={run_folder / 'data'}",
        f"output={output}",
        "limit_sources=1",
        *FAST,
    )
    assert code == 0, err
    assert "fitted" not in out
    summary = read_summary(output)
    assert summary.operating_point.image_threshold == POINT.image_threshold
    assert summary.sources == 1
    assert set(read_predictions(output)["fold"]) == {"test"}


@pytest.mark.parametrize("baseline", ["error_level_analysis", "noise_residual_variance"])
def test_a_baseline_is_fitted_on_val_as_a_detector_is(
    baseline, run_folder, capsys, monkeypatch, tmp_path
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, f"baseline={baseline}", f"dataset={run_folder / 'data'}", *FAST)
    assert code == 0, err
    assert "Operating point fitted on n=4 predictions" in out
    output = Path("runs") / f"evaluation_{baseline}"
    summary = read_summary(output)
    assert summary.provenance.model["kind"] == "baseline"
    assert summary.provenance.model["path"] == baseline
    assert f"baseline={baseline}" in summary.provenance.command
    assert set(read_predictions(output)["fold"]) == {"val", "test"}
    assert (output / "report.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected one of run=FOLDER, checkpoint=FILE, bundle=FOLDER and baseline=NAME, got none"),
        (["run=a", "checkpoint=b"], "got run and checkpoint"),
        (["checkpoint=b"], "expected dataset=FOLDER"),
        (["baseline=error_level_analysis"], "expected dataset=FOLDER"),
        (["bundle=a", "baseline=error_level_analysis"], "got bundle and baseline"),
        (["run=nowhere"], "falseflaw train"),
        (["checkpoint=nowhere", "dataset=nowhere"], "falseflaw synthesize"),
        (["laundering=none_such"], "none_such"),
        (["lim=3"], "lim"),
    ],
)
def test_errors_are_one_line_and_nonzero(arguments, message, capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = call(capsys, *arguments)
    assert code != 0
    assert message in err.splitlines()[-1]
    assert err.splitlines()[-1].startswith("falseflaw evaluate: ")
    assert "Traceback" not in err


def test_a_run_without_a_dataset_says_so(run_folder, capsys, tmp_path) -> None:
    for text, message in (("data: {}\n", "pass dataset=FOLDER"), ("data: [\n", "cannot read")):
        (tmp_path / "config.yaml").write_text(text)
        code, _, err = call(capsys, f"run={tmp_path}")
        assert code in {1, 2}
        assert message in err.splitlines()[-1]
    code, _, err = call(capsys, f"checkpoint={run_folder / 'config.yaml'}", f"dataset={run_folder / 'data'}")
    assert code in {1, 2}
    assert "checkpoint" in err.splitlines()[-1]


def test_help_shows_groups_and_keys(capsys) -> None:
    code, out, _ = call(capsys, "--help")
    assert code == 0
    assert "quick*, smoke" in out
    assert "limit_sources: null  # most sources of each fold" in out
