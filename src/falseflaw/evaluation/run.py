"""The stage: predictions, then the operating point, then every figure, then the report."""

from __future__ import annotations

import datetime
import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from falseflaw import __version__
from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.evaluation.figures import calibration, rates
from falseflaw.evaluation.figures.cost import CostAssumptions
from falseflaw.evaluation.figures.groups import MIXTURE
from falseflaw.evaluation.figures.measure import prepare
from falseflaw.evaluation.figures.summary import comparable, summarize, write_summary
from falseflaw.evaluation.prediction.predict import predict, select_sources, under_way
from falseflaw.evaluation.prediction.scorers import Scorer
from falseflaw.evaluation.report import report
from falseflaw.evaluation.report.beside import read_beside
from falseflaw.imaging.laundering.base import Laundering, check_suite, versions_of
from falseflaw.provenance import git_revision, package_versions
from falseflaw.types import Edit, Fold, OperatingPoint

_PACKAGES = ("numpy", "torch", "timm", "onnxruntime", "pillow", "scipy", "pandas", "pyarrow")


def evaluate(
    scorer: Scorer,
    dataset: Path,
    launderings: Iterable[Laundering],
    output: Path,
    *,
    calibrate_on: Sequence[str],
    operating_point: OperatingPoint | None = None,
    fold: Fold = Fold.TEST,
    suite_name: str = "",
    command: str = "",
    limit_sources: int | None = None,
    fitted_sources: int | None = None,
    edits: Sequence[str] = (),
    beside: Sequence[str | Path] = (),
    batch_size: int = 8,
    threads: int | None = None,
    workers: int = 0,
    replicates: int = 1000,
    seed: int = 0,
    costs: CostAssumptions | None = None,
    examples: int = 6,
    progress: bool = True,
) -> dict[str, Any]:
    """Measures a detector on a fold of a dataset and writes everything into `output`.

    Photos without matched sets, such as real damage, give rates instead of a comparison, see
    `rates.summarize`, and a report of those.

    Args:
        scorer: The model.
        dataset: Folder with a manifest.
        launderings: Of distinct names; the first one is what the report opens with.
        output: Folder for predictions.parquet, operating_point.json, summary.json, figures/, report.html.
        calibrate_on: Names of the launderings of the val fold that the operating point is fitted on.
        operating_point: Of a bundle or an earlier evaluation; then nothing is fitted.
        fold: To measure on, `test` or `val`; the latter only with an operating point.
        suite_name: For the provenance.
        command: For the provenance.
        limit_sources: Most sources of each fold; None takes all.
        fitted_sources: Most sources of fold `val` that the operating point is fitted on, instead of
            `limit_sources`; None: those.
        edits: Members of the sets that are measured; empty for all.
        beside: Folders of other evaluations that the report shows apart from this one's figures.
        batch_size: Most photos scored at once.
        threads: Batches in the model at once; None leaves it to the scorer.
        workers: Processes that decode and launder; 0: none.
        replicates: Of the bootstrap.
        seed: Of the bootstrap.
        costs: What the saving is told for; None for the defaults. Rates alone tell no saving.
        examples: Misses and false alarms pictured, each.
        progress: Show a bar.

    Returns:
        The summary. Its provenance tells the minutes that predictions and figures took; None where
        predictions were there before.

    Raises:
        ConfigurationError: A count is out of range, the fold is none to measure on, or a folder beside is
            named twice.
        MissingDataError, InvalidDataError: The dataset is not one, or lacks what has to be measured.
    """
    suite = check_suite(launderings)
    besides = read_beside(beside, output)
    for name, value in (
        ("limit_sources", limit_sources),
        ("fitted_sources", fitted_sources),
        ("batch_size", batch_size),
        ("replicates", replicates),
    ):
        if value is not None and value < 1:
            raise ConfigurationError(f"expected {name} of at least 1, got {value}")
    manifest = read_manifest(dataset)
    if fold not in {Fold.TEST, Fold.VAL} or (fold is Fold.VAL and operating_point is None):
        raise ConfigurationError(
            f"expected fold=test, or fold=val with thresholds that were fixed before, got fold={fold}; "
            "pass bundle= or operating_point="
        )
    if unknown := sorted(set(edits) - {str(edit) for edit in Edit}):
        raise ConfigurationError(f"expected edits of {', '.join(Edit)}, got {unknown[0]!r}")
    if edits:
        manifest = manifest[manifest["edit"].isin(edits)]
    only: dict[str, Sequence[str]] = {}
    limits: dict[Fold, int | None] = {fold: limit_sources}
    if operating_point is None:  # of fold val, nothing else is ever looked at
        limits = {Fold.VAL: fitted_sources or limit_sources} | limits
        only[str(Fold.VAL)] = list(calibrate_on)
        manifest = manifest[(manifest["fold"] != str(Fold.VAL)) | manifest["edit"].isin(MIXTURE)]
    rows = _rows_of(manifest, limits, dataset)
    measured = rows[rows["fold"] == str(fold)]
    compared = comparable(measured)
    if not compared and operating_point is None:
        raise InvalidDataError(
            f"expected inpainted and simulated-damage photos in the {fold} fold, got "
            f"{', '.join(sorted(set(measured['edit'])))}; build a larger dataset, or pass bundle= or "
            "operating_point= for rates at thresholds that were fixed before"
        )
    begun, started = under_way(output), time.monotonic()
    predictions = predict(
        dataset,
        rows,
        suite,
        scorer,
        output,
        batch_size=batch_size,
        threads=threads,
        workers=workers,
        progress=progress,
        only=only,
    )
    fitted: dict[str, Any] = {}
    if operating_point is None:
        operating_point, fitted = calibration.fit(predictions, calibrate_on)
    calibration.write_operating_point(output / calibration.OPERATING_POINT_NAME, operating_point, fitted)
    provenance = {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": command,
        "falseflaw": __version__,
        "git_revision": git_revision(),
        "model": scorer.describe(),
        "dataset": str(dataset),
        "dataset_config_hash": sorted({str(value) for value in rows["config_hash"]}),
        "photo_sets": sorted({str(value) for value in rows["photo_set"]}),
        "generators": sorted({str(value) for value in rows["generator"]} - {""}),
        "suite": {"name": suite_name, "launderings": [repr(laundering) for laundering in suite]},
        "limit_sources": limit_sources,
        "fitted_sources": fitted_sources,
        "edits": list(edits),
        "beside": [str(folder) for folder in beside],
        "versions": {"python": platform.python_version()} | package_versions(_PACKAGES) | versions_of(suite),
    }
    chosen: dict[str, Any] = {"fitted": fitted, "fold": fold, "replicates": replicates, "seed": seed}
    if compared:
        summary = summarize(predictions, operating_point, provenance, costs=costs, **chosen)
    else:
        summary = rates.summarize(predictions, operating_point, provenance, **chosen)
    minutes = (time.monotonic() - started) / 60
    summary["provenance"]["minutes"] = None if begun else round(minutes, 2)
    write_summary(output, summary)
    test = prepare(predictions[predictions["fold"] == str(fold)], operating_point)
    report.make_report(output, summary, test, dataset, rows, suite, scorer, examples, besides)
    return summary


def _rows_of(manifest: pd.DataFrame, limits: Mapping[Fold, int | None], dataset: Path) -> pd.DataFrame:
    """Returns the rows of at most so many sources of each fold, fold by fold, in the manifest's order."""
    parts = []
    for fold, limit in limits.items():
        part = manifest[manifest["fold"] == str(fold)]
        if part.empty:
            raise InvalidDataError(
                f"expected photos of the {fold} fold in {dataset}, got none; build a larger dataset"
            )
        parts.append(select_sources(part, limit))
    return pd.concat(parts, ignore_index=True)
