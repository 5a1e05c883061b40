import shutil

import numpy as np
import pytest
from tests.evaluation.conftest import NAMES, SUITE, CheckerScorer
from tests.evaluation.made import summarized
from tests.helpers import make_dataset

from falseflaw.dataset.manifest import MANIFEST_NAME, read_manifest, write_manifest
from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.evaluation.figures.calibration import read_operating_point
from falseflaw.evaluation.figures.groups import MIXTURE
from falseflaw.evaluation.figures.measure import prepare
from falseflaw.evaluation.figures.summary import read_summary
from falseflaw.evaluation.prediction import predict as prediction
from falseflaw.evaluation.prediction.predictions import read_predictions
from falseflaw.evaluation.prediction.selection import select_sources
from falseflaw.evaluation.report.gallery import pick
from falseflaw.evaluation.run import evaluate
from falseflaw.evaluation.settings import EvaluationSettings
from falseflaw.evaluation.target import DetectorUnderTest
from falseflaw.imaging import codec
from falseflaw.types import Edit, OperatingPoint


def run(dataset, output, suite=SUITE, point=None, **options):
    settings = EvaluationSettings(**{"progress": False} | options)
    return evaluate(DetectorUnderTest(CheckerScorer(), point), dataset, suite, output, settings)


@pytest.fixture(scope="module")
def folder(dataset, tmp_path_factory):
    output = tmp_path_factory.mktemp("evaluation")
    run(dataset, output, calibrate_on=NAMES, replicates=40, examples=2, suite_name="tiny <&>",
        command="falseflaw evaluate")  # fmt: skip
    return output


@pytest.mark.slow
def test_writes_all_it_promises_and_nothing_else(folder) -> None:
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    drawn = ("roc", "reliability", "robustness", "saving", "scores", "severity_jpeg", "severity_resize")
    figures = {f"figures/{name}.png" for name in drawn}
    assert names == {"predictions.parquet", "operating_point.json", "summary.json", "report.html"} | figures
    for name in figures:
        image = codec.decode(folder / name)
        assert min(image.shape[:2]) > 300
        assert image.std() > 5


def test_figures_come_from_predictions_and_operating_point_alone(folder) -> None:
    point, fitted = read_operating_point(folder / "operating_point.json")
    stored = read_summary(folder)
    again = summarized(read_predictions(folder), point, 40, provenance=stored.provenance, fitted=fitted)
    assert again == stored
    assert fitted.launderings == NAMES


def test_of_the_val_fold_only_what_calibrates_is_predicted(folder) -> None:
    rows = read_predictions(folder)
    val, test = rows[rows["fold"] == "val"], rows[rows["fold"] == "test"]
    assert set(val["edit"]) == set(MIXTURE) & set(test["edit"]) < set(test["edit"])


def test_provenance_names_model_data_and_versions(folder) -> None:
    provenance = read_summary(folder).provenance
    assert provenance.model["sha256"] == CheckerScorer().fingerprint
    assert provenance.dataset_config_hash == ("tiny",)
    assert provenance.generators == ("checker", "twin")
    assert provenance.command == "falseflaw evaluate"
    assert provenance.versions["numpy"] == np.__version__
    assert len(provenance.suite.launderings) == 3


def test_a_given_operating_point_is_not_refitted_and_val_not_touched(dataset, tmp_path) -> None:
    point = OperatingPoint(1.5, 0.7, 0.2, 33)
    summary = run(dataset, tmp_path, SUITE[:1], point, calibrate_on=NAMES, replicates=10, examples=0)
    assert summary.operating_point.image_threshold == 0.7
    assert read_operating_point(tmp_path / "operating_point.json") == (point, None)
    assert set(read_predictions(tmp_path)["fold"]) == {"test"}
    assert "was not refitted" in (tmp_path / "report.html").read_text()


def test_limit_is_obeyed_and_told(dataset, tmp_path) -> None:
    summary = run(dataset, tmp_path, SUITE[:1], calibrate_on=NAMES[:1], limit_sources=2,
                  replicates=10, examples=1)  # fmt: skip
    assert summary.sources == 2
    assert summary.provenance.limit_sources == 2
    assert "Only 2 sources" in (tmp_path / "report.html").read_text()


def test_the_fold_that_is_fitted_on_may_have_a_limit_of_its_own(dataset, tmp_path) -> None:
    summary = run(dataset, tmp_path, SUITE[:1], calibrate_on=NAMES[:1], limit_sources=1,
                  fitted_sources=2, replicates=10, examples=0)  # fmt: skip
    assert (summary.sources, summary.fitted.sources) == (1, 2)
    assert summary.provenance.fitted_sources == 2


