import numpy as np
import pandas as pd
import pytest

from falseflaw.errors import ConfigurationError
from falseflaw.evaluation.figures import cost
from falseflaw.evaluation.figures.cost import CostAssumptions, savings
from falseflaw.types import OperatingPoint

POINT = OperatingPoint(1.0, 0.6, 0.3, 128)
SHOP = CostAssumptions(claim_value=40.0, fraud_share=0.1, wrong_refusal=25.0)


def claims(probability, label, marked=True, group=None, laundering="identity") -> pd.DataFrame:
    names = np.arange(len(label)).astype(str) if group is None else group
    return pd.DataFrame(
        {
            "probability": np.asarray(probability, dtype=float),
            "label": label,
            "marked": marked,
            "too_small": False,
            "group": names,
            "laundering": laundering,
        }
    )


def by_hand() -> pd.DataFrame:
    """Of four fakes three reach the threshold, one of them without a mark; of five honest claims one does."""
    probability = [0.9, 0.7, 0.65, 0.2, 0.8, 0.5, 0.4, 0.1, 0.0]
    marked = [True, True, False, True, True, True, True, True, True]
    return claims(probability, [1] * 4 + [0] * 5, marked)


def test_saving_by_hand() -> None:
    found = savings(by_hand(), POINT, SHOP, replicates=50)
    (entry,) = found.launderings.values()
    # 1,000 claims: 100 fakes, half of them refused, 40 each; 900 honest, a fifth refused, 25 each.
    assert entry.saving.value == pytest.approx(50 * 40 - 180 * 25)
    assert entry.saving.n == 9
    # At break-even, s * 0.5 * 40 = (1 - s) * 0.2 * 25.
    assert entry.break_even_fraud_share.value == pytest.approx(5 / 25)
    even = CostAssumptions(40.0, 5 / 25, 25.0)
    again = savings(by_hand(), POINT, even, replicates=50)
    assert again.pooled.saving.value == pytest.approx(0)
    assert found.pooled == entry


def test_the_curve_follows_counting_and_holds_the_shipped_point() -> None:
    rng = np.random.default_rng(0)
    label = (rng.random(300) < 0.5).astype(int)
    rows = claims(rng.beta(2 + 3 * label, 3), label, rng.random(300) < 0.9)
    found = savings(rows, POINT, SHOP, replicates=50)
    curve, thresholds = found.pooled.curve, found.thresholds
    assert len(thresholds) == cost.THRESHOLDS == len(curve.saving)
    assert list(thresholds) == sorted(thresholds)
    for threshold, value in zip(thresholds, curve.saving, strict=True):
        refused = rows[(rows["probability"] >= threshold) & rows["marked"]]
        fakes = (refused["label"] == 1).sum() / (label == 1).sum()
        honest = (refused["label"] == 0).sum() / (label == 0).sum()
        assert value == pytest.approx(100 * fakes * 40 - 900 * honest * 25, abs=0.006)
    shipped = found.pooled.saving
    place = thresholds.index(POINT.image_threshold)
    assert [ends[place] for ends in (curve.saving, curve.lo, curve.hi)] == pytest.approx(
        [shipped.value, shipped.lo, shipped.hi], abs=0.006
    )


def test_interval_agrees_with_the_formula_of_two_independent_shares() -> None:
    """Fakes and honest claims of other sources: the variances of the two shares add up."""
    label = np.repeat([1, 0], 400)
    probability = np.r_[np.tile([0.9, 0.9, 0.9, 0.1], 100), np.tile([0.9] + [0.1] * 9, 40)]
    found = savings(claims(probability, label), POINT, SHOP, replicates=2000).pooled.saving
    error = np.hypot(100 * 40 * np.sqrt(0.75 * 0.25 / 400), 900 * 25 * np.sqrt(0.1 * 0.9 / 400))
    assert (found.hi - found.lo) / 2 == pytest.approx(1.96 * error, rel=0.1)


def test_copies_of_a_source_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(1)
    rows = claims(rng.random(80), np.tile([0, 1], 40), group=np.repeat(np.arange(40), 2).astype(str))
    one, many = (savings(frame, POINT, SHOP, replicates=300) for frame in (rows, pd.concat([rows] * 7)))
    assert one.pooled.saving.lo == pytest.approx(many.pooled.saving.lo)
    assert one.pooled.saving.hi == pytest.approx(many.pooled.saving.hi)


def test_without_a_false_alarm_the_pessimistic_saving_allows_for_some() -> None:
    rows = claims(np.repeat([0.9, 0.1], 50), np.repeat([1, 0], 50))
    entry = savings(rows, POINT, SHOP, replicates=50).pooled
    assert entry.saving.lo == entry.saving.hi == pytest.approx(4000)
    bound = 1 - 0.025 ** (1 / 50)  # Clopper and Pearson for 0 of 50, and the mirror image for 50 of 50
    assert entry.pessimistic == pytest.approx(100 * 40 * (1 - bound) - 900 * 25 * bound)


def test_inconclusive_claims_are_paid() -> None:
    """Between the thresholds, and above the upper one without a marked region."""
    quiet = claims([0.5, 0.9, 0.5, 0.9], [1, 1, 0, 0], [True, False, True, False])
    entry = savings(quiet, POINT, SHOP, replicates=20).pooled
    assert entry.saving.value == 0
    assert entry.break_even_fraud_share.value is None


def test_photos_that_are_too_small_are_paid() -> None:
    rows = by_hand().assign(too_small=True)
    assert savings(rows, POINT, SHOP, replicates=20).pooled.saving.value == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"fraud_share": 1.5}, "expected cost.fraud_share from 0 to 1, got 1.5"),
        ({"claim_value": -1}, "expected cost.claim_value of at least 0, got -1"),
        ({"wrong_refusal": float("nan")}, "expected cost.wrong_refusal of at least 0, got nan"),
        ({"wrong_refusal": "dear"}, "got 'dear'"),
    ],
)
def test_assumptions_out_of_range_are_one_line(values, message) -> None:
    with pytest.raises(ConfigurationError, match=message):
        CostAssumptions(**values)
