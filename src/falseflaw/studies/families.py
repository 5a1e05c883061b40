"""Trainings that lack one family of networks each: how well each finds what it never saw."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from falseflaw.evaluation.figures.groups import clusters_of
from falseflaw.statistics.bootstrap import Bootstrap, Estimate, Metric
from falseflaw.studies.ablations import FLAWED, Rows, difference, mean_auroc, read_alike
from falseflaw.types import Edit

MEAN = "mean"
"""Stands for the mean over all families with fakes that were left out, each weighing the same."""


@dataclass(frozen=True)
class FamilyFigures:
    """What leaving a family out of training costs on its own fakes.

    Attributes:
        fakes: How many were measured.
        trained: AUROC of them against simulated damage of the same sources, by trainings that had the family.
        unseen: The same by trainings that never saw it.
        difference: `unseen` minus `trained`, resampled in pairs.
    """

    fakes: int
    trained: Estimate
    unseen: Estimate
    difference: Estimate


def families(networks: Iterable[str]) -> dict[str, list[str]]:
    """Returns networks by the name they are copies of, both sorted.

    A finished, denoised or perturbed copy is called after its original: `kl4_sharp` belongs to `kl4`.
    """
    found: dict[str, list[str]] = {}
    for name in sorted(set(networks) - {""}):
        found.setdefault(name.partition("_")[0], []).append(name)
    return found


def measure(
    full: Sequence[Path],
    without: Mapping[str, Sequence[Path]],
    members: Mapping[str, Collection[str]],
    replicates: int = 1000,
) -> dict[str, FamilyFigures]:
    """Returns what each family's absence costs, the figures means over trainings.

    Args:
        full: Evaluation folders of trainings with everything.
        without: Of trainings without one family each, by its name.
        members: Networks of each family.
        replicates: Of the bootstrap, which draws sources.

    Returns:
        By family, and of several last by `MEAN`.

    Raises:
        InvalidDataError: A folder holds no predictions, or they are of other photos than the others'.
    """
    read = read_alike({"": full, **without})
    tables = read.pop("")
    rows = {name: _fakes_of(members[name]) for name in read}
    trained = {name: mean_auroc(tables, rows[name]) for name in read}
    unseen = {name: mean_auroc(lacking, rows[name]) for name, lacking in read.items()}
    fakes = {
        name: int((chosen(tables[0]) & (tables[0]["label"] == 1)).sum()) for name, chosen in rows.items()
    }
    if len(read) > 1:  # small families say little each
        measured = [name for name in read if fakes[name]]
        trained[MEAN], unseen[MEAN] = (_mean([of[name] for name in measured]) for of in (trained, unseen))
        fakes[MEAN] = sum(fakes.values())
    bootstrap = Bootstrap(clusters_of(tables[0]), replicates)
    found = {}
    for name in trained:
        metrics = {
            "trained": trained[name],
            "unseen": unseen[name],
            "difference": difference(unseen[name], trained[name]),
        }
        found[name] = FamilyFigures(fakes[name], **bootstrap.estimate(metrics))
    return found


def _mean(metrics: Sequence[Metric]) -> Metric:
    """Returns the mean of some metrics, NaN in draws of sources that lack one of them, or without any."""

    def metric(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        found = [each(weights) for each in metrics] or [np.full(len(weights), np.nan)]
        return np.asarray(np.mean(found, axis=0), np.float64)

    return metric


def _fakes_of(networks: Collection[str]) -> Rows:
    """Selects untouched fakes with a flaw by some networks, and simulated damage of their sources."""

    def select(rows: pd.DataFrame) -> pd.Series[bool]:
        untouched = rows["laundering"] == "identity"
        fakes = untouched & rows["edit"].isin(FLAWED) & rows["generator"].isin(networks)
        honest = untouched & (rows["edit"] == str(Edit.SIMULATED_DAMAGE))
        return fakes | (honest & rows["source_id"].isin(rows.loc[fakes, "source_id"]))

    return select