@pytest.mark.slow
def test_only_the_named_edits_are_scored_and_it_is_told(dataset, tmp_path) -> None:
    edits = (str(Edit.SIMULATED_DAMAGE), str(Edit.SPLICED), str(Edit.HAND_CLONED))
    summary = run(dataset, tmp_path, SUITE[:1], calibrate_on=NAMES[:1], edits=edits,
                  replicates=10, examples=0)  # fmt: skip
    assert set(read_predictions(tmp_path)["edit"]) == set(edits)
    assert summary.photos == dict.fromkeys(edits, 3)
    assert summary.provenance.edits == edits
    with pytest.raises(ConfigurationError, match="got 'glued'") as caught:
        run(dataset, tmp_path, calibrate_on=NAMES, edits=("glued",))
    assert "\n" not in str(caught.value)


def test_minutes_leave_sources_out_and_it_is_told_with_the_command_that_gives_the_same(
    dataset, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(prediction, "_CHUNK", 5)
    options = {"calibrate_on": NAMES[:1], "replicates": 10, "examples": 1, "command": "falseflaw evaluate"}
    cut = run(dataset, tmp_path / "cut", SUITE[:2], minutes=1e-9, **options)
    assert (cut.sources, cut.provenance.left_out, cut.fitted.sources) == (2, 1, 3)
    assert "The minutes are over: 1 of 3 sources are left out" in (tmp_path / "cut/report.html").read_text()
    assert cut.provenance.command == "falseflaw evaluate limit_sources=2 fitted_sources=3"
    limited = run(dataset, tmp_path / "limited", SUITE[:2], limit_sources=2, fitted_sources=3, **options)
    assert (limited.launderings, limited.photos) == (cut.launderings, cut.photos)
    assert limited.operating_point == cut.operating_point
    assert read_summary(tmp_path / "cut") == cut
    later = run(dataset, tmp_path / "cut", SUITE[:2], **options)
    assert (later.sources, later.provenance.left_out) == (3, 0)
    assert "left out" not in (tmp_path / "cut/report.html").read_text()


def test_minutes_too_few_to_compare_anything_are_one_line(dataset, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(prediction, "_CHUNK", 5)
    shutil.copytree(dataset, tmp_path / "copy")
    rows = read_manifest(dataset)
    first = select_sources(rows[rows["fold"] == "test"], 2)["source_id"]
    rows = rows[~rows["source_id"].isin(first) | (rows["edit"] == Edit.AUTHENTIC)]
    write_manifest(rows, tmp_path / "copy" / MANIFEST_NAME)
    options = {"calibrate_on": NAMES[:1], "replicates": 10, "examples": 0}
    with pytest.raises(InvalidDataError, match="got authentic of 2 sources; run it again") as raised:
        run(tmp_path / "copy", tmp_path / "out", SUITE[:1], minutes=1e-9, **options)
    assert "\n" not in str(raised.value)
    assert run(tmp_path / "copy", tmp_path / "out", SUITE[:1], **options).sources == 3


def test_errors_come_before_work(dataset, tmp_path) -> None:
    for name in ("limit_sources", "fitted_sources", "batch_size", "replicates"):
        with pytest.raises(ConfigurationError, match=name):
            run(dataset, tmp_path, calibrate_on=NAMES, **{name: 0})
    with pytest.raises(MissingDataError, match="falseflaw synthesize"):
        run(tmp_path / "none", tmp_path, calibrate_on=NAMES)
    with pytest.raises(ConfigurationError, match="expected minutes above 0"):
        run(dataset, tmp_path, calibrate_on=NAMES, minutes=0)
    small = make_dataset(tmp_path / "small", sources=4)
    rows = read_manifest(small)
    write_manifest(rows[rows["fold"] != "val"], small / MANIFEST_NAME)
    with pytest.raises(InvalidDataError, match="val fold"):
        run(small, tmp_path, calibrate_on=NAMES)


def test_gallery_picks_one_per_source(folder) -> None:
    point, _ = read_operating_point(folder / "operating_point.json")
    rows = prepare(read_predictions(folder), point)
    rows = rows[(rows["label"] == 1) & (rows["laundering"] == "identity")]
    highest, lowest = pick(rows, 3, highest=True), pick(rows, 3, highest=False)
    assert highest["source_id"].is_unique
    assert highest["logit"].max() == rows["logit"].max()
    assert lowest["logit"].min() == rows["logit"].min()
