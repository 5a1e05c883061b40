import math

import numpy as np
import pytest
from sklearn.metrics import f1_score

from falseflaw.training.detector.scoring import CropRecord, histograms, image_metrics, pixel_f1, summarize
from falseflaw.types import Edit


def record(
    edit: Edit, logit: float, inside: list[int], outside: list[int], laundered: bool = False
) -> CropRecord:
    counts = [np.bincount(np.array(values, dtype=int), minlength=256) for values in (inside, outside)]
    return CropRecord(edit, edit.label, laundered, logit, *counts)


def test_auroc_is_of_positives_with_a_flaw_against_simulated_damage_alone() -> None:
    records = [
        record(Edit.SPLICED, 2.0, [200], [10]),
        record(Edit.REGENERATED, 0.5, [200], [10]),
        record(Edit.SIMULATED_DAMAGE, 1.0, [], [10]),
        record(Edit.SIMULATED_DAMAGE, 0.5, [], [10]),
        record(Edit.AUTHENTIC, 99.0, [], [10]),  # not part of the comparison
        record(Edit.NULL_EDIT, 99.0, [], [10]),
        record(Edit.REFILLED, -99.0, [200], [10]),  # shows no flaw
    ]
    auroc, precision = image_metrics(records)
    assert auroc == pytest.approx((1 + 1 + 0 + 0.5) / 4)
    assert 0.5 < precision < 1
    assert all(math.isnan(value) for value in image_metrics(records[:2]))


def test_pixel_f1_is_that_of_sklearn_at_every_threshold() -> None:
    rng = np.random.default_rng(0)
    records, heats, masks = [], [], []
    for _ in range(3):
        heat = rng.integers(0, 256, (12, 9)).astype(np.uint8)
        mask = rng.random((12, 9)) < 0.3
        heats.append(heat)
        masks.append(mask)
        inside, outside = histograms(heat, mask, np.ones_like(mask))
        records.append(CropRecord(Edit.SPLICED, 1, False, 0.0, inside, outside))
    records.append(record(Edit.SIMULATED_DAMAGE, 0.0, [], [255] * 50))  # has no altered pixels: left out
    curve = pixel_f1(records)
    for threshold in (0, 1, 100, 128, 255):
        each = [
            f1_score(mask.ravel(), (heat >= threshold).ravel())
            for heat, mask in zip(heats, masks, strict=True)
        ]
        assert curve[threshold] == pytest.approx(np.mean(each))


def test_histograms_leave_padding_out() -> None:
    heat = np.array([[0, 255], [7, 7]], dtype=np.uint8)
    mask = np.array([[True, True], [False, False]])
    inside, outside = histograms(heat, mask, np.array([[True, False], [True, True]]))
    assert (inside[0], inside[255], inside.sum()) == (1, 0, 1)
    assert (outside[7], outside.sum()) == (2, 2)


def test_summary_pools_and_splits_by_laundering() -> None:
    perfect = [
        record(Edit.SPLICED, 1.0, [255] * 9, [0] * 9),
        record(Edit.SIMULATED_DAMAGE, -1.0, [], [0] * 9),
    ]
    wrong = [
        record(Edit.SPLICED, -1.0, [0] * 9, [255] * 9, laundered=True),
        record(Edit.SIMULATED_DAMAGE, 1.0, [], [0] * 9, laundered=True),
    ]
    figures = summarize(dict(enumerate(perfect + wrong)))
    assert (figures["auroc_clean"], figures["f1_clean"]) == (1.0, 1.0)
    assert figures["auroc_laundered"] == 0.0
    assert figures["auroc"] == pytest.approx(0.5)
    assert figures["score"] == pytest.approx((figures["auroc"] + figures["f1"]) / 2)
    assert summarize(dict(enumerate(perfect)))["score"] == 1.0


def test_what_cannot_be_computed_is_left_out_of_the_score() -> None:
    assert summarize({})["score"] == 0.0
    figures = summarize({0: record(Edit.SPLICED, 1.0, [255], [0])})
    assert math.isnan(figures["auroc"])
    assert figures["score"] == figures["f1"] == 1.0
