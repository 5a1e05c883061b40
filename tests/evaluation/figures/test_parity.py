import numpy as np
import pandas as pd
import pytest

from falseflaw.evaluation.figures.parity import FEWEST, parity
from falseflaw.statistics.bootstrap import clopper_pearson


def negatives(counts: dict[str, tuple[int, int]], photos: int = 1) -> pd.DataFrame:
    """Photos of so many objects of each product, of which so many are flagged in every photo."""
    rows = [
        {
            "product": name,
            "group": f"{name}{index}",
            "path": f"{name}{index}-{photo}",
            "flagged": index < hits,
        }
        for name, (hits, objects) in counts.items()
        for index in range(objects)
        for photo in range(photos)
    ]
    return pd.DataFrame(rows).sample(frac=1, random_state=0)


def test_the_largest_gap_is_named_with_newcombes_kind_of_interval() -> None:
    found = parity("identity", negatives({"shoe": (2, 40), "hat": (12, 30), "bag": (8, 50)}), 200)
    assert [entry.product for entry in found.products] == ["bag", "hat", "shoe"]
    fpr = {entry.product: entry.fpr for entry in found.products}
    assert (fpr["hat"].lo, fpr["hat"].hi) == clopper_pearson(12, 30)
    gap = found.gap
    assert (gap.highest, gap.lowest) == ("hat", "shoe")
    difference = gap.difference
    assert difference.value == pytest.approx(0.4 - 0.05)
    low, high = clopper_pearson(12, 30), clopper_pearson(2, 40)
    assert difference.lo == pytest.approx(0.35 - np.hypot(0.4 - low[0], high[1] - 0.05))
    assert difference.hi == pytest.approx(0.35 + np.hypot(low[1] - 0.4, 0.05 - high[0]))
    assert gap.by_chance < difference.value


def test_products_that_are_alike_stay_within_chance() -> None:
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(40):
        counts = {f"product{index}": (int(rng.binomial(25, 0.1)), 25) for index in range(6)}
        gap = parity("identity", negatives(counts), 100).gap
        inside += gap.difference.value <= gap.by_chance
    assert inside >= 34  # 95 % of 40 is 38; fewer than 34 has a chance of 1 %


def test_products_of_few_objects_are_shown_but_not_in_the_gap() -> None:
    counts = {"shoe": (0, 30), "hat": (1, 30), "bag": (FEWEST - 1, FEWEST - 1)}
    found = parity("identity", negatives(counts), 50)
    assert found.left_out == ("bag",)
    assert found.gap.highest == "hat"
    assert found.products[0].fpr.value == 1
    assert parity("identity", negatives({"shoe": (0, 30), "hat": (1, 3)}), 50).gap is None


def test_without_any_false_alarm_the_gap_keeps_its_width() -> None:
    gap = parity("identity", negatives({"shoe": (0, 30), "hat": (0, 60)}), 50).gap
    assert {gap.highest, gap.lowest} == {"shoe", "hat"}
    assert gap.difference.value == gap.by_chance == 0
    ends = {-gap.difference.lo, gap.difference.hi}
    assert ends == {clopper_pearson(0, 30)[1], clopper_pearson(0, 60)[1]}


def test_photos_of_one_object_count_once() -> None:
    """Seven launderings of a photo do not make the gap surer, nor chance smaller."""
    counts = {"shoe": (3, 40), "hat": (9, 40)}
    one, seven = (parity("identity", negatives(counts, photos), 2000).gap for photos in (1, 7))
    assert seven.by_chance == one.by_chance
    widths = [gap.difference.hi - gap.difference.lo for gap in (one, seven)]
    assert widths[1] == pytest.approx(widths[0], rel=0.15)
