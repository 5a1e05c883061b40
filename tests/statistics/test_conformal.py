import numpy as np
import pytest

from falseflaw.statistics.conformal import clusters_needed, conformal_quantile


def alone(count: int) -> np.ndarray:
    """Every score is a cluster."""
    return np.arange(count)


@pytest.mark.parametrize(
    ("count", "rate", "rank"),
    [
        (99, 0.01, 99),
        (199, 0.01, 198),
        (100, 0.01, 100),
        (9, 0.1, 9),
        (10, 0.1, 10),
        (19, 0.1, 18),
        (3, 0.5, 2),
    ],
)
def test_of_one_score_a_cluster_it_is_the_score_of_the_known_rank(count: int, rate: float, rank: int) -> None:
    scores = np.random.default_rng(count).permutation(np.arange(1.0, count + 1))
    found = conformal_quantile(scores, alone(count), rate)
    assert found.value == rank
    assert rank == np.ceil(round((count + 1) * (1 - rate), 9))
    assert found.enough
    assert found.promised == rate


def test_too_few_clusters_promise_what_they_can() -> None:
    scores = np.random.default_rng(0).normal(size=50)
    found = conformal_quantile(scores, alone(50), 0.01)
    assert found.value == scores.max()
    assert not found.enough
    assert found.promised == pytest.approx(1 / 51)


@pytest.mark.parametrize(("rate", "count"), [(0.01, 99), (0.1, 9), (0.5, 1), (0.02, 49)])
def test_how_many_it_takes(rate: float, count: int) -> None:
    assert clusters_needed(rate) == count
    assert conformal_quantile(np.arange(count, dtype=float), alone(count), rate).enough
    if count > 1:
        assert not conformal_quantile(np.arange(count - 1.0), alone(count - 1), rate).enough


def test_a_cluster_counts_once_whatever_its_size() -> None:
    # 19 clusters at rate .1: all but one and a bit may lie at or below. One cluster of a thousand high scores
    # is one that may lie above; without clusters it would be nearly all there is.
    scores = np.concatenate([np.arange(18.0), np.full(1000, 50.0)])
    clusters = np.concatenate([np.arange(18), np.full(1000, 18)])
    assert conformal_quantile(scores, clusters, 0.1).value == 17
    assert conformal_quantile(scores, np.arange(len(scores)), 0.1).value == 50


def test_equal_scores_stay_together() -> None:
    found = conformal_quantile(np.array([1.0, 2, 2, 2, 2, 2, 2, 2, 2]), alone(9), 0.2)
    assert found.value == 2  # none may be split off


@pytest.mark.parametrize("spread", [0.0, 1.0, 5.0])  # of the scores of one cluster
def test_new_clusters_exceed_it_as_rarely_as_promised(spread: float) -> None:
    rng = np.random.default_rng(int(spread))
    count, each, rate, exceeded = 39, 4, 0.05, []
    for _ in range(1500):
        scores = rng.normal(size=(count + 1, 1)) + spread * rng.normal(size=(count + 1, each))
        found = conformal_quantile(scores[:-1].reshape(-1), np.repeat(np.arange(count), each), rate)
        exceeded.append((scores[-1] > found.value).mean())
    error = np.std(exceeded) / len(exceeded) ** 0.5
    assert np.mean(exceeded) <= rate + 3 * error
    assert np.mean(exceeded) >= rate / 2  # and not by never being exceeded


@pytest.mark.parametrize(("scores", "rate"), [([], 0.1), ([1.0], 0.0), ([1.0], 1.0)])
def test_nonsense_is_refused(scores: list[float], rate: float) -> None:
    with pytest.raises(ValueError, match="expected"):
        conformal_quantile(np.array(scores), np.arange(len(scores)), rate)
