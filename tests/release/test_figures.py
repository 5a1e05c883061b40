"""Photos of an evaluation, judged again."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from tests.helpers import make_dataset

from falseflaw.cli.main import main
from falseflaw.errors import FalseFlawError
from falseflaw.release.figures import judge_again

TINY = ["laundering=smoke", "replicates=20", "examples=1", "progress=false", "workers=0"]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("figures") / "dataset")


@pytest.fixture(scope="module")
def measured(small_bundle: Path, dataset: Path) -> Path:
    """The evaluation of the small bundle."""
    output = dataset.parent / "evaluation"
    assert main(["evaluate", f"bundle={small_bundle}", f"dataset={dataset}", f"output={output}", *TINY]) == 0
    return output


@pytest.fixture
def evaluation(measured: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(measured, tmp_path / "evaluation"))


def test_a_bundle_answers_as_it_was_measured(small_bundle: Path, dataset: Path, evaluation: Path) -> None:
    text = judge_again(small_bundle, dataset, evaluation, sources=1)
    assert "of 1 sources judged again" in text
    assert "AUROC" in text
    assert "pixel F1" in text
    assert "\n" not in text


def change(evaluation: Path, **columns: object) -> None:
    path = evaluation / "predictions.parquet"
    pd.read_parquet(path).assign(**columns).to_parquet(path)


def test_other_answers_are_told(small_bundle: Path, dataset: Path, evaluation: Path) -> None:
    change(evaluation, logit=lambda rows: rows["logit"] + 0.1)
    with pytest.raises(FalseFlawError, match=r"expected probability 0\.\d+ for images/") as caught:
        judge_again(small_bundle, dataset, evaluation, sources=1)
    assert "\n" not in str(caught.value)


def test_another_verdict_is_told(small_bundle: Path, dataset: Path, evaluation: Path) -> None:
    change(evaluation, too_small=True)  # whatever they were, they become inconclusive
    with pytest.raises(FalseFlawError, match="expected the verdict inconclusive for images/"):
        judge_again(small_bundle, dataset, evaluation, sources=1)


def test_other_heat_maps_are_told(small_bundle: Path, dataset: Path, evaluation: Path) -> None:
    everywhere = [0] * 255 + [1000]
    change(
        evaluation,
        positive_histogram=lambda rows: [everywhere] * len(rows),
        negative_histogram=lambda rows: [[1000] + [0] * 255] * len(rows),
    )
    with pytest.raises(FalseFlawError, match=r"pixel F1|verdict"):
        judge_again(small_bundle, dataset, evaluation, sources=1)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda summary: summary["provenance"]["model"].update(sha256="1" * 64), "got one of bundle 1111"),
        (lambda summary: summary["operating_point"].update(temperature=7.0), "operating point"),
    ],
)
def test_an_evaluation_of_something_else_is_refused(
    small_bundle: Path, dataset: Path, evaluation: Path, edit, words: str
) -> None:
    values = json.loads((evaluation / "summary.json").read_text())
    edit(values)
    (evaluation / "summary.json").write_text(json.dumps(values))
    with pytest.raises(FalseFlawError, match=words):
        judge_again(small_bundle, dataset, evaluation, sources=1)


def test_a_dataset_of_other_photos_is_refused(small_bundle: Path, evaluation: Path, tmp_path: Path) -> None:
    with pytest.raises(FalseFlawError, match="pass the dataset it is of"):
        judge_again(small_bundle, make_dataset(tmp_path / "other", seed=1), evaluation, sources=1)


def test_the_verb_prints_a_line_a_check(
    small_bundle: Path, dataset: Path, measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [f"bundle={small_bundle}", f"dataset={dataset}", f"evaluation={measured}", "sources=1"]
    assert main(["verify", *given]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [
        ["PASS", "sums"],
        ["PASS", "schema"],
        ["SKIPPED", "signature"],
        ["PASS", "checker"],
        ["PASS", "properties"],
        ["PASS", "weights"],
        ["PASS", "parity"],
        ["PASS", "figures"],
    ]
    assert f"4 photos of {dataset}" in lines[6]
    assert lines[-1] == f"{small_bundle} holds"
