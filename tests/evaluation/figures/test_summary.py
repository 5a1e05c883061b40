import json
from collections import Counter
from dataclasses import asdict

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score
from tests.evaluation.conftest import NAMES, POINT, CheckerScorer
from tests.evaluation.made import summarized

from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.figures import summary as module
from falseflaw.evaluation.figures.calibration import calibrate
from falseflaw.evaluation.figures.groups import headline
from falseflaw.evaluation.figures.measure import prepare
from falseflaw.evaluation.figures.summary import read_summary, write_summary
from falseflaw.evaluation.prediction.predict import predict
from falseflaw.evaluation.prediction.selection import Selection
from falseflaw.imaging.laundering.resize import Resize
from falseflaw.runtime.verdict import decide
from falseflaw.statistics.bootstrap import clopper_pearson
from falseflaw.types import INPAINTED, MATCHED, Edit, OperatingPoint, Prediction


def test_headline_is_inpainted_against_simulated_damage_of_the_test_fold(predictions, summary) -> None:
    edits = [str(Edit.SIMULATED_DAMAGE), *map(str, INPAINTED)]
    for entry in summary.launderings:
        rows = predictions[
            (predictions["fold"] == "test")
            & (predictions["laundering"] == entry.name)
            & predictions["edit"].isin(edits)
        ]
        headline = entry.headline
        assert headline.auroc.value == pytest.approx(roc_auc_score(rows["label"], rows["logit"]))
        expected = average_precision_score(rows["label"], rows["logit"])
        assert headline.average_precision.value == pytest.approx(expected)
        flagged = calibrate(rows["logit"].to_numpy(), 2.0) >= 0.6
        assert headline.tpr.value == pytest.approx(flagged[rows["label"] == 1].mean())
        assert headline.fpr.value == pytest.approx(flagged[rows["label"] == 0].mean())
        assert headline.auroc.n == 12
        assert headline.fpr.n == 3
        low, high = clopper_pearson(headline.fpr.count, 3)
        assert (headline.fpr.lo, headline.fpr.hi) == (low, high)
    assert [entry.name for entry in summary.launderings] == list(NAMES)
    assert summary.sources == 3
    assert summary.photos == {str(edit): 3 for edit in MATCHED}


def test_the_words_name_the_inpainted_edits_that_were_measured(predictions) -> None:
    some = predictions[predictions["edit"].isin([str(Edit.SPLICED), str(Edit.SIMULATED_DAMAGE)])]
    assert summarized(some, POINT, 2).comparison == ("inpainted (spliced) against simulated damage")
    assert headline(map(str, [Edit.REGENERATED, Edit.SPLICED, Edit.AUTHENTIC])) == (
        "inpainted (spliced and regenerated) against simulated damage"
    )
    assert headline(map(str, MATCHED)) == (
        "inpainted (spliced, feathered and regenerated) against simulated damage"
    )


