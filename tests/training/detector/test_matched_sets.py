from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.training.detector.made import finished_of

from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import InvalidDataError
from falseflaw.training.detector.matched_sets import FinishedPairs, matched_sets
from falseflaw.types import Edit, Fold

FLAWED = {Edit.SPLICED, Edit.FEATHERED, Edit.REGENERATED, Edit.AUTOENCODED}


def test_pairs_are_one_negative_and_one_positive_that_look_alike(dataset: Path) -> None:
    pairs = finished_of(dataset)
    composed = [pairs.compose(number, 20, True) for number in range(300)]
    seen = [(pair.negative_edit, pair.positive_edit) for pair in composed]
    assert all((negative.label, positive.label) == (0, 1) for negative, positive in seen)
    assert all(negative.flawed == positive.flawed for negative, positive in seen)
    flawless = Counter(negative for negative, positive in seen if positive is Edit.REFILLED)
    assert set(flawless) == {Edit.AUTHENTIC, Edit.NULL_EDIT}
    assert 0.13 < flawless.total() / 300 < 0.27
    flawed = Counter(positive for negative, positive in seen if negative is Edit.SIMULATED_DAMAGE)
    assert flawless.total() + flawed.total() == 300
    assert set(flawed) == FLAWED
    assert 0.2 < flawed[Edit.AUTOENCODED] / flawed.total() < 0.4
    for edit in FLAWED - {Edit.AUTOENCODED}:
        assert 0.13 < flawed[edit] / flawed.total() < 0.33


def test_local_edits_stand_in_for_simulated_damage_where_a_set_has_them(dataset: Path) -> None:
    pairs = finished_of(dataset, edited=0.4)
    old = FinishedPairs(
        [replace(each, paths={**each.paths}) for each in pairs.sets], pairs.reader, 0.2, 0.3, 0.4, 0
    )
    for each in old.sets:
        del each.paths[Edit.LOCAL_EDIT]  # type: ignore[attr-defined]
    counts: Counter[Edit] = Counter()
    for number in range(200):
        pair, before = pairs.compose(number, 20, True), old.compose(number, 20, True)
        assert pair.positive_edit is before.positive_edit
        assert pair.negative_edit.flawed is pair.positive_edit.flawed
        assert before.negative_edit is not Edit.LOCAL_EDIT
        counts[pair.negative_edit] += 1
    share = counts[Edit.LOCAL_EDIT] / (counts[Edit.LOCAL_EDIT] + counts[Edit.SIMULATED_DAMAGE])
    assert 0.28 < share < 0.52


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ((1.0, 0.3), {Edit.REFILLED}),
        ((0.0, 1.0), {Edit.AUTOENCODED}),
        ((0.0, 0.0), FLAWED - {Edit.AUTOENCODED}),
    ],
)
def test_shares_of_none_and_all_are_kept(
    dataset: Path, shares: tuple[float, float], expected: set[Edit]
) -> None:
    pairs = finished_of(dataset, *shares)
    assert {pairs.compose(number, 20, True).positive_edit for number in range(60)} == expected


def test_every_source_comes_once_per_pass_in_changing_order(dataset: Path) -> None:
    pairs = finished_of(dataset)
    count = len(pairs.sets)
    orders = [pairs._order(turn).tolist() for turn in range(6)]
    assert all(sorted(order) == list(range(count)) for order in orders)
    assert len({tuple(order) for order in orders}) > 1


def test_incomplete_sets_are_left_out_and_an_empty_fold_is_one_line(dataset: Path) -> None:
    rows = read_manifest(dataset)
    source = rows[rows["fold"] == "train"]["source_id"].iloc[0]
    damage = rows["edit"] == str(Edit.SIMULATED_DAMAGE)
    some = rows[~((rows["source_id"] == source) & damage)]
    assert source not in {matched.source_id for matched in matched_sets(some, Fold.TRAIN)}
    with pytest.raises(InvalidDataError, match="fold val, found none"):
        matched_sets(rows[~damage], Fold.VAL)


def test_members_of_a_pair_show_the_same_window_and_name_their_writer(dataset: Path) -> None:
    pairs = finished_of(dataset)
    for number in range(40):
        pair = pairs.compose(number, 40, True)
        assert pair.negative.shape == pair.positive.shape == (40, 40, 3)
        assert pair.mask.any()
        written = pair.mask | pair.ignored
        change = np.abs(pair.positive.astype(int) - pair.negative).mean(axis=-1)
        assert change[written].mean() > 2 * change[~written].mean() if not written.all() else True
        autoencoded = pair.positive_edit is Edit.AUTOENCODED
        assert pair.writer == ("twin" if autoencoded else "checker")
        assert pair.ignored.any() == (pair.positive_edit is Edit.REGENERATED and not pair.mask.all())


def test_a_new_negative_without_a_flaw_is_drawn_of_its_own_accord(dataset: Path) -> None:
    matched = matched_sets(read_manifest(dataset), Fold.TRAIN)[0]
    assert matched.flawless == [edit for edit in matched.paths if edit.label == 0 and not edit.flawed]
    assert Edit.SIMULATED_DAMAGE not in matched.flawless
