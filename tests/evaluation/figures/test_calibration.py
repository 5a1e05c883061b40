import json

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.figures import calibration
from falseflaw.evaluation.figures.groups import MIXTURE
from falseflaw.types import INPAINTED, POSITIVES, Edit, OperatingPoint


def predictions(sources: int = 300, seed: int = 0, scale: float = 3.0, fold: str = "val") -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    rows = []
    for laundering in ("identity", "jpeg80"):
        for index in range(sources):
            for edit in Edit:
                inside, outside = np.zeros(256, int), np.zeros(256, int)
                outside[:200] = 5
                if edit.masked:
                    inside[rng.integers(90, 255, 60)] += 1
                    outside[rng.integers(0, 150, 300)] += 1
                rows.append(
                    {
                        "fold": fold,
                        "laundering": laundering,
                        "edit": str(edit),
                        "label": edit.label,
                        "path": f"{index}-{edit}",
                        "source_id": str(index),
                        "logit": scale * (rng.normal() + 2 * max(edit.label, 0) - 1),
                        "positive_histogram": inside,
                        "negative_histogram": outside,
                    }
                )
    return pd.DataFrame(rows)


def test_temperature_agrees_with_a_general_optimizer() -> None:
    rng = np.random.default_rng(0)
    labels = rng.random(3000) < 0.4
    truth = rng.normal(size=3000) + np.where(labels, 1, -1)
    logits = 2.7 * 2 * truth  # of two unit normals at +-1 the log-odds is 2 x, up to the class shares

    def nll(temperature: np.ndarray) -> float:
        p = np.clip(calibration.calibrate(logits, float(temperature[0])), 1e-12, 1 - 1e-12)
        return float(-np.where(labels, np.log(p), np.log(1 - p)).mean())

    expected = minimize(nll, [1.0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12}).x[0]
    assert calibration.fit_temperature(logits, labels) == pytest.approx(expected, rel=1e-4)
    assert calibration.fit_temperature(logits, labels) == pytest.approx(2.7, rel=0.1)
    assert calibration.fit_temperature(10 * logits, labels) == 10  # end of the range
    assert calibration.fit_temperature(np.where(labels, 1.0, -1.0), labels) == 0.1


@pytest.mark.parametrize("probability", [0.0, 1e-9, 0.1, 0.5, 0.123456789, 0.9999999])
def test_next_above_is_strictly_above_in_float32_too(probability: float) -> None:
    above = calibration.next_above(probability)
    assert above > probability
    assert np.float32(above) > np.float32(probability)
    assert above - probability < 2e-7


def test_fit_meets_its_rules() -> None:
    frame = predictions()
    point, record = calibration.fit(frame, ["identity", "jpeg80"])
    probability = calibration.calibrate(frame["logit"].to_numpy(), point.temperature)
    simulated = (frame["edit"] == Edit.SIMULATED_DAMAGE).to_numpy()
    positive = frame["edit"].isin(list(INPAINTED)).to_numpy()
    # Of 300 sources with two scores each, those at or below the quantile make at least 301 * .99 = 297.99.
    assert (probability[simulated] >= point.image_threshold).sum() == 4
    assert record.realised_fpr == 4 / 600
    assert [promise.promised for promise in record.guarantees] == [0.01, 0.1]
    assert all("n=300 sources" in promise.text for promise in record.guarantees)
    assert 0.09 < (probability[positive] < point.clear_threshold).mean() <= 0.1
    assert record.fpr_by_laundering.keys() == {"identity", "jpeg80"}
    assert np.mean(list(record.fpr_by_laundering.values())) == pytest.approx(record.realised_fpr)
    assert point.clear_threshold <= point.image_threshold
    assert record.sources == 300
    assert record.simulated_damage == 600
    assert not record.small


def test_whoever_lets_more_fakes_pass_leaves_fewer_photos_open() -> None:
    frame = predictions()
    usual, _ = calibration.fit(frame, ("identity", "jpeg80"))
    lenient, fitted = calibration.fit(frame, ("identity", "jpeg80"), missed_share=0.25)
    assert lenient.clear_threshold > usual.clear_threshold
    assert lenient.image_threshold == usual.image_threshold
    (promise,) = (item for item in fitted.guarantees if item.threshold == "clear_threshold")
    assert promise.rate == 0.25
    assert "at most 25 %" in fitted.rule
    positive = frame[frame["edit"].isin([str(edit) for edit in INPAINTED])]
    scores = calibration.calibrate(positive["logit"].to_numpy(), lenient.temperature)
    assert 0.2 < (scores < lenient.clear_threshold).mean() <= 0.25


def test_large_photos_are_held_to_the_rate_by_themselves() -> None:
    frame = predictions().assign(pixels=200_000)
    large = (frame["edit"] == Edit.AUTHENTIC) & frame["source_id"].isin([str(number) for number in range(20)])
    small_only, _ = calibration.fit(frame, ["identity", "jpeg80"])
    frame.loc[large, "pixels"] = 12_000_000
    frame.loc[large, "logit"] += 12.0  # the highest of many tiles
    point, record = calibration.fit(frame, ["identity", "jpeg80"])
    probability = calibration.calibrate(frame["logit"].to_numpy(), point.temperature)
    assert not (probability[large.to_numpy()] >= point.image_threshold).any()
    assert (probability[large.to_numpy()] >= small_only.image_threshold).any()
    promise = record.guarantees[1]
    assert promise.threshold == "image_threshold"
    assert "megapixel" in promise.of
    assert (promise.sources, promise.promised) == (20, pytest.approx(1 / 21))


