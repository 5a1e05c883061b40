import math
from dataclasses import replace
from typing import Any

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


def both(
    fake: float, damage: float, writer: str = "a", laundered: bool = False, **facts: Any
) -> list[CropRecord]:
    """A fake and a simulated damage with these logits."""
    return [
        replace(record(Edit.SPLICED, fake, [255] * 9, [0] * 9, laundered), writer=writer, **facts),
        replace(record(Edit.SIMULATED_DAMAGE, damage, [], [0] * 9, laundered), **facts),
    ]


def figures_of(*records: list[CropRecord]) -> dict[str, float]:
    return summarize(dict(enumerate(record for group in records for record in group)))


def test_laundered_crops_make_seven_tenths_of_the_score() -> None:
    figures = figures_of(both(1, -1), both(-1, 1, laundered=True))
    assert (figures["auroc_untouched"], figures["f1_untouched"]) == (1.0, 1.0)
    assert figures["auroc_laundered"] == 0.0
    assert figures["auroc"] == pytest.approx(0.5)
    assert figures["score"] == pytest.approx(0.3)
    assert figures_of(both(-1, 1), both(1, -1, laundered=True))["score"] == pytest.approx(0.7)


def test_every_writer_counts_alike_however_many_crops_it_has() -> None:
    figures = figures_of(*[both(1, -1, "often")] * 72, *[both(-2, -1, "rare")] * 8)
    assert figures["auroc_of_often"] == 1.0
    assert figures["auroc_of_rare"] == 0.0
    assert figures["auroc"] == pytest.approx(0.9)
    assert figures["score"] == figures["auroc_untouched"] == pytest.approx(0.5)


def test_writers_of_a_few_crops_stand_together_and_conditions_of_a_few_do_not_count() -> None:
    few = [both(1, -1, f"writer {number}") for number in range(6)]
    figures = figures_of(*few, both(-2, -1, "wrong"), both(1, -1), both(-1, 1, scale=0.5))
    assert figures["auroc_untouched"] == pytest.approx(7 / 8)
    assert figures["auroc_untouched_x0.5"] == 0.0
    assert figures["score"] == pytest.approx(figures["auroc_untouched"])


def test_every_scale_and_camera_originals_count_alike() -> None:
    small, large = [both(-1, 1, scale=0.5)] * 8, [both(1, -1, scale=2.0)] * 8
    figures = figures_of(*[both(1, -1)] * 40, *small, *large, *[both(-1, 1, camera_original=True)] * 8)
    parts = {name: value for name, value in figures.items() if name.startswith("auroc_untouched")}
    assert parts == {
        "auroc_untouched": 1.0,
        "auroc_untouched_x0.5": 0.0,
        "auroc_untouched_x2": 1.0,
        "auroc_untouched_camera_originals": 0.0,
    }
    assert figures["score"] == pytest.approx(0.5)
    # Fakes are compared with damage of their own condition: at another scale the logits may lie elsewhere.
    assert figures_of(both(1, -1), both(-8, -9, scale=0.5))["score"] == 1.0


def test_what_cannot_be_computed_is_left_out_of_the_score() -> None:
    assert summarize({})["score"] == 0.0
    figures = figures_of(both(1, -1), [record(Edit.SPLICED, 1.0, [255], [0], laundered=True)])
    assert math.isnan(figures["auroc_laundered"])
    assert figures["score"] == 1.0
    assert summarize({0: record(Edit.SPLICED, 1.0, [255], [0])})["score"] == 0.0
