"""The way of an evaluation: select photos, predict, fix the operating point, measure, report."""

from __future__ import annotations

import datetime
import platform
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from falseflaw import __version__
from falseflaw.dataset.lineage import check_unseen
from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.evaluation.figures import comparison, rates
from falseflaw.evaluation.figures.calibration import (
    MISSED_SHARE,
    OPERATING_POINT_NAME,
    Fitted,
    fit,
    write_operating_point,
)
from falseflaw.evaluation.figures.groups import MIXTURE, comparable
from falseflaw.evaluation.figures.large_photos import LargePhotos, with_large_photos
from falseflaw.evaluation.figures.measure import Measure, prepare
from falseflaw.evaluation.figures.summary import (
    ComparisonSummary,
    Provenance,
    RatesSummary,
    SuiteRecord,
    write_summary,
)
from falseflaw.evaluation.figures.unlike import distances, fit_unlike, write_familiarity
from falseflaw.evaluation.prediction.predict import predict, under_way
from falseflaw.evaluation.prediction.predictions import write_distances
from falseflaw.evaluation.prediction.scorers import Scorer
from falseflaw.evaluation.prediction.selection import Selection, in_order_of_draw, select_sources
from falseflaw.evaluation.report.other_evaluations import read_other_evaluations
from falseflaw.evaluation.report.report import make_report
from falseflaw.evaluation.settings import EvaluationSettings
from falseflaw.evaluation.target import DetectorUnderTest
from falseflaw.imaging.laundering.base import Laundering, check_suite, versions_of
from falseflaw.machine import Budget
from falseflaw.provenance import git_revision, package_versions
from falseflaw.statistics.familiarity import Familiarity
from falseflaw.types import Fold, OperatingPoint

_PACKAGES = ("numpy", "torch", "timm", "onnxruntime", "pillow", "scipy", "pandas", "pyarrow")


def evaluate(
    detector: DetectorUnderTest,
    dataset: Path,
    launderings: Iterable[Laundering],
    output: Path,
    settings: EvaluationSettings,
    calibration: Iterable[Laundering] = (),
) -> ComparisonSummary | RatesSummary:
    """Measures a detector on a fold of a dataset and writes everything into `output`.

    Photos without matched sets, such as real damage, give rates instead of a comparison, and a report of
    those.

    Args:
        detector: The model; without an operating point, one is fitted on fold `val`.
        dataset: Folder with a manifest.
        launderings: Of distinct names; the first one is what the report opens with.
        output: Folder for predictions.parquet, operating_point.json, summary.json, figures/, report.html.
        settings: The rest.
        calibration: Launderings of fold `val` that an operating point is fitted on, instead of those of
            `launderings` that the settings name.

    Returns:
        The summary. Its provenance tells the minutes that predictions and figures took; None where
        predictions were there before.

    Raises:
        ConfigurationError: The fold is none to measure on, or an other evaluation is named twice.
        MissingDataError, InvalidDataError: The dataset is not one, lacks what has to be measured, or the
            detector learnt from people in it.
    """
    budget = Budget(settings.minutes)
    others = read_other_evaluations(settings.other_evaluations, output)
    large = _large_photos(detector, settings)
    selection = select(detector, dataset, launderings, settings, calibration)
    begun, started = under_way(output), time.monotonic()
    predictions = predict(
        selection,
        detector.scorer,
        output,
        batch_size=settings.batch_size,
        threads=settings.threads,
        workers=settings.workers,
        progress=settings.progress,
        budget=budget,
    )
    calibrate_on = tuple(selection.only.get(str(Fold.VAL), settings.calibrate_on))
    point, fitted, familiarity = _operating_point(detector, predictions, calibrate_on, settings.missed_share)
    if large is not None and fitted is not None:
        point, fitted = with_large_photos(point, fitted, large)
    if familiarity is not None:  # else the scorer told the distances itself, or there are none
        predictions["distance"] = distances(predictions, familiarity)
        write_distances(output, predictions["distance"].to_numpy(dtype=np.float64))
    write_familiarity(output, familiarity)
    write_operating_point(output / OPERATING_POINT_NAME, point, fitted)
    rows = prepare(predictions[predictions["fold"] == str(settings.fold)], point)
    if comparable(selection.rows) and not comparable(rows):
        raise InvalidDataError(
            f"expected inpainted and simulated-damage photos within minutes={settings.minutes}, got "
            f"{', '.join(sorted(set(rows['edit'])))} of {rows['source_id'].nunique()} sources; run it again: "
            "it goes on where it stopped"
        )
    summary = _figures(rows, point, fitted, _provenance(selection, rows, detector.scorer, settings), settings)
    minutes = None if begun else round((time.monotonic() - started) / 60, 2)
    summary = replace(summary, provenance=replace(summary.provenance, minutes=minutes))
    write_summary(output, summary)
    make_report(output, summary, rows, selection, detector.scorer, settings.examples, others)
    return summary


