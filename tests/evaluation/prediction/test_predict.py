import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest
from tests.evaluation.conftest import NAMES, SUITE, CheckerScorer

from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.evaluation.prediction import predict as module
from falseflaw.evaluation.prediction.predict import predict
from falseflaw.evaluation.prediction.predictions import PREDICTIONS_NAME, SCHEMA, read_predictions
from falseflaw.evaluation.prediction.selection import Selection, select_sources
from falseflaw.imaging import codec
from falseflaw.imaging.laundering.base import Identity, launder
from falseflaw.imaging.laundering.chain import Chain
from falseflaw.imaging.laundering.recompress import Jpeg
from falseflaw.imaging.laundering.screenshot.simulated import SimulatedScreenshot
from falseflaw.types import MATCHED


@pytest.fixture
def rows(dataset: Path) -> pd.DataFrame:
    manifest = read_manifest(dataset)
    return manifest[manifest["fold"].isin(["val", "test"])].reset_index(drop=True)


def same(left: pd.DataFrame, right: pd.DataFrame) -> bool:
    histograms = ["positive_histogram", "negative_histogram"]
    equal = all(
        np.array_equal(np.stack(left[name].to_numpy()), np.stack(right[name].to_numpy()))
        for name in histograms
    )
    return equal and left.drop(columns=histograms).equals(right.drop(columns=histograms))


def test_every_photo_under_every_laundering_once_and_right(dataset, rows, scorer, tmp_path) -> None:
    found = predict(Selection(dataset, rows, SUITE), scorer, tmp_path, batch_size=4, progress=False)
    assert list(found.columns) == SCHEMA.names
    assert len(found) == len(rows) * 3
    assert not found.duplicated(["path", "laundering"]).any()
    assert set(found["path"]) == set(rows["path"])
    assert set(found["laundering"]) == set(NAMES)
    assert not (tmp_path / ".parts").exists()
    assert same(found, read_predictions(tmp_path))
    for _, row in found.sample(12, random_state=0).iterrows():  # each score, taken alone
        image = codec.decode(dataset / row["path"])
        source = rows[rows["path"] == row["path"]].iloc[0]
        mask = np.zeros(image.shape[:2], bool)
        if source["mask_path"]:
            mask = codec.read_mask(dataset / source["mask_path"])
        item = SUITE[NAMES.index(row["laundering"])]
        image, mask = launder(item, image, mask, row["sha256"])
        logits, heats = CheckerScorer().score(image[None])
        assert row["logit"] == pytest.approx(float(logits[0]))
        assert np.array_equal(row["positive_histogram"], np.bincount(heats[0][mask], minlength=256))
        assert np.array_equal(row["negative_histogram"], np.bincount(heats[0][~mask], minlength=256))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_fold_may_go_through_some_launderings_only(dataset, rows, tmp_path, workers) -> None:
    whole = predict(Selection(dataset, rows, SUITE), CheckerScorer(), tmp_path, progress=False)
    scorer, only = CheckerScorer(), {"val": ["resize_0.5"]}
    selection = Selection(dataset, rows, SUITE, only)
    found = predict(selection, scorer, tmp_path, batch_size=4, workers=workers, progress=False)
    assert (rows["fold"] == "val").any()
    kept = whole[(whole["fold"] != "val") | (whole["laundering"] == "resize_0.5")].reset_index(drop=True)
    assert scorer.scored == len(kept) < len(whole)
    assert same(found, kept)


def test_batches_hold_one_size_and_no_more_than_asked(dataset, rows, scorer, tmp_path) -> None:
    predict(
        Selection(dataset, rows, [Identity(), SimulatedScreenshot()]),
        scorer,
        tmp_path,
        batch_size=3,
        progress=False,
    )
    assert max(shape[0] for shape in scorer.batches) == 3
    assert sum(shape[0] for shape in scorer.batches) == 2 * len(rows)
    assert len({shape[1:] for shape in scorer.batches}) > 5


def test_threads_and_chunks_change_nothing(dataset, rows, tmp_path, monkeypatch) -> None:
    one = predict(Selection(dataset, rows, SUITE), CheckerScorer(), tmp_path / "a", threads=1, progress=False)
    monkeypatch.setattr(module, "_CHUNK", 7)
    other = predict(
        Selection(dataset, rows, SUITE), CheckerScorer(), tmp_path / "b", threads=3, progress=False
    )
    assert same(one, other)
    assert (tmp_path / "a" / PREDICTIONS_NAME).stat().st_size > 0


