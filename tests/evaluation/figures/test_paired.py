from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from tests.evaluation.made import EDITS, made_predictions, summarized

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.evaluation.figures.measure import prepare
from falseflaw.evaluation.figures.paired import Evaluation, compare, rate_difference
from falseflaw.statistics.bootstrap import Estimate, clopper_pearson
from falseflaw.types import Edit, OperatingPoint

POINT = OperatingPoint(1.0, 0.6, 0.4, 100)


def evaluation(name: str, predictions: pd.DataFrame, point: OperatingPoint = POINT) -> Evaluation:
    return Evaluation(name, prepare(predictions, point), point)


@pytest.fixture(scope="module")
def comparison():
    weak, strong = made_predictions(strength=1.0, seed=1), made_predictions(strength=3.0, seed=2)
    return compare([evaluation("weak", weak), evaluation("strong", strong)], replicates=100)


def close(one: Estimate, other: Estimate) -> bool:
    """Whether two figures are the same, but for the order of sums."""
    return asdict(one) == pytest.approx(asdict(other))


def test_values_are_those_of_the_summaries(comparison) -> None:
    for index, (strength, seed) in enumerate(((1.0, 1), (3.0, 2))):
        summary = summarized(made_predictions(strength=strength, seed=seed), POINT, 100)
        for entry, own in zip(
            [*comparison.launderings, comparison.pooled],
            [*summary.launderings, summary.pooled],
            strict=True,
        ):
            assert entry.name == own.name
            values = {name: figures.values[index] for name, figures in entry.metrics.items()}
            names = ("auroc", "average_precision", "balanced_accuracy", "tpr", "fpr")
            assert [values[name] for name in names] == [getattr(own.headline, name) for name in names]
            assert close(values["pixel_f1"], own.pixel.f1)  # summed in another order
            assert close(values["pixel_iou"], own.pixel.iou)


def test_differences_are_taken_from_the_first(comparison) -> None:
    for entry in [*comparison.launderings, comparison.pooled]:
        for figures in entry.metrics.values():
            one, other = (value.value for value in figures.values)
            assert figures.differences[0] is None
            step = figures.differences[1]
            assert step.value == pytest.approx(other - one, abs=1e-12)
            assert step.lo - 1e-12 <= step.value <= step.hi + 1e-12
    assert comparison.pooled.metrics["auroc"].differences[1].lo > 0


@pytest.mark.slow
def test_the_interval_is_that_of_resampled_sources_with_scikit_learn() -> None:
    one, other = made_predictions(20, seed=1), made_predictions(20, strength=2.5, seed=2)
    found = compare([evaluation("a", one), evaluation("b", other)], replicates=800)
    step = found.launderings[0].metrics["auroc"].differences[1]
    rng, draws = np.random.default_rng(0), []
    frames = [
        frame[(frame["laundering"] == "identity") & (frame["edit"] != "authentic")] for frame in (one, other)
    ]
    parts = [dict(list(frame.groupby("source_id"))) for frame in frames]
    for _ in range(400):
        drawn = rng.choice(sorted(parts[0]), 20)
        many = [pd.concat([part[name] for name in drawn]) for part in parts]
        scores = [roc_auc_score(frame["label"], frame["logit"]) for frame in many]
        draws.append(scores[1] - scores[0])
    low, high = np.percentile(draws, [2.5, 97.5])
    assert (step.lo, step.hi) == pytest.approx((low, high), abs=0.2 * (high - low))


def test_pairs_are_surer_than_two_intervals_and_equal_detectors_do_not_differ() -> None:
    one, other = made_predictions(30, seed=1, noise=0.05), made_predictions(30, seed=2, noise=0.05)
    metrics = compare([evaluation("a", one), evaluation("b", other)], 300).pooled.metrics["auroc"]
    step = metrics.differences[1]
    assert step.lo <= 0 <= step.hi
    assert step.hi - step.lo < 0.5 * (metrics.values[0].hi - metrics.values[0].lo)


