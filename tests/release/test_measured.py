import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tests.evaluation.made import PROVENANCE, made_predictions, summarized, write_evaluation
from tests.runtime.red import POINT, info

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.evaluation.figures.summary import ComparisonSummary, write_summary
from falseflaw.release.measured import check_measured, read_evaluation, read_measured
from falseflaw.types import OperatingPoint


@pytest.fixture(scope="module")
def summary() -> ComparisonSummary:
    return summarized(made_predictions(2), POINT)


def write(folder: Path, summary: ComparisonSummary) -> Path:
    write_evaluation(folder, made_predictions(2), POINT)
    write_summary(folder, summary)
    return folder


def test_what_a_release_rests_on_is_read_whole(summary, tmp_path: Path) -> None:
    assert read_evaluation(write(tmp_path, summary)) == summary


def test_a_missing_evaluation_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="run `falseflaw evaluate` first"):
        read_evaluation(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"temperature": 1}', "\0"])
@pytest.mark.parametrize("name", ["operating_point.json", "summary.json"])
def test_a_damaged_evaluation_is_one_line(summary, tmp_path: Path, name: str, text: str) -> None:
    (write(tmp_path, summary) / name).write_text(text)
    with pytest.raises(InvalidDataError, match=name) as caught:
        read_evaluation(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["launderings", "pooled", "photos", "comparison", "operating_point"])
def test_a_missing_key_is_named(summary, tmp_path: Path, key: str) -> None:
    path = write(tmp_path, summary) / "summary.json"
    values = json.loads(path.read_text())
    del values[key]
    path.write_text(json.dumps(values))
    with pytest.raises(InvalidDataError, match=f"'{key}' is missing"):
        read_evaluation(tmp_path)


def test_figures_of_other_thresholds_are_refused(summary, tmp_path: Path) -> None:
    other = OperatingPoint(**(asdict(POINT) | {"image_threshold": 0.95}))
    with pytest.raises(InvalidDataError, match="one operating point"):
        read_evaluation(write(tmp_path, replace(summary, operating_point=other)))


def test_an_evaluation_is_of_its_checkpoint_or_its_network(summary, tmp_path: Path) -> None:
    measured = read_measured(write(tmp_path, summary))
    sha256 = PROVENANCE.model["sha256"]
    check_measured(measured, info(checkpoint_sha256=sha256), (), tmp_path)
    check_measured(measured, info(), [sha256], tmp_path)
    with pytest.raises(InvalidDataError, match="of another model"):
        check_measured(measured, info(), ["a" * 64], tmp_path)


def test_an_unknown_checkpoint_is_no_evaluation_of_an_unknown_model(summary, tmp_path: Path) -> None:
    nameless = replace(summary, provenance=replace(PROVENANCE, model={"kind": "checkpoint", "sha256": ""}))
    with pytest.raises(InvalidDataError, match="of another model"):
        check_measured(read_measured(write(tmp_path, nameless)), info(checkpoint_sha256=""), (), tmp_path)


def test_a_bundle_with_other_thresholds_is_told(summary, tmp_path: Path) -> None:
    measured = read_measured(write(tmp_path, summary))
    moved = info(
        checkpoint_sha256=PROVENANCE.model["sha256"], operating_point=replace(POINT, temperature=3.0)
    )
    with pytest.raises(InvalidDataError, match="at the thresholds of the bundle"):
        check_measured(measured, moved, (), tmp_path)


def test_other_photos_are_held_to_the_same_model(summary, tmp_path: Path) -> None:
    folder = write(tmp_path, summary)
    (folder / "other_evaluations/strangers").mkdir(parents=True)
    other = replace(summary, provenance=replace(PROVENANCE, model=PROVENANCE.model | {"sha256": "e" * 64}))
    write_summary(folder / "other_evaluations/strangers", other)
    with pytest.raises(InvalidDataError, match=r"strangers.* of another model"):
        check_measured(read_measured(folder), info(checkpoint_sha256="f" * 64), (), folder)
