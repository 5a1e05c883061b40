import pytest
from falseflaw.evaluation.answers import asked
from tests.evaluation.conftest import POINT

from falseflaw.evaluation.figures.measure import prepare
from falseflaw.evaluation.figures.summary import summarize
from falseflaw.evaluation.report.tables import answer_lines
from falseflaw.statistics.bootstrap import clopper_pearson
from falseflaw.types import INPAINTED, Edit


def test_the_answers_are_counted_in_the_predictions(predictions) -> None:
    predictions = predictions.assign(
        laundering=predictions["laundering"].replace("resize_0.5", "screenshot@2x")
    )
    summary = summarize(predictions, POINT, {}, replicates=50)
    rows = prepare(predictions[predictions["fold"] == "test"], POINT)
    honest = summary["answers"]["honest_buyers"]
    assert (honest["edit"], honest["laundering"]) == ("simulated_damage", "identity")
    real = rows[(rows["edit"] == Edit.SIMULATED_DAMAGE) & (rows["laundering"] == "identity")]
    refused = int((real["verdict"] == "altered").sum())
    assert honest["refused"]["per_1000"] == pytest.approx(1000 * refused / 3)
    expected = [1000 * end for end in clopper_pearson(refused, 3)]
    assert [honest["refused"]["lo"], honest["refused"]["hi"]] == pytest.approx(expected)
    assert honest["at_image_threshold"]["count"] == real["flagged"].sum() >= refused
    fakes = summary["answers"]["fakes"]
    assert [entry["laundering"] for entry in fakes] == ["identity", "screenshot@2x"]
    for entry in fakes:
        subset = rows[(rows["laundering"] == entry["laundering"]) & rows["edit"].isin(map(str, INPAINTED))]
        for name, verdict in (("refused", "altered"), ("passed", "no sign of alteration")):
            assert entry[name]["count"] == (subset["verdict"] == verdict).sum()
        outcomes = [entry[name] for name in ("refused", "inconclusive", "passed")]
        assert sum(outcome["per_1000"] for outcome in outcomes) == pytest.approx(1000)
        assert {outcome["n"] for outcome in outcomes} == {9}


def test_the_lines_give_both_answers_and_how_sure_they_are(summary) -> None:
    lines = answer_lines(summary)
    refused = summary["answers"]["honest_buyers"]["refused"]
    shown = f"{refused['per_1000']:,.0f} [{refused['lo']:,.0f}, {refused['hi']:,.0f}]"
    assert lines[0].startswith(f"Of 1,000 honest buyers, {shown} would be refused")
    assert lines[1].endswith("left to a person (identity).")
    assert "a claim of 50" in lines[2]


def test_the_first_laundering_and_all_screenshots_are_asked_about() -> None:
    names = ["jpeg80", "screenshot", "identity", "resize_0.5+screenshot"]
    assert asked(names) == ["jpeg80", "screenshot", "resize_0.5+screenshot"]