def test_goes_on_where_it_was_stopped(dataset, rows, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(module, "_CHUNK", 5)
    whole = predict(Selection(dataset, rows, SUITE), CheckerScorer(), tmp_path / "whole", progress=False)
    stopped = CheckerScorer()
    stopped.stop_after = 40
    with pytest.raises(KeyboardInterrupt):
        predict(Selection(dataset, rows, SUITE), stopped, tmp_path / "cut", batch_size=8, progress=False)
    assert not (tmp_path / "cut" / PREDICTIONS_NAME).exists()
    (tmp_path / "cut" / ".parts" / ".half.parquet.123.partial").write_bytes(b"PAR1")  # what a kill leaves
    again = CheckerScorer()
    resumed = predict(Selection(dataset, rows, SUITE), again, tmp_path / "cut", progress=False)
    assert same(resumed, whole)
    assert again.scored == 3 * len(rows) - 30  # two chunks of five photos were done


def test_a_finished_file_is_read_and_not_made_again(dataset, rows, scorer, tmp_path) -> None:
    first = predict(Selection(dataset, rows, SUITE), scorer, tmp_path, progress=False)
    idle = CheckerScorer()
    assert same(predict(Selection(dataset, rows, SUITE), idle, tmp_path, progress=False), first)
    assert idle.scored == 0


def test_whatever_the_scores_depend_on_makes_them_anew(dataset, rows, scorer, tmp_path) -> None:
    predict(Selection(dataset, rows, SUITE), scorer, tmp_path, progress=False)

    def count(*, frame=rows, suite=SUITE, version="1") -> int:
        other = CheckerScorer(version)
        predict(Selection(dataset, frame, suite), other, tmp_path, progress=False)
        return other.scored

    assert count(version="2") == 3 * len(rows)
    assert count(suite=SUITE[:2]) == 2 * len(rows)
    assert count(suite=(Identity(), Jpeg(79))) == 2 * len(rows)
    assert count(suite=(Identity(), Jpeg(79, "4:4:4"))) == 2 * len(rows)
    assert count(frame=rows.iloc[:-1], suite=(Identity(),)) == len(rows) - 1


@dataclass(frozen=True)
class _ByAProgram(Identity):
    """Depends on a program outside, as screenshots do on the browser, and looks the same for each version."""

    installed: ClassVar[str] = "1"

    def versions(self) -> dict[str, str]:
        return {"program": _ByAProgram.installed}


@pytest.mark.parametrize("item", [_ByAProgram(), Chain([Jpeg(80), _ByAProgram()])])
def test_another_version_of_a_program_outside_makes_them_anew(
    dataset, rows, tmp_path, monkeypatch, item
) -> None:
    for version, scored in (("1", len(rows)), ("1", 0), ("2", len(rows))):
        monkeypatch.setattr(_ByAProgram, "installed", version)
        scorer = CheckerScorer()
        predict(Selection(dataset, rows, [item]), scorer, tmp_path, progress=False)
        assert scorer.scored == scored


def test_a_broken_result_is_made_again(dataset, rows, scorer, tmp_path) -> None:
    first = predict(Selection(dataset, rows, SUITE), scorer, tmp_path, progress=False)
    path = tmp_path / PREDICTIONS_NAME
    for data in (b"", path.read_bytes()[:200]):
        path.write_bytes(data)
        with pytest.raises(InvalidDataError, match="cannot read"):
            read_predictions(tmp_path)
        assert same(
            predict(Selection(dataset, rows, SUITE), CheckerScorer(), tmp_path, progress=False), first
        )


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (lambda path, mask: path.unlink(), "No such file"),
        (lambda path, mask: path.write_bytes(b""), "sha256"),
        (lambda path, mask: path.write_bytes(path.read_bytes()[:-9]), "sha256"),
        (lambda path, mask: mask.unlink(), "cannot read"),
        (lambda path, mask: mask.write_bytes(b"not a picture"), "cannot read"),
        (lambda path, mask: codec.write_atomic(mask, codec.encode_png(np.zeros((96, 128), bool))), "empty"),
        (
            lambda path, mask: codec.write_atomic(mask, codec.encode_png(np.ones((9, 9), bool))),
            "expected the mask",
        ),
    ],
)
def test_a_harmed_file_is_named_in_one_line(dataset, rows, scorer, tmp_path, harm, message) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(dataset, copy)
    row = rows[rows["label"] == 1].iloc[3]
    harm(copy / row["path"], copy / row["mask_path"])
    with pytest.raises(InvalidDataError, match=message) as raised:
        predict(Selection(copy, rows, SUITE), scorer, tmp_path / "out", progress=False)
    text = str(raised.value)
    assert "\n" not in text
    assert "falseflaw synthesize" in text
    assert not (tmp_path / "out" / PREDICTIONS_NAME).exists()


def test_nothing_to_do_is_an_error(dataset, rows, scorer, tmp_path) -> None:
    with pytest.raises(InvalidDataError, match="got none"):
        predict(Selection(dataset, rows.iloc[:0], SUITE), scorer, tmp_path)
    with pytest.raises(ConfigurationError, match="at least one"):
        predict(Selection(dataset, rows, []), scorer, tmp_path)
    with pytest.raises(InvalidDataError, match="cannot read"):
        read_predictions(tmp_path)


def test_select_sources_takes_whole_sources_of_each_fold_whatever_the_order(rows) -> None:
    chosen = select_sources(rows, 2)
    assert chosen.groupby("fold")["source_id"].nunique().to_dict() == {"test": 2, "val": 2}
    assert len(chosen) == 4 * len(MATCHED)
    shuffled = select_sources(rows.sample(frac=1, random_state=1), 2)
    assert set(shuffled["path"]) == set(chosen["path"])
    assert set(select_sources(rows, 1)["path"]) < set(chosen["path"])
    assert len(select_sources(rows, None)) == len(rows)
