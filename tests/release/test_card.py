import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from tests.evaluation.made import PROVENANCE, made_predictions, summarized, write_evaluation
from tests.runtime.red import POINT, info

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.evaluation.figures.summary import ComparisonSummary, write_summary
from falseflaw.release.card import model_card, read_evaluation
from falseflaw.statistics.bootstrap import Estimate, Share
from falseflaw.types import OperatingPoint

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
    flagged = first.flagged | {"simulated_damage": Share(0.1, 0.09, 0.11, 41, 4)}
    pixel = replace(last.pixel, f1=Estimate(None, None, None, 0))
    return replace(
        found,
        launderings=(
            replace(first, headline=headline, flagged=flagged),
            replace(last, unseen=True, pixel=pixel),
        ),
    )


def write(folder: Path, summary: ComparisonSummary) -> Path:
    write_evaluation(folder, made_predictions(2), POINT)
    write_summary(folder, summary)
    return folder


def test_the_card_tells_what_was_measured(summary) -> None:
    card = model_card(info(name="nice", parity=PARITY, checkpoint_sha256="f" * 64), summary)
    assert "| identity | 0.912 [0.902, 0.922] | 0.731 [0.721, 0.741] | 0.012 [0.002, 0.022] |" in card
    auroc = summary.launderings[1].headline.auroc
    assert f"| avif60 * | {auroc.value:.3f} [" in card
    assert "| all launderings pooled | 0." in card
    assert "| simulated damage | 12 |" in card
    assert "0.100 [0.090, 0.110] of 41" in card
    assert "probability ≥ 0.9, and a pixel of the heat map ≥ 200 of 255" in card
    assert "CC0-1.0" in card
    assert "my own" in card
    assert "They were fixed before this evaluation." in card
    assert "2 of 1,234,567 pixels" in card
    assert "f" * 64 in card
    assert not set("{}") & set(card)


def test_undefined_figures_are_no_numbers(summary) -> None:
    card = model_card(info(parity=PARITY), summary)
    (line,) = (line for line in card.splitlines() if line.startswith("| avif60 *") and line.endswith("– |"))
    assert "nan" not in line.lower()


def test_what_a_release_rests_on_is_read_whole(summary, tmp_path: Path) -> None:
    assert read_evaluation(write(tmp_path, summary)) == summary


def test_a_missing_evaluation_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="run `falseflaw evaluate` first"):
        read_evaluation(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"temperature": 1}', "\0"])
@pytest.mark.parametrize("name", ["operating_point.json", "summary.json"])
def test_a_damaged_evaluation_is_one_line(summary, tmp_path: Path, name: str, text: str) -> None:
    (write(tmp_path, summary) / name).write_text(text)
    with pytest.raises(InvalidDataError, match=name) as caught:
        read_evaluation(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["launderings", "pooled", "photos", "comparison", "operating_point"])
def test_a_missing_key_is_named(summary, tmp_path: Path, key: str) -> None:
    path = write(tmp_path, summary) / "summary.json"
    values = json.loads(path.read_text())
    del values[key]
    path.write_text(json.dumps(values))
    with pytest.raises(InvalidDataError, match=f"'{key}' is missing"):
        read_evaluation(tmp_path)


def test_figures_of_other_thresholds_are_refused(summary, tmp_path: Path) -> None:
    other = OperatingPoint(**(asdict(POINT) | {"image_threshold": 0.95}))
    with pytest.raises(InvalidDataError, match="one operating point"):
        read_evaluation(write(tmp_path, replace(summary, operating_point=other)))
