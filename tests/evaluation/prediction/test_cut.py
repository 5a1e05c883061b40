"""A budget leaves whole sources of the measured fold out and nothing else; a later call goes on with them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.evaluation.conftest import NAMES, SUITE, CheckerScorer

from falseflaw.dataset.manifest import read_manifest
from falseflaw.evaluation.prediction import predict as module
from falseflaw.evaluation.prediction.predict import predict
from falseflaw.evaluation.prediction.predictions import read_predictions
from falseflaw.evaluation.prediction.selection import Selection, in_order_of_draw, select_sources
from falseflaw.machine import Budget

EACH = 5  # photos of a part: no divisor of the members of a set, so that parts end within sources


class Clocked(CheckerScorer):
    """Takes a second a photo by its own clock."""

    def clock(self) -> float:
        return float(self.scored)


@pytest.fixture
def rows(dataset: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """Three sources of fold val, then three of fold test."""
    monkeypatch.setattr(module, "_CHUNK", EACH)
    manifest = read_manifest(dataset)
    val, test = (manifest[manifest["fold"] == fold] for fold in ("val", "test"))
    return pd.concat([val, in_order_of_draw(test)], ignore_index=True)


def cut(dataset: Path, rows: pd.DataFrame, output: Path, minutes: float | None, measured: Any = "test"):
    scorer = Clocked()
    selection = Selection(dataset, rows, SUITE, measured=measured)
    found = predict(selection, scorer, output, progress=False, budget=Budget(minutes, scorer.clock))
    return found, scorer.scored


def counts(rows: pd.DataFrame) -> dict[str, int]:
    return rows.groupby("fold")["source_id"].nunique().to_dict()


def whole(found: pd.DataFrame, rows: pd.DataFrame) -> bool:
    """Whether every photo of every source that is there stands under every laundering once."""
    wanted = rows[rows["source_id"].isin(set(found["source_id"]))]
    pairs = sorted((path, name) for path in wanted["path"] for name in NAMES)
    return sorted(zip(found["path"], found["laundering"], strict=True)) == pairs


def test_whole_sources_of_the_measured_fold_are_left_out_and_it_is_told(
    dataset, rows, tmp_path, capsys
) -> None:
    each = len(rows) // 6
    found, scored = cut(dataset, rows, tmp_path, len(SUITE) * (5 * each + 1) / 60)
    assert counts(found) == {"val": 3, "test": 2}
    assert whole(found, rows)
    assert set(found.loc[found["fold"] == "test", "path"]) == set(
        select_sources(rows[rows["fold"] == "test"], 2)["path"]
    )
    assert len(found) < scored < len(rows) * len(SUITE)
    assert capsys.readouterr().out == "the minutes are over: 1 of 3 sources are left out\n"
    assert read_predictions(tmp_path)["path"].equals(found["path"])


def test_the_fold_that_is_fitted_on_and_two_sources_are_always_finished(
    dataset, rows, tmp_path, capsys
) -> None:
    found, _ = cut(dataset, rows, tmp_path, 1e-9)
    assert counts(found) == {"val": 3, "test": 2}
    assert whole(found, rows)
    first, last = capsys.readouterr().out.splitlines()
    assert re.search("over: it still goes on until fold val and 2 sources of fold test", first)
    assert re.search("1 of 3 sources are left out", last)


def test_a_later_call_goes_on_where_the_minutes_ended(dataset, rows, tmp_path, capsys) -> None:
    expected, all_of_them = cut(dataset, rows, tmp_path / "whole", None)
    _, first = cut(dataset, rows, tmp_path / "cut", 1e-9)
    found, then = cut(dataset, rows, tmp_path / "cut", None)
    assert first + then == all_of_them
    assert found.drop(columns=["positive_histogram", "negative_histogram", "features"]).equals(
        expected.drop(columns=["positive_histogram", "negative_histogram", "features"])
    )
    assert np.array_equal(
        np.stack(found["negative_histogram"].to_numpy()), np.stack(expected["negative_histogram"].to_numpy())
    )
    assert not (tmp_path / "cut" / ".parts").exists()
    assert cut(dataset, rows, tmp_path / "cut", 1e-9)[1] == 0  # all is there: nothing is left out any more
    assert "left out" not in capsys.readouterr().out.split("\n", 2)[2]


def test_each_call_with_minutes_gets_further(dataset, rows, tmp_path) -> None:
    sources = []
    for _ in range(20):
        found, scored = cut(dataset, rows, tmp_path, 1e-9)
        assert whole(found, rows)
        sources.append(counts(found)["test"])
        if not scored:
            break
    assert sources == sorted(sources)
    assert sources[-1] == 3


def test_without_a_measured_fold_nothing_is_left_out(dataset, rows, tmp_path) -> None:
    found, _ = cut(dataset, rows, tmp_path, 1e-9, measured=None)
    assert len(found) == len(rows) * len(SUITE)


def test_the_order_of_the_draw_begins_with_what_a_limit_keeps(rows) -> None:
    test = rows[rows["fold"] == "test"]
    ordered = in_order_of_draw(test.sample(frac=1, random_state=2))
    assert sorted(ordered["path"]) == sorted(test["path"])
    names = list(dict.fromkeys(ordered["source_id"]))
    assert (ordered["source_id"] != ordered["source_id"].shift()).sum() == len(names) == 3
    for limit in (1, 2):
        assert set(names[:limit]) == set(select_sources(test, limit)["source_id"])
