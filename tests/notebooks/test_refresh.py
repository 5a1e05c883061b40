"""scripts/run refresh-results evaluates, executes and writes README, and refuses what it cannot use."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from falseflaw.evaluation.committed.committed import read_audit, read_facts
from falseflaw.evaluation.figures.summary import read_summary, write_summary
from falseflaw.types import MATCHED

ROOT = Path(__file__).resolve().parents[2]
NAMES = {"summary.json", "operating_point.json", "predictions.parquet", "minutes.json"}
OF_DATASET = {"dataset.parquet", "audit.json"}


def refresh(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "scripts" / "documents" / "refresh_results.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=280, check=False, cwd=root)


def answer_of(root: Path) -> str:
    cells = nbformat.read(root / "notebooks" / "01_dataset.ipynb", as_version=4).cells
    return "".join(item.get("text", "") for item in cells[-1].outputs)


@pytest.mark.slow
def test_takes_over_a_finished_evaluation_executes_and_rewrites_the_readme(
    clone, evaluation, others, fresh_home
) -> None:
    done = refresh(clone, str(evaluation.parent), f"other_evaluations={','.join(map(str, others))}")
    assert done.returncode == 0, done.stderr
    committed = clone / "notebooks" / "reference"
    assert {path.name for path in committed.iterdir()} == NAMES | OF_DATASET | {"other_evaluations"}
    for name in ("summary.json", "operating_point.json", "predictions.parquet"):
        assert (committed / name).read_bytes() == (evaluation / name).read_bytes()
    for folder, name in zip(others, ("real_damage", "browser"), strict=True):
        held = committed / "other_evaluations" / name
        assert [path.name for path in held.iterdir()] == ["summary.json"]
        assert read_bytes(held) == read_bytes(folder)
    short = (clone / "README.md").read_text()
    assert short.startswith("# A\n<!-- results:begin -->\n| photo | AUROC |")
    text = (clone / "docs" / "results.md").read_text()
    assert text.startswith("# A\n<!-- results:begin -->\n| laundering | AUROC |")
    assert text.endswith("<!-- figures:end -->\nB\n")
    assert "stale" not in text + short
    assert "`falseflaw evaluate run=x` on tiny photos" in text
    # The script measures what it ran, and an evaluation that it only took over it did not.
    rows = {row["figure"]: row["minutes"] for row in json.loads((committed / "minutes.json").read_text())}
    assert rows["table of results, `notebooks/reference/`"] is None
    assert rows["`notebooks/*.ipynb`"] >= 0
    # Real damage is shown by one notebook, screenshots by another.
    assert {"real damage, `04_errors`", "browser, `03_robustness`"} <= rows.keys()
    assert "| table of results, `notebooks/reference/` | `falseflaw evaluate run=x` | – |" in text
    assert "color tell more than chance" in answer_of(clone)

    # Another evaluation, whose dataset is not at hand, leaves no facts of this dataset behind.
    elsewhere = clone / "other"
    shutil.copytree(evaluation, elsewhere)
    summary = read_summary(elsewhere)
    provenance = replace(summary.provenance, dataset="gone", dataset_config_hash=("other",))
    write_summary(elsewhere, replace(summary, provenance=provenance))
    done = refresh(clone, str(elsewhere))
    assert done.returncode == 0, done.stderr
    assert "pass dataset=FOLDER" in done.stdout
    assert not OF_DATASET & {path.name for path in committed.iterdir()}
    assert answer_of(clone).startswith("Not answered here")


def read_bytes(folder: Path) -> bytes:
    return (folder / "summary.json").read_bytes()


def first_row(committed: Path) -> dict[str, object]:
    return next(
        row
        for row in json.loads((committed / "minutes.json").read_text())
        if "table of results" in row["figure"]
    )


@pytest.mark.slow
def test_evaluates_the_bundle_in_one_go(clone, dataset, others, fresh_home, monkeypatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    (clone / "checkpoints/detectors").mkdir(parents=True)
    (clone / "checkpoints/detectors/reference").symlink_to(ROOT / "checkpoints/detectors/reference")
    (clone / "data").symlink_to(dataset.parent)
    arguments = (
        "run=runs/x", "dataset=data/tiny", "laundering=smoke", "limit_sources=2", "replicates=20",
        "workers=0", "threads=1", "progress=false",
    )  # fmt: skip
    done = refresh(clone, *arguments)
    assert done.returncode == 0, done.stderr
    committed = clone / "notebooks" / "reference"
    summary = read_summary(committed)
    assert summary.sources == 2
    assert summary.provenance.model["kind"] == "bundle"
    assert [entry.name for entry in summary.launderings] == ["identity", "jpeg80"]
    report = clone / "runs/x/evaluation_standard/report.html"
    assert "notebooks/reference/other_evaluations/real_damage" not in report.read_text()
    facts, digest = read_facts(committed)
    assert len(facts) == 12 * len(MATCHED)
    assert read_audit(committed).manifest == digest
    row = first_row(committed)
    assert row["minutes"] == round(summary.provenance.minutes, 1) >= 0
    assert row["command"] == summary.provenance.command
    assert row["command"].startswith(
        "falseflaw evaluate bundle=checkpoints/detectors/reference dataset=data/tiny"
    )
    assert "not to be committed so" not in done.stdout  # bundle, figures and facts belong together

    # Others come into its report, and what the predictions took is still told.
    done = refresh(clone, *arguments, f"other_evaluations={','.join(map(str, others))}")
    assert done.returncode == 0, done.stderr
    assert "notebooks/reference/other_evaluations/real_damage" in report.read_text()
    assert first_row(committed) == row
    assert "real_damage: model: got 0000" in done.stdout  # measured with another one


@pytest.mark.slow
def test_refuses_what_it_cannot_use(clone, evaluation, tmp_path) -> None:
    for arguments, words in (
        ([str(tmp_path)], "refresh-results: expected an evaluation with summary.json"),
        (["one", "two"], "refresh-results: expected one folder at most"),
        ([str(evaluation), "limit_sources=3"], "refresh-results: expected no overrides with"),
        (["dataset=nowhere"], "refresh-results: expected a dataset to evaluate on at nowhere"),
        ([], "refresh-results: expected an evaluation with summary.json"),
        ([str(evaluation), f"dataset={tmp_path}"], "refresh-results: expected dataset= with the config hash"),
    ):
        done = refresh(clone, *arguments)
        assert done.returncode == 1, arguments
        assert done.stderr.startswith(words), done.stderr
        assert done.stderr.count("\n") == 1
    assert "stale results" in (clone / "README.md").read_text()
    assert not (clone / "notebooks" / "reference").exists()
    assert refresh(clone, "--help").returncode == 0
