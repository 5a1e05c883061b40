"""Smaller predictions keep every figure at their thresholds; scikit-learn says what a pixel AUROC is."""

import io

import numpy as np
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score
from tests.evaluation.made import made_predictions

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.committed.compact import compacted, simplify
from falseflaw.evaluation.figures.measure import prepare
from falseflaw.evaluation.prediction.predictions import histograms
from falseflaw.statistics import metrics
from falseflaw.types import OperatingPoint

LEVELS = np.arange(256)
POINT = OperatingPoint(mask_threshold=100)


def drawn(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Histograms of heat maps, hot inside and cold outside."""
    rng = np.random.default_rng(0)
    hot, cold = rng.dirichlet(0.02 + (LEVELS / 255) ** 2), rng.dirichlet(0.02 + (1 - LEVELS / 255) ** 4)
    return rng.multinomial(900, hot, count), rng.multinomial(9000, cold, count)


@pytest.fixture
def counts() -> tuple[np.ndarray, np.ndarray]:
    """Of 40 photos, the first three flat inside, the last five without a mask."""
    inside, outside = drawn(40)
    inside[:3] = np.random.default_rng(1).integers(0, 20, (3, 256))
    inside[-5:] = 0
    return inside, outside


@pytest.mark.parametrize("tolerance", [0.0, 1e-6, 1e-3])
@pytest.mark.parametrize("threshold", [1, 128, 255])
def test_what_the_threshold_decides_stays_and_the_area_moves_within_the_tolerance(
    counts, threshold, tolerance
) -> None:
    inside, outside = counts
    fewer = simplify(inside, outside, threshold, tolerance)
    for before, after in zip(counts, fewer, strict=True):
        np.testing.assert_array_equal(before[:, :threshold].sum(axis=1), after[:, :threshold].sum(axis=1))
        np.testing.assert_array_equal(before[:, threshold:].sum(axis=1), after[:, threshold:].sum(axis=1))
    for metric in (metrics.pixel_f1, metrics.pixel_iou):
        np.testing.assert_array_equal(metric(*counts)[:, threshold], metric(*fewer)[:, threshold])
    truth = np.repeat([1, 0], 256)
    for row in range(35):
        before, after = (
            roc_auc_score(truth, np.tile(LEVELS, 2), sample_weight=np.r_[one[row], other[row]])
            for one, other in (counts, fewer)
        )
        assert after == pytest.approx(before, abs=tolerance + 1e-12)


def test_fewer_levels_the_more_may_move_and_two_without_a_mask(counts) -> None:
    used = [
        ((lambda both: both[0] + both[1])(simplify(*counts, 100, tolerance)) > 0).sum(axis=1)
        for tolerance in (0.0, 1e-6, 1e-4)
    ]
    assert used[0].sum() > used[1].sum() > used[2].sum()
    assert (used[0][-5:] <= 2).all()


def test_a_merge_is_what_it_is_said_to_be() -> None:
    inside, outside = np.zeros((2, 1, 256), dtype=np.int64)
    outside[0, [0, 3, 5]] = 10, 20, 30  # the background alone: a straight piece of the line
    inside[0, [50, 60, 200]] = 4, 5, 6  # the region alone, on both sides of the threshold
    ins, out = simplify(inside, outside, 100, 0.0)
    assert dict(zip(*np.nonzero(out)[1:], out[out > 0], strict=True)) == {0: 60}
    assert dict(zip(*np.nonzero(ins)[1:], ins[ins > 0], strict=True)) == {50: 9, 100: 6}


def test_the_file_has_the_size_asked_for_and_gives_the_same_figures() -> None:
    made = made_predictions(sources=60)
    inside, outside = drawn(len(made))
    inside *= made["label"].to_numpy()[:, None]
    predictions = made.assign(positive_histogram=list(inside), negative_histogram=list(outside))
    whole = compacted(predictions, POINT, 10**9)
    largest = int(0.7 * len(whole))
    small = compacted(predictions, POINT, largest)
    assert len(small) <= largest
    restored, rows = (pq.read_table(io.BytesIO(data)).to_pandas() for data in (whole, small))
    np.testing.assert_array_equal(histograms(restored), histograms(predictions))
    note = pq.read_schema(io.BytesIO(small)).metadata[b"falseflaw.predictions.simplified"]
    assert note.startswith(b"levels merged, mask_threshold 100")
    before, after = prepare(predictions, POINT), prepare(rows, POINT)
    for column in ("logit", "verdict", "marked", "f1", "iou", "path"):
        assert before[column].equals(after[column])
    np.testing.assert_allclose(before["pixel_auroc"], after["pixel_auroc"], atol=1e-5)
    with pytest.raises(InvalidDataError, match=r"expected predictions of at most 0\.0 MB to commit, got"):
        compacted(predictions, POINT, 1000)
