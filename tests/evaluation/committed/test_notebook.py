"""What the notebooks say in words and tables."""

import pytest
from sklearn.metrics import roc_auc_score
from tests.evaluation.made import made_predictions, summarized, write_evaluation

from falseflaw.evaluation.committed import notebook
from falseflaw.evaluation.figures.summary import POOLED, Subset, write_summary
from falseflaw.evaluation.report.sentences import complement
from falseflaw.statistics.bootstrap import Share
from falseflaw.types import Edit, OperatingPoint


def share(value, lo=None, hi=None) -> Share:
    return Share(value, lo, hi, 10, 0)


def test_shares_as_text() -> None:
    assert notebook.percent(share(0.9876, 0.95, 1.0)) == "98.8 % [95.0, 100.0]"
    assert notebook.percent(share(0.5)) == "50.0 %"
    assert notebook.percent(share(None)) == "–"
    assert notebook.share_text(share(0.012, 0.0, 0.03), 1000) == "12 [0, 30]"
    assert notebook.percent(complement(share(0.75))) == "25.0 %"
    assert notebook.percent(complement(share(0.75, 0.5, 0.9))) == "25.0 % [10.0, 50.0]"


def test_words_for_launderings() -> None:
    assert [notebook.under(name) for name in ("identity", "jpeg80", POOLED)] == [
        "untouched",
        "under jpeg80",
        "all launderings pooled",
    ]


def test_extremes_are_of_groups_with_sources_enough() -> None:
    rows = [
        Subset(name, sources, share(None), share(value), share(None), share(None))
        for name, sources, value in (
            ("a", 9, 0.5),
            ("b", 9, 0.9),
            ("c", 9, 0.2),
            ("d", 4, 0.1),
            ("e", 9, None),
        )
    ]
    best, worst = notebook.extremes(rows, "tpr")
    assert (best.name, worst.name) == ("b", "c")
    assert notebook.extremes(rows[:1] + rows[3:], "tpr") is None


def test_reads_an_evaluation_without_facts_and_pairs_its_launderings(tmp_path, monkeypatch) -> None:
    predictions = made_predictions(sources=12, launderings=("identity", "jpeg80", "webp80"))
    point = OperatingPoint()
    write_evaluation(tmp_path, predictions, point)
    write_summary(tmp_path, summarized(predictions, point, 20))
    monkeypatch.setenv("FALSEFLAW_EVALUATION", str(tmp_path))
    found = notebook.read()
    assert not found.whole
    assert found.audit is None
    assert len(found.facts) == len(found.rows) / 3 == 48
    losses = notebook.losses(found, replicates=20)
    assert list(losses.evaluations) == ["identity", "jpeg80", "webp80"]
    compared = predictions[predictions["edit"] != str(Edit.AUTHENTIC)]
    expected = compared.groupby("laundering", sort=False).apply(
        lambda part: roc_auc_score(part["label"], part["logit"]), include_groups=False
    )
    steps = losses.pooled.metrics["auroc"].differences
    assert steps[0] is None
    for index, name in ((1, "jpeg80"), (2, "webp80")):
        assert steps[index].value == pytest.approx(expected[name] - expected["identity"])
