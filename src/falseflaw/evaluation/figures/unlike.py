"""From where on a photo is unlike anything that was measured; fitted once on val, as the thresholds are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from falseflaw.evaluation.figures.calibration import fitting_rows
from falseflaw.evaluation.figures.guarantees import Guarantee, guarantee
from falseflaw.evaluation.prediction.predictions import features_of
from falseflaw.imaging import codec
from falseflaw.seeding import unit_interval
from falseflaw.statistics.conformal import conformal_quantile
from falseflaw.statistics.familiarity import Familiarity, fit_familiarity

FAMILIARITY_NAME = "familiarity.npz"

UNLIKE_RATE = 0.01
"""Share of photos like those measured, honest or fake, that may be taken for unlike them."""


@dataclass(frozen=True, eq=False)
class Unlike:
    """A distance and its limit.

    Attributes:
        familiarity: Tells the distance.
        threshold: At and above it a photo is unlike anything measured.
        guarantee: What that promises.
    """

    familiarity: Familiarity
    threshold: float
    guarantee: Guarantee


def fit_unlike(predictions: pd.DataFrame, launderings: tuple[str, ...]) -> Unlike | None:
    """Fits distance and limit to the photos that the thresholds are fitted on, fakes and honest ones alike.

    One half of the sources gives the Gaussian, the other half its limit: distances of photos that the
    Gaussian was fitted to are too small to promise anything of new ones.

    Args:
        predictions: Columns of `predictions.SCHEMA`; other folds are ignored.
        launderings: Names to pool.

    Returns:
        None where the scorer tells no features, or there are fewer than two sources.
    """
    val = fitting_rows(predictions, launderings)
    features = features_of(val) if "features" in val else np.zeros((len(val), 0), np.float32)
    sources = val["source_id"].to_numpy(dtype=str)
    names = sorted(set(sources), key=lambda name: unit_interval("familiarity", name))
    if features.shape[1] == 0 or len(names) < 2:
        return None
    shown = np.isin(sources, names[: len(names) // 2])
    familiarity = fit_familiarity(features[shown])
    distances = familiarity.distance(features[~shown])
    quantile = conformal_quantile(distances, sources[~shown], UNLIKE_RATE)
    return Unlike(
        familiarity,
        float(np.nextafter(np.float32(quantile.value), np.float32(np.inf))),  # the runtime has float32
        guarantee(
            quantile,
            "distance_threshold",
            "a photo of a new source",
            "is taken for unlike anything that was measured",
        ),
    )


def distances(predictions: pd.DataFrame, familiarity: Familiarity) -> NDArray[np.float64]:
    """Returns the distance of every prediction, (N,); NaN for those without features."""
    features = features_of(predictions)
    if features.shape[1] == 0:
        return np.full(len(predictions), np.nan)
    return familiarity.distance(features)


def write_familiarity(folder: Path, familiarity: Familiarity | None) -> None:
    """Writes `familiarity.npz`, or removes that of an earlier fit."""
    path = folder / FAMILIARITY_NAME
    if familiarity is None:
        path.unlink(missing_ok=True)
    else:
        codec.write_atomic(path, familiarity.to_bytes())


def read_familiarity(folder: Path) -> Familiarity | None:
    """Reads what `write_familiarity` wrote; None where there is none.

    Raises:
        InvalidDataError: It is damaged.
    """
    path = folder / FAMILIARITY_NAME
    return Familiarity.read(path) if path.exists() else None
