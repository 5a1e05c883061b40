from tests.evaluation.conftest import POINT
from tests.evaluation.made import summarized

from falseflaw.evaluation.figures.measure import prepare
from falseflaw.evaluation.report.sentences import answer_lines
from falseflaw.types import INPAINTED, Edit


def test_the_answers_are_counted_in_the_predictions(predictions) -> None:
    predictions = predictions.assign(
        laundering=predictions["laundering"].replace("resize_0.5", "screenshot@2x")
    )
    rows = prepare(predictions[predictions["fold"] == "test"], POINT)
    lines = answer_lines(summarized(predictions, POINT, 50))
    real = rows[(rows["edit"] == Edit.SIMULATED_DAMAGE) & (rows["laundering"] == "identity")]
    refused = int((real["verdict"] == "altered").sum())
    assert lines[0].startswith(f"Of 1,000 honest buyers, {1000 * refused / 3:,.0f} [")
    assert "(simulated damage, identity)" in lines[0]
    fakes = [line for line in lines if line.startswith("Of 1,000 fakes")]
    assert [line.rsplit("(")[-1] for line in fakes] == ["identity).", "screenshot@2x)."]
    for line, name in zip(fakes, ("identity", "screenshot@2x"), strict=True):
        subset = rows[(rows["laundering"] == name) & rows["edit"].isin(map(str, INPAINTED))]
        passed = (subset["verdict"] == "no sign of alteration").sum()
        assert line.startswith(f"Of 1,000 fakes, {1000 * passed / len(subset):,.0f} [")


def test_the_lines_give_both_answers_and_how_sure_they_are(summary) -> None:
    lines = answer_lines(summary)
    refused = summary.launderings[0].verdicts["simulated_damage"]["altered"]
    value, lo, hi = (f"{1000 * end:,.0f}" for end in (refused.value, refused.lo, refused.hi))
    assert lines[0].startswith(f"Of 1,000 honest buyers, {value} [{lo}, {hi}] would be refused")
    assert lines[1].endswith("left to a person (identity).")
    assert "a claim of 50" in lines[2]
    saved = summary.cost.launderings["identity"].saving
    assert f"paying every one: {saved.value:,.0f} [" in lines[2]
    left = summary.launderings[0].verdicts["simulated_damage"]["inconclusive"]
    assert lines[3].startswith(f"Of 1,000 honest photos, {1000 * left.value:,.0f} [")
    assert lines[3].endswith(" called altered (simulated damage, identity).")