def select(
    detector: DetectorUnderTest,
    dataset: Path,
    launderings: Iterable[Laundering],
    settings: EvaluationSettings,
    calibration: Iterable[Laundering] = (),
) -> Selection:
    """Selects the photos that are measured and, where the operating point is fitted, those of fold `val`.

    Every fold goes through its own launderings: what is fitted on may be a wider suite than what is measured.

    Raises:
        ConfigurationError: Thresholds would be fitted on the fold that is measured.
        MissingDataError, InvalidDataError: The dataset is not one, lacks what has to be measured, or holds
            photos of people that the detector learnt from.
    """
    fitting = detector.operating_point is None
    if fitting and settings.fold is not Fold.TEST:
        raise ConfigurationError(
            "expected fold=test, or fold=val with thresholds that were fixed before, "
            f"got fold={settings.fold}; pass bundle= or operating_point="
        )
    if not fitting and settings.missed_share != MISSED_SHARE:
        raise ConfigurationError(
            "expected missed_share= where thresholds are fitted, got some that were fixed before; "
            "leave it out, or evaluate run= or checkpoint= without operating_point="
        )
    suite = check_suite(launderings)
    rows = read_manifest(dataset)
    check_unseen(detector.learnt_from, rows, dataset)
    if settings.edits:
        rows = rows[rows["edit"].isin(settings.edits)]
    # In the order of the draw: where minutes end it early, what is measured is what a limit would have kept.
    measured = in_order_of_draw(_of_fold(rows, settings.fold, settings.limit_sources, dataset))
    if not fitting:
        return Selection(dataset, measured.reset_index(drop=True), suite, measured=str(settings.fold))
    if not comparable(measured):
        raise InvalidDataError(
            f"expected inpainted and simulated-damage photos in the {settings.fold} fold, got "
            f"{', '.join(sorted(set(measured['edit'])))}; build a larger dataset, or pass bundle= or "
            "operating_point= for rates at thresholds that were fixed before"
        )
    # Of fold val nothing is ever looked at but what the operating point is fitted on.
    limit = settings.fitted_sources or settings.limit_sources
    fitted = _of_fold(rows[rows["edit"].isin(MIXTURE)], Fold.VAL, limit, dataset)
    both = pd.concat([fitted, measured], ignore_index=True)
    apart = tuple(calibration)
    if not apart:
        only = {str(Fold.VAL): settings.calibrate_on}
        return Selection(dataset, both, suite, only, str(settings.fold))
    only = {str(Fold.VAL): _names(check_suite(apart)), str(settings.fold): _names(suite)}
    return Selection(dataset, both, _joined(suite, apart), only, str(settings.fold))


def _names(suite: Iterable[Laundering]) -> tuple[str, ...]:
    return tuple(item.name for item in suite)


def _joined(suite: tuple[Laundering, ...], further: tuple[Laundering, ...]) -> tuple[Laundering, ...]:
    """Returns both suites as one.

    Raises:
        ConfigurationError: A name stands for two launderings, or what is fitted on was never to be seen.
    """
    known = {item.name: item for item in suite}
    for item in further:
        if repr(known.get(item.name, item)) != repr(item):
            raise ConfigurationError(
                f"expected one laundering called {item.name}, got {known[item.name]!r} to measure "
                f"and {item!r} to calibrate on; give one of them another name"
            )
        if item.unseen:
            raise ConfigurationError(
                f"expected launderings to calibrate on that training knows, got {item.name}, marked unseen; "
                "leave it out of the calibration suite"
            )
    return (*suite, *(item for item in further if item.name not in known))


