from __future__ import annotations

import pytest
from sklearn.metrics import roc_auc_score
from tests.evaluation.conftest import CheckerScorer
from tests.photos.layouts import write_pairs, write_real_damage

from falseflaw.dataset.upload import UploadSettings
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.evaluation.figures import rates
from falseflaw.evaluation.figures.measure import prepare
from falseflaw.evaluation.figures.summary import POOLED, read_any_summary, read_summary
from falseflaw.evaluation.prediction.predictions import PREDICTIONS_NAME, read_predictions
from falseflaw.evaluation.report.sentences import answer_lines
from falseflaw.evaluation.report.tables import rates_rows, scope_text, text_table
from falseflaw.evaluation.run import evaluate
from falseflaw.evaluation.settings import EvaluationSettings
from falseflaw.evaluation.target import DetectorUnderTest
from falseflaw.gathering.gather import gather
from falseflaw.imaging.laundering.base import Identity
from falseflaw.imaging.laundering.recompress import Jpeg
from falseflaw.photos.evaluation_only.inpainted_by_others import InpaintedByOthers
from falseflaw.photos.evaluation_only.real_damage import RealDamage
from falseflaw.statistics.bootstrap import clopper_pearson
from falseflaw.types import Fold, OperatingPoint

POINT = OperatingPoint(1.0, 0.5, 0.3, 40)
SUITE = (Identity(), Jpeg(80))


@pytest.fixture(scope="module")
def damage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("damage")
    source = RealDamage(write_real_damage(folder / "photos"))
    gather(source, UploadSettings(), folder / "d", progress=False)
    return folder / "d"


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    source = InpaintedByOthers(write_pairs(folder / "photos"))
    gather(source, UploadSettings(), folder / "d", progress=False)
    return folder / "d"


def run(dataset, output, **options):
    settings = EvaluationSettings(**{"replicates": 40, "progress": False} | options)
    return evaluate(DetectorUnderTest(CheckerScorer(), POINT), dataset, SUITE, output, settings)


def entry(summary, product, edit="real_damage", laundering="identity"):
    (found,) = [
        entry
        for entry in summary.rates
        if (entry.product, entry.edit, entry.laundering) == (product, edit, laundering)
    ]
    return found


def test_rates_by_product_and_edit_are_counted_in_the_predictions(damage, tmp_path):
    summary = run(damage, tmp_path)
    assert read_any_summary(tmp_path) == summary
    rows = prepare(read_predictions(tmp_path), POINT)
    assert set(rows["fold"]) == {"test"}
    assert {e.product for e in summary.rates} == {"toy", "circuit board", "garment", rates.ALL}
    assert {e.laundering for e in summary.rates} == {"identity", "jpeg80", POOLED}
    for found in summary.rates:
        subset = rows[rows["edit"] == found.edit]
        if found.product != rates.ALL:
            subset = subset[subset["product"] == found.product]
        if found.laundering != POOLED:
            subset = subset[subset["laundering"] == found.laundering]
        assert found.photos == subset["path"].nunique()
        assert found.flagged.count == subset["flagged"].sum()
        assert found.flagged.n == len(subset)
        for verdict, figure in found.verdicts.items():
            assert figure.count == (subset["verdict"] == verdict).sum()
        assert sum(figure.count for figure in found.verdicts.values()) == len(subset)
        assert found.pixel_f1 is None
    assert summary.operating_point.image_threshold == POINT.image_threshold
    assert summary.objects == 7
    assert summary.auroc == {}  # no altered photo among them
    for kind in summary.undecided:
        subset = rows[rows["edit"] == kind.population.replace(" ", "_")]
        if kind.laundering != POOLED:
            subset = subset[subset["laundering"] == kind.laundering]
        assert kind.altered.count == (subset["verdict"] == "altered").sum()


