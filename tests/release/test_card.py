import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from falseflaw.release.summary import Figure, read_evaluation
from tests.runtime.red import POINT, info

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.release.card import model_card

EDITS = ("authentic", "simulated_damage", "inpainted_spliced")


def figure(value: float | None, n: int = 50) -> dict[str, Any]:
    spread = None if value is None else 0.01
    return {
        "value": value,
        "lo": None if value is None or spread is None else value - spread,
        "hi": None if value is None or spread is None else value + spread,
        "n": n,
    }


def laundering(name: str, auroc: float, unseen: bool = False) -> dict[str, Any]:
    return {
        "name": name,
        "severity": 1,
        "unseen": unseen,
        "headline": {"auroc": figure(auroc), "tpr": figure(0.731), "fpr": figure(0.012)},
        "pixel": {"f1": figure(0.642), "iou": figure(None)},
        "flagged": {edit: figure(index / 10, n=40 + index) for index, edit in enumerate(EDITS)},
    }


def summary() -> dict[str, Any]:
    return {
        "comparison": "inpainted against simulated damage",
        "fold": "test",
        "sources": 33,
        "photos": {edit: 30 + index for index, edit in enumerate(EDITS)},
        "operating_point": dataclasses.asdict(POINT),
        "fitted": {"rule": "fitted on n=99 predictions"},
        "launderings": [laundering("identity", 0.912), laundering("avif60", 0.777, unseen=True)],
        "pooled": laundering("all launderings pooled", 0.801),
        "provenance": {
            "model": {"kind": "checkpoint", "sha256": "f" * 64},
            "dataset": "data/datasets/clothing",
            "dataset_config_hash": ["hash1"],
            "photo_sets": ["clothing", "my own"],
            "generators": ["bundled"],
        },
    }


def write(folder: Path, values: dict[str, Any] | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "operating_point.json").write_text(json.dumps(dataclasses.asdict(POINT) | {"fitted": {}}))
    (folder / "summary.json").write_text(json.dumps(values or summary()))
    return folder


PARITY = {
    "batches": 16,
    "photos": 19,
    "probability": 1.2e-6,
    "heat_map": 5e-7,
    "levels": 3,
    "mask_pixels": 2,
    "pixels": 1_234_567,
    "verdicts": 0,
}


def test_the_card_tells_what_was_measured(tmp_path: Path) -> None:
    evaluation = read_evaluation(write(tmp_path))
    card = model_card(info(name="nice", parity=PARITY, checkpoint_sha256="f" * 64), evaluation)
    assert "| identity | 0.912 [0.902, 0.922] | 0.731 [0.721, 0.741] | 0.012 [0.002, 0.022] |" in card
    assert "| avif60 * | 0.777" in card
    assert "| all launderings pooled | 0.801" in card
    assert "| simulated damage | 31 |" in card
    assert "0.100 [0.090, 0.110] of 41" in card
    assert "probability ≥ 0.9, and a pixel of the heat map ≥ 200 of 255" in card
    assert "CC0-1.0" in card
    assert "my own" in card
    assert "fitted on n=99 predictions" in card
    assert "2 of 1,234,567 pixels" in card
    assert "f" * 64 in card
    assert not set("{}") & set(card)


def test_what_the_release_reads(tmp_path: Path) -> None:
    evaluation = read_evaluation(write(tmp_path))
    assert evaluation.operating_point == POINT
    assert evaluation.model_sha256 == "f" * 64
    assert evaluation.dataset == "data/datasets/clothing"


def test_undefined_figures_are_not_numbers() -> None:
    assert str(Figure(None, None, None, 0)) == "n/a"
    assert str(Figure(0.5, None, None, 1)) == "0.500"


def test_an_evaluation_that_recorded_little_gives_a_card(tmp_path: Path) -> None:
    values = summary() | {"provenance": {}, "fitted": {}}
    evaluation = read_evaluation(write(tmp_path, values))
    assert evaluation.model_sha256 == evaluation.dataset == ""
    assert "not recorded" in model_card(info(parity=PARITY), evaluation)


@pytest.mark.parametrize("name", ["operating_point.json", "summary.json"])
def test_a_missing_evaluation_says_what_to_run(tmp_path: Path, name: str) -> None:
    (write(tmp_path) / name).unlink()
    with pytest.raises(MissingDataError, match="run `falseflaw evaluate` first"):
        read_evaluation(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"temperature": 1}', "\0"])
@pytest.mark.parametrize("name", ["operating_point.json", "summary.json"])
def test_a_damaged_evaluation_is_one_line(tmp_path: Path, name: str, text: str) -> None:
    (write(tmp_path) / name).write_text(text)
    with pytest.raises(InvalidDataError, match=name) as caught:
        read_evaluation(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["launderings", "pooled", "photos", "comparison", "operating_point"])
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    values = summary()
    del values[key]
    with pytest.raises(InvalidDataError, match=f"'{key}' is missing"):
        read_evaluation(write(tmp_path, values))


def test_figures_of_other_thresholds_are_refused(tmp_path: Path) -> None:
    values = summary()
    values["operating_point"]["image_threshold"] = 0.95
    with pytest.raises(InvalidDataError, match="one operating point"):
        read_evaluation(write(tmp_path, values))
