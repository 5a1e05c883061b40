"""Judges photos of an evaluation again, with the bundle as it is shipped, and compares the figures."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.figures.measure import image_metrics, pixel_metrics, prepare
from falseflaw.evaluation.figures.summary import read_any_summary
from falseflaw.evaluation.prediction.predict import predict
from falseflaw.evaluation.prediction.predictions import read_predictions
from falseflaw.evaluation.prediction.scorers import BundleScorer
from falseflaw.evaluation.prediction.selection import Selection, select_sources
from falseflaw.imaging.laundering.base import Identity
from falseflaw.types import OperatingPoint

PROBABILITY_TOLERANCE = 1e-3
"""Of a photo. Evaluations of checkpoints ran in torch, maybe on a GPU."""

FIGURE_TOLERANCE = 1e-3
"""Of a figure; they are printed to that."""

_KEY = ["path", "sha256"]  # a dataset may hold the same photo under two names


def judge_again(bundle: Path, dataset: Path, evaluation: Path, sources: int) -> str:
    """Judges untouched photos of an evaluation again and returns in a line what was found equal.

    Args:
        bundle: Folder.
        dataset: Folder with the photos.
        evaluation: Folder of an evaluation of the bundle, or of the checkpoint that it came from.
        sources: Most sources that are judged again, with all their photos that were measured.

    Raises:
        MissingDataError, InvalidDataError: Dataset or evaluation cannot be read, the evaluation is of another
            model, operating point or dataset, or an answer differs.
    """
    scorer, summary = BundleScorer(bundle), read_any_summary(evaluation)
    point, measured = scorer.operating_point, summary.provenance.model["sha256"]
    if measured not in (scorer.fingerprint, scorer.info.checkpoint_sha256):
        raise InvalidDataError(
            f"expected an evaluation of this bundle or of its checkpoint in {evaluation}, got one of "
            f"{summary.provenance.model['kind']} {measured[:12]}…"
        )
    if summary.operating_point != point:
        raise InvalidDataError(
            f"expected the operating point of the bundle in {evaluation}, got another one: "
            f"{summary.operating_point}"
        )
    before = read_predictions(evaluation)
    before = before[(before["laundering"] == Identity().name) & (before["fold"] == summary.fold)]
    before = before.set_index(_KEY)
    rows = read_manifest(dataset)
    known = rows.set_index(_KEY).index.isin(before.index)
    rows = select_sources(rows[known], sources)
    if rows.empty:
        raise InvalidDataError(
            f"expected untouched photos of {evaluation} in {dataset}, got none; pass the dataset it is of"
        )
    with tempfile.TemporaryDirectory() as scratch:
        now = predict(Selection(dataset, rows, [Identity()]), scorer, Path(scratch), progress=False)
    return _compare(before.loc[now.set_index(_KEY).index].reset_index(), now, point)


def _compare(before: pd.DataFrame, now: pd.DataFrame, point: OperatingPoint) -> str:
    """Compares the same photos, in the same order."""
    old, new = prepare(before, point), prepare(now, point)
    moved = (old["probability"] - new["probability"]).abs().to_numpy()
    worst = int(moved.argmax())
    if not moved.max() <= PROBABILITY_TOLERANCE:  # NaN fails
        raise InvalidDataError(
            f"expected probability {old['probability'][worst]:.6f} for {new['path'][worst]}, as in the "
            f"evaluation, within {PROBABILITY_TOLERANCE:g}, got {new['probability'][worst]:.6f}"
        )
    differ = (old["verdict"].astype(str) != new["verdict"].astype(str)).to_numpy()
    if differ.any():
        first = int(differ.argmax())
        raise InvalidDataError(
            f"expected the verdict {old['verdict'][first]!s} for {new['path'][first]}, as in the evaluation, "
            f"got {new['verdict'][first]!s}; {differ.sum()} of {len(new)} verdicts differ"
        )
    told = ""
    was, found = _figures(old), _figures(new)
    for name, value in was.items():
        if not abs(value - found[name]) <= FIGURE_TOLERANCE:
            raise InvalidDataError(
                f"expected {name} {value:.4f} on these {len(new)} photos, as in the evaluation, "
                f"got {found[name]:.4f}"
            )
        told += f", {name} {found[name]:.3f} (was {value:.3f})"
    return (
        f"{len(new)} untouched photos of {new['source_id'].nunique()} sources judged again: verdicts as in "
        f"the evaluation, probability within {moved.max():.1e}{told}"
    )


def _figures(rows: pd.DataFrame) -> dict[str, float]:
    """Returns the figures that photos of this choice have, by name."""
    labelled, altered = rows[rows["label"] >= 0], rows[rows["label"] == 1]
    image, pixel = image_metrics(labelled), pixel_metrics(altered)
    metrics = {"AUROC": image["auroc"], "balanced accuracy": image["balanced_accuracy"]}
    found = {name: float(metric(np.ones((1, len(labelled))))[0]) for name, metric in metrics.items()}
    found["pixel F1"] = float(pixel["f1"](np.ones((1, len(altered))))[0]) if len(altered) else np.nan
    return {name: value for name, value in found.items() if not np.isnan(value)}  # NaN: of one class alone
