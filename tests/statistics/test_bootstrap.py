import numpy as np
import pytest
from scipy import stats

from falseflaw.statistics.bootstrap import Bootstrap, Estimate, clopper_pearson, difference, rate
from falseflaw.statistics.metrics import auroc, mean


@pytest.mark.parametrize(("count", "total"), [(0, 143), (1, 10), (5, 10), (10, 10), (37, 412)])
def test_clopper_pearson_agrees_with_scipy(count: int, total: int) -> None:
    expected = stats.binomtest(count, total).proportion_ci(0.95, method="exact")
    assert clopper_pearson(count, total) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_clopper_pearson_of_none_is_the_rule_of_three_and_a_half() -> None:
    assert clopper_pearson(0, 143)[1] == pytest.approx(1 - 0.025 ** (1 / 143))
    assert clopper_pearson(0, 0) == (0.0, 1.0)


def test_weights_resample_whole_sources_and_are_reproducible() -> None:
    clusters = np.array(["b", "a", "b", "c", "a", "b"])
    blocks = list(Bootstrap(clusters, 230, seed=3).weights())
    weights = np.concatenate(blocks)
    assert weights.shape == (230, 6)
    assert np.array_equal(weights[:, 0], weights[:, 2])
    assert np.array_equal(weights[:, 1], weights[:, 4])
    assert (weights[:, 0] + weights[:, 1] + weights[:, 3] == 3).all()
    assert weights.std(axis=0).min() > 0
    assert np.array_equal(weights, np.concatenate(list(Bootstrap(clusters, 230, seed=3).weights())))
    assert not np.array_equal(weights, np.concatenate(list(Bootstrap(clusters, 230, seed=4).weights())))


def test_interval_of_a_mean_agrees_with_the_formula() -> None:
    values = np.random.default_rng(0).normal(size=400)
    found = Bootstrap(np.arange(400), 2000).estimate({"mean": lambda weights: mean(values, weights)})["mean"]
    half = 1.96 * values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert found.lo == pytest.approx(values.mean() - half, abs=0.15 * half)
    assert found.hi == pytest.approx(values.mean() + half, abs=0.15 * half)
    assert found.n == 400


def test_copies_of_a_source_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(1)
    labels = np.tile([0, 1], 40)
    scores = rng.normal(size=80) + labels
    sources = np.repeat(np.arange(40), 2)

    def width(times: int, clustered: bool) -> float:
        many, truth = np.tile(scores, times), np.tile(labels, times)
        clusters = np.tile(sources, times) if clustered else np.arange(80 * times)
        found = Bootstrap(clusters, 600).estimate({"auroc": lambda weights: auroc(many, truth, weights)})
        return found["auroc"].hi - found["auroc"].lo

    assert width(9, clustered=True) == pytest.approx(width(1, clustered=True))
    assert width(9, clustered=False) < 0.5 * width(1, clustered=True)


def test_interval_of_auroc_agrees_with_hanley_and_mcneil() -> None:
    rng = np.random.default_rng(2)
    labels = np.r_[np.zeros(150), np.ones(150)].astype(int)
    scores = rng.normal(size=300) + labels
    found = Bootstrap(np.arange(300), 1000).estimate({"a": lambda weights: auroc(scores, labels, weights)})[
        "a"
    ]
    a = found.value
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    error = np.sqrt((a * (1 - a) + 149 * (q1 - a * a) + 149 * (q2 - a * a)) / 150**2)
    assert (found.hi - found.lo) / 2 == pytest.approx(1.96 * error, rel=0.15)


def test_rate_chooses_the_interval_that_fits() -> None:
    alone = rate(np.r_[np.ones(2, bool), np.zeros(48, bool)], np.arange(50))
    assert (alone.lo, alone.hi) == clopper_pearson(2, 50)
    none = rate(np.zeros(100, bool), np.repeat(np.arange(50), 2))
    assert (none.lo, none.hi) == clopper_pearson(0, 50)
    every = rate(np.ones(100, bool), np.repeat(np.arange(50), 2))
    assert (every.lo, every.hi) == clopper_pearson(50, 50)
    pairs = rate(np.tile([True, False], 50), np.repeat(np.arange(50), 2))
    assert (pairs.lo, pairs.hi) == (0.5, 0.5)  # each source holds one of each
    empty = rate(np.zeros(0, bool), np.zeros(0))
    assert empty.value is None
    assert empty.n == 0


def test_resamples_without_a_class_are_left_out() -> None:
    scores, labels = np.arange(4.0), np.array([0, 0, 0, 1])
    found = Bootstrap(np.arange(4), 500).estimate({"a": lambda weights: auroc(scores, labels, weights)})["a"]
    assert found.value == 1
    assert found.lo == found.hi == 1
    none = Bootstrap(np.arange(2), 50).estimate({"a": lambda w: auroc(np.arange(2.0), np.zeros(2), w)})["a"]
    assert none.value is None
    assert none.lo is None


def test_difference_is_newcombes_for_wilsons_intervals() -> None:
    """Newcombe (1998), table II (a), method 10: 56 of 70 against 48 of 80 is 0.0524 to 0.3339."""

    def wilson(count: int, total: int) -> Estimate:
        found = stats.binomtest(count, total).proportion_ci(0.95, method="wilson")
        return Estimate(count / total, found.low, found.high, total)

    found = difference(wilson(56, 70), wilson(48, 80))
    assert found.value == pytest.approx(0.2)
    assert (found.lo, found.hi) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    assert found.n == 150
    unknown = Estimate(None, None, None, 0)
    assert difference(unknown, wilson(1, 2)).value is None


def test_a_curve_is_what_its_points_are() -> None:
    values = np.random.default_rng(3).normal(size=(40, 5))
    clusters = np.repeat(np.arange(20), 2)
    curve = Bootstrap(clusters, 200).curve(lambda weights: mean(values, weights))
    for index in range(5):
        column = values[:, index]
        point = Bootstrap(clusters, 200).estimate({"m": lambda weights, column=column: mean(column, weights)})
        assert [ends[index] for ends in curve] == pytest.approx(
            [point["m"].value, point["m"].lo, point["m"].hi]
        )