def test_the_worst_laundering_is_named_where_it_exceeds_the_rate() -> None:
    frame = predictions(600)
    frame.loc[frame["laundering"] == "jpeg80", "logit"] += 3.0
    _, record = calibration.fit(frame, ["identity", "jpeg80"])
    assert record.realised_fpr <= 0.01
    share = record.fpr_by_laundering["jpeg80"]
    assert share > 0.01
    assert f"jpeg80 alone has {100 * share:.3g} %" in record.rule


def test_mask_threshold_is_the_best_integer() -> None:
    frame = predictions(6)
    point, record = calibration.fit(frame, ["identity", "jpeg80"])
    positives = frame[frame["edit"].isin(list(INPAINTED))]
    pairs = list(zip(positives["positive_histogram"], positives["negative_histogram"], strict=True))
    means = []
    for threshold in range(1, 256):
        each = []
        for inside, outside in pairs:
            hit, alarm = inside[threshold:].sum(), outside[threshold:].sum()
            each.append(hit / (hit + (alarm + inside[:threshold].sum()) / 2))
        means.append(np.mean(each))
    assert point.mask_threshold == int(np.argmax(means)) + 1
    assert record.val_pixel_f1 == pytest.approx(max(means))


def test_small_val_says_so() -> None:
    point, record = calibration.fit(predictions(5), ["identity", "jpeg80"])
    assert record.small
    assert "n=10" in record.rule
    assert (
        "a probability of at most 16.7 %: that is all that n=5 sources can promise, 1 % takes 99"
        in record.rule
    )
    assert record.realised_fpr == 0
    assert 0 < point.image_threshold <= 1


def test_other_folds_and_launderings_do_not_matter() -> None:
    val = predictions(20)
    noise = predictions(20, seed=9, fold="test")
    other = predictions(20, seed=8).assign(laundering="webp80")
    alone, _ = calibration.fit(val, ["identity", "jpeg80"])
    together, _ = calibration.fit(pd.concat([val, noise, other]), ["identity", "jpeg80"])
    assert alone == together


def test_edits_outside_the_mixture_move_nothing() -> None:
    """Hand edits and round trips have no label; refilled and autoencoded photos are not of the headline."""
    frame = predictions(20)
    point, record = calibration.fit(frame, ["identity", "jpeg80"])
    left = [edit for edit in Edit if edit.label < 0 or edit in POSITIVES - INPAINTED]
    assert set(MIXTURE).isdisjoint(map(str, left))
    assert len(MIXTURE) + len(left) == len(Edit)
    outside = frame["edit"].isin(list(map(str, left)))
    spoilt = frame.assign(
        logit=np.where(outside, -50.0, frame["logit"]),
        positive_histogram=[
            np.full(256, 9) if out else value
            for out, value in zip(outside, frame["positive_histogram"], strict=True)
        ],
    )
    assert calibration.fit(spoilt, ["identity", "jpeg80"]) == (point, record)
    assert calibration.fit(frame[~outside], ["identity", "jpeg80"]) == (point, record)


def test_separable_scores_keep_a_threshold_that_float32_can_express() -> None:
    frame = predictions(150)
    frame["logit"] = np.where(frame["label"] == 1, 400.0, 300.0) + np.random.default_rng(0).normal(
        size=len(frame)
    )
    point, _ = calibration.fit(frame, ["identity", "jpeg80"])
    probability = calibration.calibrate(frame["logit"].to_numpy(), point.temperature).astype(np.float32)
    assert point.image_threshold < 1
    assert (
        probability[(frame["edit"] == Edit.SIMULATED_DAMAGE).to_numpy()] >= point.image_threshold
    ).mean() <= 0.01
    assert (probability[(frame["label"] == 1).to_numpy()] >= point.image_threshold).all()


def test_what_is_missing_is_named() -> None:
    frame = predictions(3)
    with pytest.raises(InvalidDataError, match="none under webp80"):
        calibration.fit(frame, ["identity", "webp80"])
    with pytest.raises(InvalidDataError, match="inpainted and simulated"):
        calibration.fit(frame[frame["label"] == 0], ["identity"])
    with pytest.raises(InvalidDataError, match="none under identity"):
        calibration.fit(predictions(3, fold="test"), ["identity"])


def test_operating_point_file_round_trip(tmp_path) -> None:
    point = OperatingPoint(1.5, 0.75, 0.25, 99)
    path = tmp_path / "deep" / "operating_point.json"
    _, fitted = calibration.fit(predictions(5), ["identity", "jpeg80"])
    for record in (fitted, None):
        calibration.write_operating_point(path, point, record)
        assert calibration.read_operating_point(path) == (point, record)
    assert json.loads(path.read_text())["mask_threshold"] == 99
    for text in (
        "",
        "[]",
        "{}",
        '{"temperature": -1, "image_threshold": 0, "clear_threshold": 0, "mask_threshold": 1}',
    ):
        path.write_text(text)
        with pytest.raises(InvalidDataError, match="cannot read"):
            calibration.read_operating_point(path)
