"""The ring probes: does fine detail tell the region from its surroundings, in fakes and not in honest photos?

*Energy* asks whether the region is smoother or rougher than a ring around it, *structure* whether its detail
hangs together otherwise. A detector that learns energy takes every smooth place for a fake; structure may be
the trace itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from falseflaw.audit.gates import Progress
from falseflaw.audit.probe import probe
from falseflaw.errors import FalseFlawError
from falseflaw.imaging.codec import decode, read_mask
from falseflaw.imaging.ring import RingStatistics, ring_statistics
from falseflaw.seeding import derive_rng
from falseflaw.statistics.bootstrap import Bootstrap, Estimate
from falseflaw.statistics.metrics import auroc
from falseflaw.types import Edit, Fold, Mask

MOST_ENERGY = 0.65
"""AUROC of energy that a reference dataset may reach on the positives that detectors train on."""

MOST_SOURCES = 1000
"""Sources that are looked at; of more, as many are drawn."""

LEAST_SOURCES = 5
"""Of fewer nothing is said but the ratio: an interval over so few means nothing."""


@dataclass(frozen=True)
class RingFigures:
    """What the ring tells of some photos, against honest photos of the same sources and regions.

    Attributes:
        photos: How many were measured.
        ratio: Median of the ratio of detail (sigma 1.2) inside the region to that around it.
        smoothness: AUROC of "the ratio is small" alone.
        energy: AUROC of trees on all bands and channels, cross-validated by source.
        structure: AUROC of trees on correlations and blocking, likewise.
    """

    photos: int
    ratio: float | None
    smoothness: Estimate
    energy: Estimate
    structure: Estimate


@dataclass(frozen=True)
class RingProbe:
    """What the ring tells of a dataset.

    Attributes:
        positives: Of all positives of the fold train, or of all folds where there is none.
        by_edit: Of every edit; honest ones have a ratio and nothing to be told from.
        by_writer: Of the positives of every network.
        measured: Photos that were measured.
        left_out: Photos whose region or ring has too few pixels, or another size than the photo.
    """

    positives: RingFigures
    by_edit: Mapping[str, RingFigures]
    by_writer: Mapping[str, RingFigures]
    measured: int
    left_out: int

    @property
    def telling(self) -> list[str]:
        """Says where energy tells the training's positives by more than a reference dataset may."""
        found = {"smoothness alone": self.positives.smoothness, "energy": self.positives.energy}
        return [
            f"{name} tells positives with AUROC {estimate.value:.3f}, expected at most {MOST_ENERGY:g}"
            for name, estimate in found.items()
            if estimate.value is not None and estimate.value > MOST_ENERGY
        ]


@dataclass(frozen=True, eq=False)
class Rings:
    """Regions of a dataset against their surroundings, photo by photo.

    Attributes:
        rows: Manifest rows of the photos that could be measured.
        ratios: Logarithms of the ratio of detail (sigma 1.2) inside the region to that around it, (N,).
        energy: As `RingStatistics` has it, (N, 9).
        structure: Likewise, (N, 13).
        left_out: Photos that could not be measured.
    """

    rows: pd.DataFrame
    ratios: NDArray[np.float64]
    energy: NDArray[np.float64]
    structure: NDArray[np.float64]
    left_out: int

    @classmethod
    def of(cls, rows: pd.DataFrame, statistics: Sequence[RingStatistics | None]) -> Rings:
        """Returns what was measured of photos, without those that could not be.

        Args:
            rows: Their `source_id`, `group`, `fold`, `edit`, `label` and `generator`, as manifests have them.
            statistics: What was measured of each.
        """
        found = [entry for entry in statistics if entry is not None]
        kept = rows.iloc[[index for index, entry in enumerate(statistics) if entry is not None]]
        return cls(
            kept,
            np.array([np.log(entry.ratio) for entry in found]),
            np.array([entry.energy for entry in found]),
            np.array([entry.structure for entry in found]),
            len(rows) - len(kept),
        )


