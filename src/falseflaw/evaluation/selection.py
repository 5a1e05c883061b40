"""Which photos of a dataset are predicted, and under which launderings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from falseflaw.dataset.lineage import check_unseen
from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.evaluation.figures.groups import MIXTURE, comparable
from falseflaw.evaluation.settings import EvaluationSettings
from falseflaw.imaging.laundering.base import Laundering, check_suite
from falseflaw.seeding import unit_interval
from falseflaw.types import Fold


@dataclass(frozen=True)
class Selection:
    """Photos to predict.

    Attributes:
        dataset: Folder that the rows' paths are relative to.
        rows: Of its manifest, in the order to predict in; each path once.
        suite: Launderings of distinct names.
        only: Fold to the names of those launderings that its photos go through; without an entry, all.
    """

    dataset: Path
    rows: pd.DataFrame
    suite: Sequence[Laundering]
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_suite(self.suite)

    def positions(self, fold: str) -> tuple[int, ...]:
        """Returns the positions in the suite of the launderings that photos of a fold go through."""
        names = self.only.get(fold)
        return tuple(index for index, item in enumerate(self.suite) if names is None or item.name in names)


def select(
    dataset: Path,
    launderings: Iterable[Laundering],
    settings: EvaluationSettings,
    *,
    fitting: bool,
    learnt_from: Collection[str] = (),
) -> Selection:
    """Selects the photos that are measured and, where the operating point is fitted, those of fold `val`.

    Args:
        dataset: Folder with a manifest.
        launderings: Of distinct names.
        settings: Fold, edits, limits and what to calibrate on.
        fitting: Whether the operating point is to be fitted on fold `val`.
        learnt_from: Digests of the contributors that the detector learnt from.

    Raises:
        ConfigurationError: Thresholds would be fitted on the fold that is measured.
        MissingDataError, InvalidDataError: The dataset is not one, lacks what has to be measured, or holds
            photos of people that the detector learnt from.
    """
    if fitting and settings.fold is not Fold.TEST:
        raise ConfigurationError(
            "expected fold=test, or fold=val with thresholds that were fixed before, "
            f"got fold={settings.fold}; pass bundle= or operating_point="
        )
    suite = check_suite(launderings)
    rows = read_manifest(dataset)
    check_unseen(learnt_from, rows, dataset)
    if settings.edits:
        rows = rows[rows["edit"].isin(settings.edits)]
    measured = _of_fold(rows, settings.fold, settings.limit_sources, dataset)
    if not fitting:
        return Selection(dataset, measured.reset_index(drop=True), suite)
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
    return Selection(dataset, both, suite, {str(Fold.VAL): settings.calibrate_on})


def select_sources(rows: pd.DataFrame, limit: int | None) -> pd.DataFrame:
    """Returns the rows of at most `limit` sources of each fold, drawn by a hash of their names."""
    if limit is None:
        return rows
    sources = rows[["fold", "source_id"]].drop_duplicates()
    sources = sources.assign(draw=[unit_interval("limit", source) for source in sources["source_id"]])
    kept = sources.sort_values("draw").groupby("fold").head(limit)["source_id"]
    limited: pd.DataFrame = rows[rows["source_id"].isin(set(kept))]
    return limited


def _of_fold(rows: pd.DataFrame, fold: Fold, limit: int | None, dataset: Path) -> pd.DataFrame:
    rows = rows[rows["fold"] == str(fold)]
    if rows.empty:
        raise InvalidDataError(
            f"expected photos of the {fold} fold in {dataset}, got none; build a larger dataset"
        )
    return select_sources(rows, limit)