def _of_fold(rows: pd.DataFrame, fold: Fold, limit: int | None, dataset: Path) -> pd.DataFrame:
    rows = rows[rows["fold"] == str(fold)]
    if rows.empty:
        raise InvalidDataError(
            f"expected photos of the {fold} fold in {dataset}, got none; build a larger dataset"
        )
    return select_sources(rows, limit)


def _operating_point(
    detector: DetectorUnderTest,
    predictions: pd.DataFrame,
    calibrate_on: tuple[str, ...],
    missed_share: float,
) -> tuple[OperatingPoint, Fitted | None, Familiarity | None]:
    """Returns thresholds, how they came about, and what tells distances where the scorer does not itself."""
    if detector.operating_point is not None:
        return detector.operating_point, None, detector.familiarity
    point, fitted = fit(predictions, calibrate_on, missed_share)
    unlike = fit_unlike(predictions, calibrate_on)
    if unlike is None:
        return point, fitted, None
    point = replace(point, distance_threshold=unlike.threshold)
    fitted = replace(
        fitted,
        guarantees=(*fitted.guarantees, unlike.guarantee),
        rule=f"{fitted.rule}; {unlike.guarantee.text}",
    )
    return point, fitted, unlike.familiarity


def _large_photos(detector: DetectorUnderTest, settings: EvaluationSettings) -> LargePhotos | None:
    """Reads the scores of large photos, if there are any to fit on.

    Raises:
        ConfigurationError: The thresholds were fixed before.
        MissingDataError, InvalidDataError: The file is not there, or is of another model.
    """
    if settings.large_photos is None:
        return None
    if detector.operating_point is not None:
        raise ConfigurationError(
            "expected large_photos= where thresholds are fitted, got some that were fixed before; "
            "leave it out, or evaluate run= or checkpoint= without operating_point="
        )
    large = LargePhotos.read(Path(settings.large_photos))
    if large.checkpoint != detector.scorer.fingerprint:
        raise InvalidDataError(
            f"expected scores of this model in {settings.large_photos}, got those of {large.model}; "
            "run `scripts/run measure-large-photos` with this one"
        )
    return large


def _figures(
    rows: pd.DataFrame,
    point: OperatingPoint,
    fitted: Fitted | None,
    provenance: Provenance,
    settings: EvaluationSettings,
) -> ComparisonSummary | RatesSummary:
    measure = Measure(point, settings.replicates, settings.seed, settings.metrics)
    if comparable(rows):
        return comparison.summarize(rows, measure, provenance, fitted, settings.costs)
    return rates.summarize(rows, measure, provenance, fitted)


def _provenance(
    selection: Selection, measured: pd.DataFrame, scorer: Scorer, settings: EvaluationSettings
) -> Provenance:
    rows, suite = selection.rows, selection.suite
    kept = measured["source_id"].nunique()
    wanted = rows.loc[rows["fold"] == str(settings.fold), "source_id"]
    fitted_on = rows.loc[rows["fold"] != str(settings.fold), "source_id"].nunique()
    command, left_out = settings.command, wanted.nunique() - kept
    if left_out:  # minutes give other sources on another machine, limits the same ones
        rows = rows[~rows["source_id"].isin(set(wanted) - set(measured["source_id"]))]
        command += f" limit_sources={kept}" + (f" fitted_sources={fitted_on}" if fitted_on else "")
    return Provenance(
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        command=command,
        falseflaw=__version__,
        git_revision=git_revision(),
        model=scorer.describe(),
        dataset=str(selection.dataset),
        dataset_config_hash=_values(rows, "config_hash"),
        photo_sets=_values(rows, "photo_set"),
        generators=_values(rows, "generator"),
        suite=SuiteRecord(settings.suite_name, tuple(map(repr, suite))),
        limit_sources=settings.limit_sources,
        fitted_sources=settings.fitted_sources,
        edits=settings.edits,
        other_evaluations=tuple(map(str, settings.other_evaluations)),
        versions={"python": platform.python_version()} | package_versions(_PACKAGES) | versions_of(suite),
        minutes=None,
        left_out=left_out,
    )


def _values(rows: pd.DataFrame, column: str) -> tuple[str, ...]:
    """Returns the values of a column, sorted, the empty word left aside."""
    return tuple(sorted({str(value) for value in rows[column]} - {""}))