def test_order_of_rows_does_not_matter(comparison) -> None:
    weak, strong = made_predictions(strength=1.0, seed=1), made_predictions(strength=3.0, seed=2)
    mixed = strong.sample(frac=1, random_state=0)
    assert compare([evaluation("weak", weak), evaluation("strong", mixed)], replicates=100) == comparison


def test_each_detector_keeps_its_own_thresholds() -> None:
    rows = made_predictions()
    low, high = OperatingPoint(1.0, 0.3, 0.2, 100), OperatingPoint(1.0, 0.9, 0.2, 100)
    metrics = compare([evaluation("low", rows, low), evaluation("high", rows, high)], 50).pooled.metrics
    assert metrics["auroc"].differences[1].value == 0
    assert metrics["tpr"].differences[1].value < 0
    assert metrics["fpr"].differences[1].value < 0


def test_rates_that_never_differ_keep_an_interval() -> None:
    flags, clusters = np.zeros(20, bool), np.repeat(np.arange(10), 2)
    found = rate_difference(flags, flags, clusters, 50, 0)
    bound = clopper_pearson(0, 10)[1]
    assert (found.value, found.lo, found.hi, found.n) == (0, -bound, bound, 20)
    assert rate_difference(flags[:0], flags[:0], clusters[:0], 50, 0).value is None


def test_the_interval_of_a_rate_difference_agrees_with_the_formula_of_paired_proportions() -> None:
    """Variance of the mean of (other - one): (b + c - (b - c)^2 / n) / n^2 (McNemar 1947)."""
    one = np.r_[np.ones(60, bool), np.zeros(340, bool)]
    other = np.r_[np.ones(40, bool), np.zeros(20, bool), np.ones(50, bool), np.zeros(290, bool)]
    found = rate_difference(one, other, np.arange(400), 2000, 0)
    assert found.value == pytest.approx((50 - 20) / 400)
    error = np.sqrt(50 + 20 - 30**2 / 400) / 400
    assert (found.hi - found.lo) / 2 == pytest.approx(1.96 * error, rel=0.1)


def test_photos_without_matched_sets_are_compared_by_rates() -> None:
    edits = (Edit.REAL_DAMAGE, Edit.AUTHENTIC)
    parts = [made_predictions(edits=edits, strength=value) for value in (2.0, 3.0)]
    found = compare([evaluation("a", parts[0]), evaluation("b", parts[1])], 50)
    assert found.comparison is None
    assert set(found.pooled.metrics) == {"flagged_authentic", "flagged_real_damage"}
    values = found.pooled.metrics["flagged_real_damage"].values
    rows = prepare(parts[1], POINT)
    assert values[1].count == rows.loc[rows["edit"] == Edit.REAL_DAMAGE, "flagged"].sum()


def test_launderings_that_not_all_have_are_left_out_and_named() -> None:
    wide, narrow = (
        made_predictions(launderings=("jpeg80", "identity")),
        made_predictions(launderings=("identity",)),
    )
    found = compare([evaluation("wide", wide), evaluation("narrow", narrow)], 20)
    assert [entry.name for entry in found.launderings] == ["identity"]
    assert found.left_out == ("jpeg80",)
    other = made_predictions(launderings=("webp80",))
    with pytest.raises(
        InvalidDataError, match=r"a laundering that all evaluations have, got a: .*; b: webp80"
    ):
        compare([evaluation("a", narrow), evaluation("b", other)])


def test_other_photos_are_refused_in_a_line() -> None:
    rows = made_predictions()
    fewer = rows[rows["source_id"] != "source-3"]
    with pytest.raises(InvalidDataError) as caught:
        compare([evaluation("a", rows), evaluation("b", fewer)])
    lost = 2 * len(EDITS)
    assert f"got {len(fewer)} that a and b share, {lost} in a alone and 0 in b alone" in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(InvalidDataError, match="got 0 that a and b share"):
        compare(
            [evaluation("a", rows), evaluation("b", rows.assign(sha256="0" + rows["sha256"].str[1:] + "z"))]
        )
    with pytest.raises(ConfigurationError, match="distinct names, got a, a"):
        compare([evaluation("a", rows), evaluation("a", rows)])