def measure_rings(dataset: Path, rows: pd.DataFrame, progress: Progress, most: int = MOST_SOURCES) -> Rings:
    """Measures the regions of all photos that have one.

    Args:
        dataset: Its folder.
        rows: Its manifest.
        progress: Wraps the photos that are gone through.
        most: Sources that are looked at; of more, as many are drawn, alike on every machine.
    """
    rows = _some(rows[rows["region_path"] != ""], most)
    found: list[RingStatistics | None] = []
    regions: dict[str, Mask] = {}
    photos = zip(rows["path"], rows["region_path"], strict=True)
    for path, region_path in progress(photos, len(rows), "rings"):
        try:
            if region_path not in regions:  # members of a set, one after another, share it
                regions = {region_path: read_mask(dataset / region_path)}
            found.append(ring_statistics(decode(dataset / path), regions[region_path]))
        except FalseFlawError:  # a gate tells
            found.append(None)
    return Rings.of(rows, found)


def ring_probe(rings: Rings) -> RingProbe:
    """Tells positives from negatives by what was measured.

    Negatives are the honest photos with something done to the region (simulated damage, null edits, local
    edits and the like); where a source has none of these, its authentic photo.
    """
    positive = (rings.rows["label"] == 1).to_numpy(bool)
    train = (rings.rows["fold"] == str(Fold.TRAIN)).to_numpy(bool)
    edits, writers = rings.rows["edit"].to_numpy(str), rings.rows["generator"].to_numpy(str)
    present = [edit for edit in map(str, Edit) if (edits == edit).any()]
    names = sorted(set(writers[positive].tolist()) - {""})
    return RingProbe(
        _figures(rings, positive & train if (positive & train).any() else positive),
        {edit: _figures(rings, edits == edit) for edit in present},
        {name: _figures(rings, positive & (writers == name)) for name in names},
        len(rings.rows),
        rings.left_out,
    )


def _figures(rings: Rings, chosen: NDArray[np.bool_]) -> RingFigures:
    """Returns what tells some photos, bool (N,), from negatives of their sources.

    Nothing tells honest photos, and nothing is said of too few sources.
    """
    photos = int(chosen.sum())
    ratio = float(np.exp(np.median(rings.ratios[chosen]))) if photos else None
    honest = (rings.rows["label"] == 0).to_numpy(bool)
    sources, groups = rings.rows["source_id"].to_numpy(str), rings.rows["group"].to_numpy(str)
    used = np.flatnonzero((chosen | _negatives(rings.rows)) & np.isin(sources, sources[chosen]))
    labels = chosen[used].astype(np.int64)
    few = len(set(groups[used].tolist())) < LEAST_SOURCES
    if few or len(set(labels.tolist())) < 2 or (chosen & honest).any():
        nothing = Estimate(None, None, None, len(used))
        return RingFigures(photos, ratio, nothing, nothing, nothing)
    scores, groups = -rings.ratios[used], groups[used]
    small = Bootstrap(groups).estimate({"auroc": lambda weights: auroc(scores, labels, weights)})["auroc"]
    energy, structure = (probe(part[used], labels, groups) for part in (rings.energy, rings.structure))
    return RingFigures(photos, ratio, small, energy, structure)


def _some(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """Returns the rows of at most as many sources."""
    sources = np.unique(rows["source_id"].to_numpy(str))
    if len(sources) > most:
        sources = derive_rng("ring", len(sources)).choice(sources, most, replace=False)
    return rows[rows["source_id"].isin(sources)]


def _negatives(rows: pd.DataFrame) -> NDArray[np.bool_]:
    """Which photos positives are compared with, (N,)."""
    honest = (rows["label"] == 0).to_numpy(bool)
    handled = honest & (rows["edit"] != str(Edit.AUTHENTIC)).to_numpy(bool)
    sources = rows["source_id"].to_numpy(str)
    return handled | (honest & ~np.isin(sources, sources[handled]))
