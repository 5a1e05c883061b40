"""What a variant of a network costs and gains against the float32 one, measured on the validation fold."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.figures.groups import HEADLINE_POSITIVES, comparable
from falseflaw.evaluation.figures.measure import prepare
from falseflaw.evaluation.figures.paired import Evaluation, compare
from falseflaw.evaluation.prediction.predict import predict
from falseflaw.evaluation.prediction.scorers import BundleScorer
from falseflaw.evaluation.prediction.selection import Selection
from falseflaw.imaging import codec
from falseflaw.imaging.laundering.base import Laundering
from falseflaw.runtime.bundle import MODEL_NAME
from falseflaw.runtime.predictor import Predictor
from falseflaw.seeding import unit_interval
from falseflaw.statistics.bootstrap import Estimate
from falseflaw.types import Edit, Fold, Image, Verdict

PRICED = {"auroc": "AUROC", "pixel_f1": "pixel F1", "tpr": "TPR", "fpr": "FPR, simulated damage"}
"""Figures that are compared, with the words for them."""

_EDITS = (*HEADLINE_POSITIVES, str(Edit.SIMULATED_DAMAGE), str(Edit.AUTHENTIC))


@dataclass(frozen=True)
class Pair:
    """A figure of both networks on the same photos.

    Attributes:
        fp32: Of the float32 network.
        variant: Of the variant.
        difference: The latter less the former, resampled in pairs.
    """

    fp32: Estimate
    variant: Estimate
    difference: Estimate


@dataclass(frozen=True)
class Price:
    """What a variant costs and gains.

    Attributes:
        dataset: Folder name.
        config_hash: Of its photos.
        fold: That was measured on.
        sources: Number.
        photos: Number of photos, each under every laundering.
        launderings: Their names.
        figures: By name of `PRICED`, all launderings pooled.
        verdicts: Number that was compared: photos times launderings.
        changed: Of those, how many are other ones.
        honest: Verdicts on photos without AI pixels.
        accused: Of those, how many are `altered` with the variant and were not before.
        largest_move: Of the probability.
        mean_move: Of the probability.
        milliseconds: Median time of one photo, both networks taking turns.
        size: Height and width of the timed photos, pixels.
        threads: Of onnxruntime.
        megabytes: Of `model.onnx`.
    """

    dataset: str
    config_hash: str
    fold: str
    sources: int
    photos: int
    launderings: tuple[str, ...]
    figures: dict[str, Pair]
    verdicts: int
    changed: int
    honest: int
    accused: int
    largest_move: float
    mean_move: float
    milliseconds: dict[str, float]
    size: tuple[int, int]
    threads: int
    megabytes: dict[str, float]


@dataclass(frozen=True, eq=False)
class Validation:
    """Photos of the validation fold, from different sources for either use.

    Attributes:
        dataset: Folder.
        rows: Of its manifest, to measure on.
        calibration: Files to measure the ranges of activations on.
    """

    dataset: Path
    rows: pd.DataFrame
    calibration: Sequence[Path]

    def photos(self) -> list[Image]:
        """Reads the photos to calibrate on."""
        return [codec.decode(path) for path in self.calibration]


def choose_photos(dataset: Path, sources: int, calibration_photos: int) -> Validation:
    """Chooses photos of fold `val`, by a hash of their sources' names.

    Args:
        dataset: Of matched sets.
        sources: Most sources to measure on: their inpainted, simulated-damage and authentic photos.
        calibration_photos: Most sources to calibrate on, one photo each, the edits taking turns; no more
            than half of all.

    Raises:
        MissingDataError, InvalidDataError: It is no dataset, or its fold `val` is too small.
    """
    rows = read_manifest(dataset)
    rows = rows[(rows["fold"] == str(Fold.VAL)) & rows["edit"].isin(_EDITS)]
    names = sorted(set(rows["source_id"]), key=lambda name: (unit_interval("limit", name), name))
    apart = min(calibration_photos, len(names) // 2)
    measured = rows[rows["source_id"].isin(names[: min(sources, len(names) - apart)])]
    if not apart or not comparable(measured):
        raise InvalidDataError(
            f"expected at least two sources with inpainted photos and simulated damage in the {Fold.VAL} "
            f"fold of {dataset}, got {len(names)} sources; build a larger dataset"
        )
    files = []
    for index, name in enumerate(names[len(names) - apart :]):
        own = rows[rows["source_id"] == name].sort_values("edit")
        files.append(dataset / str(own["path"].iloc[index % len(own)]))
    return Validation(dataset, measured.reset_index(drop=True), files)


def measure_price(
    before: Path,
    after: Path,
    validation: Validation,
    launderings: Iterable[Laundering],
    timed: Sequence[Image],
    *,
    threads: int = 1,
    replicates: int = 1000,
    progress: Callable[[str], None] = lambda text: None,
) -> Price:
    """Judges the same photos with both bundles.

    Args:
        before: Bundle with the float32 network.
        after: Bundle with the variant, at the same operating point.
        validation: Photos to judge.
        launderings: Each photo goes through.
        timed: Photos of one size whose time is taken.
        threads: Of onnxruntime while the time is taken.
        replicates: Of the bootstrap.
        progress: Takes a word about what is done.
    """
    selection = Selection(validation.dataset, validation.rows, tuple(launderings))
    judged = []
    for name, bundle in (("fp32", before), ("the variant", after)):
        progress(f"judging {len(validation.rows)} photos with {name}")
        scorer = BundleScorer(bundle)
        with tempfile.TemporaryDirectory() as scratch:
            predictions = predict(selection, scorer, Path(scratch), progress=False)
        point = scorer.operating_point
        judged.append(Evaluation(name, prepare(predictions, point), point))
    metrics = compare(judged, replicates).pooled.metrics
    old, new = (evaluation.rows for evaluation in judged)  # both in the order of the selection
    changed = (old["verdict"].astype(str) != new["verdict"].astype(str)).to_numpy()
    honest = (old["label"] == 0).to_numpy()
    altered = (new["verdict"].astype(str) == str(Verdict.ALTERED)).to_numpy()
    moved = (old["probability"] - new["probability"]).abs()
    seconds = take_turns([Predictor(folder, threads=threads) for folder in (before, after)], timed)
    return Price(
        dataset=validation.dataset.name,
        config_hash=",".join(sorted(set(validation.rows["config_hash"]))),
        fold=str(Fold.VAL),
        sources=int(validation.rows["source_id"].nunique()),
        photos=len(validation.rows),
        launderings=tuple(item.name for item in selection.suite),
        figures={name: _pair(metrics[name].values, metrics[name].differences[1]) for name in PRICED},
        verdicts=len(changed),
        changed=int(changed.sum()),
        honest=int(honest.sum()),
        accused=int((changed & honest & altered).sum()),
        largest_move=float(moved.max()),
        mean_move=float(moved.mean()),
        milliseconds=dict(zip(("fp32", "variant"), (1000 * second for second in seconds), strict=True)),
        size=(int(timed[0].shape[0]), int(timed[0].shape[1])),
        threads=threads,
        megabytes={"fp32": _megabytes(before), "variant": _megabytes(after)},
    )


def take_turns(predictors: Sequence[Predictor], photos: Sequence[Image]) -> list[float]:
    """Returns the median time of one photo for each, seconds.

    They take turns, so that a busy machine is busy for all of them.
    """
    seconds: list[list[float]] = [[] for _ in predictors]
    for predictor in predictors:
        predictor.infer(photos[0][None])  # to warm up
    for photo in photos:
        batch: NDArray[np.uint8] = photo[None]
        for predictor, taken in zip(predictors, seconds, strict=True):
            begin = time.perf_counter()
            predictor.infer(batch)
            taken.append(time.perf_counter() - begin)
    return [float(np.median(taken)) for taken in seconds]


def _pair(values: tuple[Estimate, ...], difference: Estimate | None) -> Pair:
    return Pair(values[0], values[1], difference or Estimate(None, None, None, 0))


def _megabytes(bundle: Path) -> float:
    return (bundle / MODEL_NAME).stat().st_size / 1e6
