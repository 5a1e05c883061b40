"""Which photos of a dataset are predicted, and under which launderings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from falseflaw.imaging.laundering.base import Laundering, check_suite
from falseflaw.seeding import unit_interval


@dataclass(frozen=True)
class Selection:
    """Photos to predict.

    Attributes:
        dataset: Folder that the rows' paths are relative to.
        rows: Of its manifest, in the order to predict in; each path once.
        suite: Launderings of distinct names.
        only: Fold to the names of those launderings that its photos go through; without an entry, all.
        measured: Fold of which a budget of minutes may leave sources out; None: of none.
    """

    dataset: Path
    rows: pd.DataFrame
    suite: Sequence[Laundering]
    only: Mapping[str, Sequence[str]] = field(default_factory=dict)
    measured: str | None = None

    def __post_init__(self) -> None:
        check_suite(self.suite)

    def positions(self, fold: str) -> tuple[int, ...]:
        """Returns the positions in the suite of the launderings that photos of a fold go through."""
        names = self.only.get(fold)
        return tuple(index for index, item in enumerate(self.suite) if names is None or item.name in names)


def select_sources(rows: pd.DataFrame, limit: int | None) -> pd.DataFrame:
    """Returns the rows of at most `limit` sources of each fold, drawn by a hash of their names."""
    if limit is None:
        return rows
    sources = rows[["fold", "source_id"]].drop_duplicates()
    sources = sources.assign(draw=_draws(sources["source_id"]))
    kept = sources.sort_values("draw").groupby("fold").head(limit)["source_id"]
    limited: pd.DataFrame = rows[rows["source_id"].isin(set(kept))]
    return limited


def in_order_of_draw(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the rows source by source, those that a smaller limit would keep first.

    Whatever comes first of them is a fair sample: what a photo shows has no say in the order.
    """
    ordered: pd.DataFrame = rows.iloc[np.argsort(_draws(rows["source_id"]), kind="stable")]
    return ordered


def _draws(sources: Iterable[str]) -> list[float]:
    return [unit_interval("limit", source) for source in sources]