def test_intervals_are_exact_where_objects_stand_once_and_count_objects_otherwise(damage, tmp_path):
    test = entry(run(damage, tmp_path / "test"), rates.ALL)
    assert (test.photos, test.groups) == (4, 4)
    count = test.flagged.count
    assert (test.flagged.lo, test.flagged.hi) == clopper_pearson(count, 4)
    cookies = entry(run(damage, tmp_path / "val", fold=Fold.VAL), "cookie")
    assert (cookies.photos, cookies.groups) == (3, 2)
    if cookies.flagged.count == 0:
        assert cookies.flagged.hi == clopper_pearson(0, 2)[1]


def test_development_shows_no_product_of_the_final_figures(damage, tmp_path):
    summary = run(damage, tmp_path, fold=Fold.VAL)
    assert {e.product for e in summary.rates} == {"cookie"}
    assert set(read_predictions(tmp_path)["product"]) == {"cookie"}
    assert summary.fold == "val"


def test_other_peoples_fakes_have_rates_and_pixel_figures(pairs, tmp_path):
    summary = run(pairs, tmp_path)
    fakes = entry(summary, rates.ALL, "inpainted_by_others")
    assert (fakes.label, fakes.photos, fakes.groups) == (1, 3, 2)
    assert 0 <= fakes.pixel_f1.value <= 1
    assert entry(summary, rates.ALL, "authentic").photos == 3
    rows = read_predictions(tmp_path)
    for laundering, part in rows.groupby("laundering"):
        assert summary.auroc[laundering].value == pytest.approx(roc_auc_score(part["label"], part["logit"]))
    assert "AUROC of altered photos against unaltered ones, identity: " in scope_text(summary)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "figures",
        "operating_point.json",
        PREDICTIONS_NAME,
        "report.html",
        "summary.json",
    ]


def test_table_shows_the_first_laundering_and_all_pooled(damage, tmp_path):
    summary = run(damage, tmp_path)
    header, *lines = rates_rows(summary)
    assert header[:5] == ("laundering", "product", "edit", "photos", "flagged")
    assert {line[0] for line in lines} == {"identity", POOLED}
    toys = next(line for line in lines if line[1:3] == ("toy", "real_damage"))
    assert toys[3] == "2 of 2 objects"
    assert toys[4].startswith(f"{entry(summary, 'toy').flagged.count} of 2: ")
    assert len(text_table(summary).splitlines()) == 1 + len(lines)
    assert "7 objects" in scope_text(summary)


def test_thresholds_are_never_fitted_on_it(damage, tmp_path):
    def bare(point=None, **options):
        settings = EvaluationSettings(calibrate_on=("identity",), progress=False, **options)
        evaluate(DetectorUnderTest(CheckerScorer(), point), damage, SUITE, tmp_path, settings)

    with pytest.raises(InvalidDataError, match=r"got authentic, real_damage; .*operating_point="):
        bare()
    with pytest.raises(ConfigurationError, match="fold=val with thresholds that were fixed before"):
        bare(fold=Fold.VAL)
    with pytest.raises(ConfigurationError, match="got fold=train"):
        bare(POINT, fold=Fold.TRAIN)
    assert not list(tmp_path.iterdir())


def test_who_needs_a_comparison_is_told(damage, tmp_path):
    run(damage, tmp_path)
    with pytest.raises(InvalidDataError, match="got rates only"):
        read_summary(tmp_path)


def test_the_answers_come_from_photos_of_real_damage(damage, pairs, tmp_path):
    summary = run(damage, tmp_path / "damage")
    lines = answer_lines(summary)
    refused = entry(summary, rates.ALL).verdicts["altered"]
    assert lines[0].startswith(f"Of 1,000 honest buyers, {1000 * refused.value:,.0f} [")
    assert "(real damage, identity)" in lines[0]
    assert not any("fakes" in line for line in lines)
    assert [found.laundering for found in summary.parity] == ["identity", POOLED]
    assert {p.product for p in summary.parity[0].products} == {"toy", "circuit board", "garment"}
    others = run(pairs, tmp_path / "pairs")
    assert others.parity == ()
    line, left = answer_lines(others)
    assert line.startswith("Of 1,000 fakes, ")
    assert left.startswith("Of 1,000 honest photos, ")  # the originals
    assert left.endswith("called altered (authentic, identity).")
    assert entry(others, rates.ALL, "inpainted_by_others").verdicts["altered"].n == 3
