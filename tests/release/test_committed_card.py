"""The card that is committed tells the figures of the evaluation that is committed, digit by digit."""

import json
import re
from pathlib import Path

import pytest
import yaml

from falseflaw.release.refresh import find_differing

ROOT = Path(__file__).resolve().parents[2]
BUNDLE = ROOT / "checkpoints/detectors/reference"
EVALUATION = ROOT / "notebooks/reference"
FIGURE = re.compile(r"(\d\.\d{3}) \[(\d\.\d{3}), (\d\.\d{3})\]")


@pytest.fixture(scope="module")
def card() -> str:
    return (BUNDLE / "MODEL_CARD.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def summary() -> dict:
    return json.loads((EVALUATION / "summary.json").read_text(encoding="utf-8"))


def test_the_committed_card_is_up_to_date() -> None:
    assert find_differing(BUNDLE, EVALUATION) == [], "run scripts/run refresh-card"


def test_every_row_has_the_digits_of_the_summary(card: str, summary: dict) -> None:
    """Reads both files as they are: neither the card's writer nor the summary's reader takes part."""
    header, _, *lines = [line for line in card.splitlines() if line.startswith("|") and line.count("|") == 7]
    columns = [cell.strip() for cell in header.strip("|").split("|")]
    rows = {}
    for line in lines:
        name, *cells = (cell.strip() for cell in line.strip("|").split("|"))
        rows[name.removesuffix(" *")] = dict(zip(columns[1:], cells, strict=True))
    entries = [*summary["launderings"], summary["pooled"]]
    assert len(rows) == len(entries)
    for entry in entries:
        shown = rows["untouched" if entry["name"] == "identity" else entry["name"]]
        head = entry["headline"]
        for column, figure in (
            ("AUROC", head["auroc"]),
            ("TPR", head["tpr"]),
            ("FPR, simulated damage", head["fpr"]),
            ("pixel F1", entry["pixel"]["f1"]),
        ):
            digits = tuple(f"{figure[key]:.3f}" for key in ("value", "lo", "hi"))
            assert FIGURE.fullmatch(shown[column]).groups() == digits, (entry["name"], column)


def test_real_damage_has_the_digits_of_its_own_evaluation(card: str) -> None:
    path = EVALUATION / "other_evaluations/real_damage/summary.json"
    rates = json.loads(path.read_text(encoding="utf-8"))["rates"]
    (first,) = (
        rate["flagged"]
        for rate in rates
        if (rate["laundering"], rate["product"], rate["edit"]) == ("identity", "all products", "real_damage")
    )
    (line,) = (line for line in card.splitlines() if line.startswith("| untouched |"))
    shown = FIGURE.fullmatch(line.strip("|").split("|")[4].strip()).groups()
    assert shown == tuple(f"{first[key]:.3f}" for key in ("value", "lo", "hi"))
    assert f"{first['count']} of {first['n']} with real damage" in card


def test_the_metadata_block_has_the_same_digits(card: str, summary: dict) -> None:
    values = yaml.safe_load(card.split("---\n", 2)[1])
    results = values["model-index"][0]["results"]
    for result, entry in zip(results, (summary["launderings"][0], summary["pooled"]), strict=True):
        shown = {metric["type"]: metric["value"] for metric in result["metrics"]}
        assert shown["roc_auc"] == round(entry["headline"]["auroc"]["value"], 3)
        assert shown["recall"] == round(entry["headline"]["tpr"]["value"], 3)
        assert shown["f1"] == round(entry["pixel"]["f1"]["value"], 3)
    assert values["datasets"] == summary["provenance"]["photo_sets"]


def test_thresholds_are_those_of_bundle_and_evaluation(card: str, summary: dict) -> None:
    point = json.loads((BUNDLE / "bundle.json").read_text(encoding="utf-8"))["operating_point"]
    measured = summary["operating_point"]
    assert {key: measured[key] for key in point if key in measured} == point
    assert f"probability ≥ {point['image_threshold']:.6g}, " in card
    assert f"heat map ≥ {point['mask_threshold']} of 255" in card
    assert f"probability < {point['clear_threshold']:.6g} " in card
