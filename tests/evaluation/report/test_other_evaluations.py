import shutil
from dataclasses import replace

import pytest
from tests.evaluation.conftest import SUITE, CheckerScorer
from tests.photos.layouts import write_pairs, write_real_damage

from falseflaw.dataset.upload import UploadSettings
from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.evaluation.figures.summary import read_any_summary, read_summary
from falseflaw.evaluation.report.other_evaluations import read_other_evaluations
from falseflaw.evaluation.run import evaluate
from falseflaw.evaluation.settings import EvaluationSettings
from falseflaw.evaluation.target import DetectorUnderTest
from falseflaw.gathering.gather import gather
from falseflaw.photos.evaluation_only.inpainted_by_others import InpaintedByOthers
from falseflaw.photos.evaluation_only.real_damage import RealDamage
from falseflaw.types import OperatingPoint

POINT = OperatingPoint(1.0, 0.5, 0.3, 40)


def run(dataset, output, point=POINT, **options):
    settings = EvaluationSettings(**{"replicates": 20, "progress": False, "examples": 1} | options)
    return evaluate(DetectorUnderTest(CheckerScorer(), point), dataset, SUITE[:2], output, settings)


@pytest.fixture(scope="module")
def others(dataset, tmp_path_factory):
    """Evaluations of real damage, of fakes by others, and of other matched sets."""
    folder = tmp_path_factory.mktemp("others")
    gather(RealDamage(write_real_damage(folder / "a")), UploadSettings(), folder / "da", progress=False)
    gather(InpaintedByOthers(write_pairs(folder / "b")), UploadSettings(), folder / "db", progress=False)
    run(folder / "da", folder / "real")
    run(folder / "db", folder / "pairs")
    run(dataset, folder / "sets", OperatingPoint(1.0, 0.6, 0.3, 40))
    return [folder / name for name in ("real", "pairs", "sets")]


@pytest.mark.slow
def test_other_evaluations_stand_in_a_frame_and_change_no_figure(dataset, others, tmp_path) -> None:
    alone = run(dataset, tmp_path / "alone")
    summary = run(dataset, tmp_path / "apart", other_evaluations=tuple(map(str, others)))
    assert summary.provenance.other_evaluations == tuple(map(str, others))
    assert replace(summary, provenance=alone.provenance) == alone
    before, frame = (tmp_path / "apart/report.html").read_text().split('<section class="apart">')
    frame = frame.split("</section>")[0]
    assert "Not of the synthetic test split" in frame
    for entry in read_any_summary(others[0]).rates:
        if entry.laundering != "jpeg80":  # the first one and all pooled are shown
            assert f"<td>{entry.product}</td><td>{entry.photos}</td>" in frame
    assert frame.count("Measured at other thresholds") == 1
    assert "Really damaged products" in before
    assert "none are in here" not in before
    alone_html = (tmp_path / "alone/report.html").read_text()
    assert '<section class="apart">' not in alone_html
    assert "photos of really damaged products were not measured here" in alone_html
    assert "none are in here" in alone_html


def test_rates_have_a_report_of_their_own(others) -> None:
    html = (others[0] / "report.html").read_text()
    assert "How many of 1,000 unaltered photos (real damage) would be refused?" in html
    assert "Worst false alarms" in html
    assert "Worst misses" not in html
    assert "AUROC" not in html.split('<h2 id="limits">')[0]
    for entry in read_any_summary(others[0]).rates:
        assert f"<td>{entry.flagged.count} of {entry.flagged.n}</td>" in html
    assert "Worst misses" in (others[1] / "report.html").read_text()
    figures = {path.name for path in (others[0] / "figures").iterdir()}
    assert figures == {"severity_jpeg.png", "scores.png"}


def test_folders_that_do_not_fit_are_refused_before_work(dataset, others, tmp_path) -> None:
    with pytest.raises(MissingDataError, match="evaluation folder"):
        run(dataset, tmp_path / "out", other_evaluations=(tmp_path / "none",))
    with pytest.raises(ConfigurationError, match="distinct"):
        run(dataset, tmp_path / "out", other_evaluations=(others[0], others[0]))
    with pytest.raises(ConfigurationError, match="output"):
        read_other_evaluations([others[0]], others[0])
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingDataError, match=r"summary\.json"):
        run(dataset, tmp_path / "out", other_evaluations=(tmp_path / "empty",))
    shutil.copytree(others[0], tmp_path / "broken")
    (tmp_path / "broken/summary.json").write_text('{"rates": []}')
    with pytest.raises(InvalidDataError, match="run `falseflaw evaluate` again") as caught:
        run(dataset, tmp_path / "out", other_evaluations=(tmp_path / "broken",))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_what_keeps_figures_apart_is_named(others) -> None:
    real, pairs, sets = read_other_evaluations(others, others[0].parent)
    assert real.differences(pairs.summary) == []
    assert sets.compares
    assert not real.compares
    summary = read_summary(others[2])
    model = summary.provenance.model | {"sha256": "f" * 64}
    changed = replace(summary, fold="val", provenance=replace(summary.provenance, model=model))
    assert [text.split()[2] for text in sets.differences(changed)] == ["another", "the"]
