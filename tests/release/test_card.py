import json
from dataclasses import replace

import pytest
import yaml
from tests.evaluation.made import PROVENANCE, made_predictions, summarized
from tests.runtime.red import POINT, info

from falseflaw.evaluation.figures import rates
from falseflaw.evaluation.figures.measure import Measure, prepare
from falseflaw.evaluation.figures.summary import ComparisonSummary, RatesSummary
from falseflaw.evaluation.report.other_evaluations import OtherEvaluation
from falseflaw.release.card import model_card
from falseflaw.release.measured import Measured
from falseflaw.statistics.bootstrap import Estimate, Share
from falseflaw.types import Edit

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


@pytest.fixture(scope="module")
def summary() -> ComparisonSummary:
    """Of drawn predictions, with some figures set by hand."""
    predictions = made_predictions(launderings=("identity", "avif60"))
    found = summarized(predictions, POINT, provenance=replace(PROVENANCE, photo_sets=("clothing", "my own")))
    first, last = found.launderings
    headline = replace(
        first.headline,
        auroc=Estimate(0.912, 0.902, 0.922, 50),
        tpr=Share(0.731, 0.721, 0.741, 50, 37),
        fpr=Share(0.012, 0.002, 0.022, 50, 1),
    )
    pixel = replace(last.pixel, f1=Estimate(None, None, None, 0))
    return replace(
        found,
        launderings=(replace(first, headline=headline), replace(last, unseen=True, pixel=pixel)),
    )


@pytest.fixture(scope="module")
def real_damage() -> RatesSummary:
    predictions = made_predictions(10, launderings=("identity",), edits=(Edit.SIMULATED_DAMAGE,))
    rows = prepare(predictions.assign(edit=str(Edit.REAL_DAMAGE)), POINT)
    return rates.summarize(rows, Measure(POINT, 10), replace(PROVENANCE, photo_sets=("real_damage",)))


def row(card: str, name: str) -> list[str]:
    (line,) = (line for line in card.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_card_tells_what_was_measured(summary) -> None:
    card = model_card(info(name="nice", parity=PARITY, checkpoint_sha256="f" * 64), Measured(summary))
    first = ["untouched", "0.912 [0.902, 0.922]", "0.731 [0.721, 0.741]", "0.012 [0.002, 0.022]", "–"]
    assert row(card, "untouched")[:5] == first
    auroc = summary.launderings[1].headline.auroc
    assert row(card, "avif60 *")[1].startswith(f"{auroc.value:.3f} [")
    assert row(card, "avif60 *")[5] == "–"
    assert row(card, "all launderings pooled")[1].startswith(f"{summary.pooled.headline.auroc.value:.3f} [")
    assert "of 50 inpainted photos, untouched, it finds 37" in card
    assert "1 of 50 with simulated damage" in card
    assert "nothing here speaks for honest buyers" in card
    assert "12 simulated damage" in card
    assert "probability ≥ 0.9, and a pixel of the heat map ≥ 200 of 255" in card
    assert "CC0-1.0" in card
    assert "my own" in card
    assert "2 of 1,234,567 pixels" in card
    assert "f" * 64 in card
    assert not set("{}") & set(card)
    assert " nan" not in card.lower()


def test_real_damage_stands_beside_simulated(summary, real_damage) -> None:
    others = (OtherEvaluation("x/real_damage", real_damage),)
    card = model_card(info(parity=PARITY), Measured(summary, others))
    told = {rate.laundering: rate.flagged for rate in real_damage.rates if rate.product == rates.ALL}
    shown = told["identity"]
    assert row(card, "untouched")[4] == f"{shown.value:.3f} [{shown.lo:.3f}, {shown.hi:.3f}]"
    assert row(card, "avif60 *")[4] == "–"
    assert f"{shown.count} of {shown.n} with real damage" in card
    assert "- real damage (test fold), untouched: " in card


def test_real_damage_to_develop_with_is_told_apart(summary, real_damage) -> None:
    others = (OtherEvaluation("x/cookies", replace(real_damage, fold="val")),)
    card = model_card(info(parity=PARITY), Measured(summary, others))
    assert row(card, "untouched")[4] == "–"
    assert "- cookies (val fold), untouched: " in card


def test_before_its_evaluation_a_card_tells_no_figure() -> None:
    dataset = {"name": "mine", "config_hash": "abc"}
    card = model_card(info(parity=PARITY, dataset=dataset), None)
    assert "Not evaluated yet" in card
    assert "`mine` (configuration `abc`)" in card
    assert "AUROC" not in card
    assert "model-index" not in metadata(card)


def test_guarantees_are_those_of_the_bundle(summary) -> None:
    promise = {"text": "simulated damage is called altered with a probability of at most 1 %"}
    card = model_card(info(parity=PARITY, guarantees=[promise]), Measured(summary))
    assert f"- {promise['text']}." in card


def metadata(card: str) -> dict:
    _, block, _ = card.split("---\n", 2)
    return yaml.safe_load(block)


def test_the_metadata_block_is_what_hubs_read(summary) -> None:
    values = metadata(model_card(info(name="nice", parity=PARITY), Measured(summary)))
    assert values["license"] == "apache-2.0"
    assert values["datasets"] == ["clothing", "my own"]
    (entry,) = values["model-index"]
    assert entry["name"] == "nice"
    figures = {metric["type"]: metric["value"] for metric in entry["results"][0]["metrics"]}
    assert figures["roc_auc"] == 0.912
    assert figures["false_positive_rate"] == 0.012
    assert set(figures) == set(values["metrics"])


def test_a_hub_library_reads_the_metadata(summary) -> None:
    hub = pytest.importorskip("huggingface_hub")
    card = hub.ModelCard(model_card(info(name="nice", parity=PARITY), Measured(summary)))
    assert card.data.license == "apache-2.0"
    assert card.data.library_name == "onnxruntime"
    found = {
        (result.dataset_name, result.metric_type): result.metric_value for result in card.data.eval_results
    }
    assert found[f"matched sets of {summary.sources} sources, untouched", "roc_auc"] == 0.912
    assert json.dumps(card.data.to_dict())