def test_verdicts_are_those_that_the_runtime_gives(predictions, summary) -> None:
    """Counted from histograms here, decided on a heat map there."""
    rows = predictions[predictions["fold"] == "test"]
    point = OperatingPoint(2.0, 0.6, 0.3, 70)
    for edit in MATCHED:
        chosen = rows[rows["edit"] == edit]
        given = Counter()
        for _, row in chosen.iterrows():
            levels = np.repeat(np.arange(256), row["positive_histogram"] + row["negative_histogram"])
            heat_map = levels.astype(np.uint8)[: len(levels) // 128 * 128][::-1].reshape(-1, 128)
            probability = float(calibrate(np.array([row["logit"]]), 2.0)[0])
            given[str(decide(Prediction(probability, heat_map), point)[0])] += 1
        shares = summary.pooled.verdicts[str(edit)]
        assert {name: entry.count for name, entry in shares.items() if entry.count} == given
        assert sum(entry.value for entry in shares.values()) == pytest.approx(1)


def test_a_photo_too_small_to_be_judged_is_inconclusive_as_in_the_runtime(dataset, tmp_path) -> None:
    """A side of 63 pixels after laundering: the runtime judges no such photo, whatever its probability."""
    rows = read_manifest(dataset)
    rows = rows[rows["fold"] == "test"]
    found = predict(
        Selection(dataset, rows, [Resize(63 / 96), Resize(64 / 96)]),
        CheckerScorer(),
        tmp_path,
        progress=False,
    )
    small = found["laundering"] == found["laundering"].iloc[0]
    assert found["too_small"].tolist() == small.tolist()
    prepared = prepare(found, OperatingPoint(1.0, 0.0, 0.0, 1))  # every photo reaches the threshold
    assert set(prepared.loc[small, "verdict"]) == {"inconclusive"}
    assert set(prepared.loc[~small, "verdict"]) == {"altered"}
    tiny = Prediction(1.0, np.full((63, 84), 255, np.uint8))
    assert decide(tiny, OperatingPoint(1.0, 0.0, 0.0, 1))[0] == "inconclusive"


def test_pixel_f1_is_the_mean_over_positives_at_the_fixed_threshold(predictions, summary) -> None:
    for entry in summary.launderings:
        rows = predictions[
            (predictions["fold"] == "test")
            & (predictions["laundering"] == entry.name)
            & predictions["edit"].isin(list(map(str, INPAINTED)))
        ]
        each = []
        for _, row in rows.iterrows():
            inside, outside = row["positive_histogram"], row["negative_histogram"]
            hit, alarm, missed = inside[70:].sum(), outside[70:].sum(), inside[:70].sum()
            each.append(2 * hit / (2 * hit + alarm + missed))
        assert entry.pixel.f1.value == pytest.approx(np.mean(each))
        assert entry.pixel.f1.n == 9
        parts = (part.pixel.f1 for part in (entry.spliced, entry.feathered, entry.regenerated))
        assert np.mean([part.value for part in parts]) == pytest.approx(np.mean(each))


def test_intervals_hold_their_figures_and_stay_in_range(summary) -> None:
    def walk(node: object) -> int:
        if isinstance(node, dict) and {"value", "lo", "hi", "n"} <= set(node):
            if node["value"] is not None and node["lo"] is not None:
                assert 0 <= node["lo"] <= node["value"] <= node["hi"] <= 1
            return 1
        children = node.values() if isinstance(node, dict) else node if isinstance(node, tuple) else ()
        return sum(walk(child) for child in children)

    found = asdict(summary)
    del found["cost"]  # money, not shares
    assert walk(found) > 100


def test_groups_pair_positives_with_the_simulated_damage_of_their_sources(summary) -> None:
    for grouping, rows in summary.groups.items():
        assert sum(row.sources for row in rows) == 3, grouping
        assert sum(row.tpr.n for row in rows) == 27
        assert sum(row.fpr.n for row in rows) == 9
    assert [row.name for row in summary.groups["mask_area_bin"]] == ["6 to 15 %"]


def test_only_the_test_fold_counts(predictions, summary) -> None:
    changed = predictions.copy()
    changed.loc[changed["fold"] != "test", "logit"] = 99.0
    assert summarized(changed, POINT, 50) == summary


def test_file_round_trip_and_damage(summary, tmp_path) -> None:
    write_summary(tmp_path, summary)
    assert read_summary(tmp_path) == summary
    for text in ("", "[]", "{}", '{"launderings": []}'):
        (tmp_path / module.SUMMARY_NAME).write_text(text)
        with pytest.raises(InvalidDataError, match="cannot read"):
            read_summary(tmp_path)


@pytest.mark.parametrize("gone", [INPAINTED, [Edit.SIMULATED_DAMAGE]])
def test_a_fold_that_cannot_be_measured_is_refused(predictions, gone) -> None:
    with pytest.raises(InvalidDataError, match="expected inpainted and simulated-damage photos"):
        summarized(predictions[~predictions["edit"].isin([str(edit) for edit in gone])], POINT)


LOGITS = {
    Edit.AUTHENTIC: -4.0,
    Edit.NULL_EDIT: -3.0,
    Edit.SIMULATED_DAMAGE: 1.0,
    Edit.LOCAL_EDIT: 7.0,
    Edit.SPLICED: 4.0,
    Edit.FEATHERED: 0.0,
    Edit.REGENERATED: 3.0,
    Edit.REFILLED: -1.0,
    Edit.AUTOENCODED: 2.0,
    Edit.HAND_CLONED: 0.5,
    Edit.HAND_PASTED: 5.0,
    Edit.ROUND_TRIP_AUTHENTIC: -3.5,
    Edit.ROUND_TRIP_DAMAGED: 6.0,
}
"""Scores of each edit: a refilled photo lies above those that look like it, and below simulated damage."""


def by_hand(predictions):
    """The predictions of one laundering with known scores."""
    rows = predictions[(predictions["fold"] == "test") & (predictions["laundering"] == "identity")]
    return rows.assign(logit=rows["edit"].map({str(edit): value for edit, value in LOGITS.items()}))


def test_every_edit_is_compared_with_negatives_that_look_like_it(predictions) -> None:
    found = summarized(by_hand(predictions), OperatingPoint()).edits
    assert [row.name for row in found] == [str(edit) for edit in MATCHED if edit.label != 0]
    assert all((row.tpr.n, row.sources) == (3, 3) for row in found)
    auroc = {row.name: row.auroc.value for row in found}
    assert auroc == {
        Edit.SPLICED: 1.0,
        Edit.FEATHERED: 0.0,
        Edit.REGENERATED: 1.0,
        Edit.REFILLED: 1.0,
        Edit.AUTOENCODED: 1.0,
        Edit.HAND_CLONED: 0.0,
        Edit.HAND_PASTED: 1.0,
        Edit.ROUND_TRIP_AUTHENTIC: 0.5,  # between the authentic photo and its null edit
        Edit.ROUND_TRIP_DAMAGED: 1.0,
    }
    rates = {row.name: (row.tpr.value, row.fpr.value) for row in found}
    assert rates[Edit.REFILLED] == (0.0, 0.0)
    assert rates[Edit.SPLICED] == (1.0, 1.0)
    negatives = {row.name: row.fpr.n for row in found}
    assert {edit for edit, count in negatives.items() if count == 6} == {
        Edit.REFILLED,
        Edit.ROUND_TRIP_AUTHENTIC,
    }
    masked = {row.name for row in found if row.pixel_f1.value is not None}
    assert masked == {str(edit) for edit in MATCHED if edit.masked}


def test_every_network_is_compared_on_its_own_sources(predictions) -> None:
    rows = by_hand(predictions)
    first = min(rows["source_id"])
    mine = rows["source_id"] == first
    rows = rows.assign(
        generator=np.where(mine & (rows["generator"] == "checker"), "other", rows["generator"]),
        # its simulated damage looks altered to the detector, above all that it wrote
        logit=np.where(mine & (rows["edit"] == Edit.SIMULATED_DAMAGE), 9.0, rows["logit"]),
    )
    found = {row.name: row for row in summarized(rows, OperatingPoint()).networks}
    assert list(found) == ["checker", "other", "twin"]
    assert [(row.tpr.n, row.sources) for row in found.values()] == [(6, 2), (3, 1), (3, 3)]
    assert found["checker"].auroc.value == pytest.approx(2 / 3)  # the feathered ones lie below
    assert found["other"].auroc.value == 0.0
    assert found["twin"].auroc.value == pytest.approx(2 / 3)


def test_unlabelled_edits_move_nothing_but_their_own_rows(predictions) -> None:
    rows = by_hand(predictions)
    unlabelled = rows["edit"].isin([str(edit) for edit in Edit if edit.label < 0])
    one, other = (
        summarized(frame, POINT)
        for frame in (rows, rows.assign(logit=np.where(unlabelled, 40.0, rows["logit"])))
    )
    for part in ("headline", "pixel", "ece"):
        assert getattr(one.pooled, part) == getattr(other.pooled, part)
    assert one.groups == other.groups
    assert one.networks == other.networks
    changed = [a.name for a, b in zip(one.edits, other.edits, strict=True) if a != b]
    assert set(changed) <= {str(edit) for edit in Edit if edit.label < 0}
    assert changed


def test_local_edits_have_false_alarms_of_their_own_and_move_no_comparison(predictions) -> None:
    rows = by_hand(predictions)
    without = rows[rows["edit"] != str(Edit.LOCAL_EDIT)]
    one, other = (summarized(frame, OperatingPoint()) for frame in (rows, without))
    flagged = {edit: share.value for edit, share in one.pooled.flagged.items()}
    assert flagged[str(Edit.LOCAL_EDIT)] == 1.0
    assert flagged[str(Edit.NULL_EDIT)] == 0.0
    assert list(flagged)[:4] == ["authentic", "null_edit", "simulated_damage", "local_edit"]
    assert str(Edit.LOCAL_EDIT) not in other.pooled.flagged
    for part in ("headline", "pixel"):
        assert getattr(one.pooled, part) == getattr(other.pooled, part)
    assert (one.edits, one.networks, one.groups) == (other.edits, other.networks, other.groups)


def test_a_dataset_of_the_first_five_edits_is_measured_too(predictions) -> None:
    kept = [Edit.AUTHENTIC, Edit.NULL_EDIT, Edit.SIMULATED_DAMAGE, Edit.SPLICED, Edit.REGENERATED]
    rows = by_hand(predictions)
    found = summarized(rows[rows["edit"].isin(list(map(str, kept)))], POINT)
    assert [row.name for row in found.edits] == [str(Edit.SPLICED), str(Edit.REGENERATED)]
    assert json.dumps(asdict(found), allow_nan=False)
