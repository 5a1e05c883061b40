"""How unlike a photo is to those that were measured: a Mahalanobis distance between feature vectors."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falseflaw.errors import InvalidDataError

EXPLAINED = 0.95
"""Share of the variance that the directions measured one by one hold; all others share one variance."""

MOST_DIRECTIONS = 64

_FIELDS = ("mean", "scale", "directions", "variances", "rest")


@dataclass(frozen=True, eq=False)
class Familiarity:
    """A Gaussian over features: few directions with a variance each, one variance for all others.

    The covariance is that of probabilistic principal components (Tipping and Bishop 1999), which is what
    shrinkage does to directions that a few hundred photos cannot tell apart.

    Attributes:
        mean: Of the features, (F,).
        scale: Standard deviation of each, (F,); 1 for one that never moved.
        directions: Orthonormal, of the standardized features, (K, F).
        variances: Along each, (K,).
        rest: Variance along every other direction.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    directions: NDArray[np.float32]
    variances: NDArray[np.float32]
    rest: float

    def distance(self, features: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns the distance of features (N, F) from the mean, (N,); about 1 for one of those fitted on."""
        standard = (features.astype(np.float64) - self.mean) / self.scale  # (N, F)
        along = standard @ self.directions.T  # (N, K)
        beside = ((standard - along @ self.directions) ** 2).sum(axis=1)
        square: NDArray[np.float64] = (along**2 / self.variances).sum(axis=1) + beside / self.rest
        return np.sqrt(square / len(self.mean))

    def to_bytes(self) -> bytes:
        """Returns the arrays as an `.npz` file."""
        buffer = io.BytesIO()
        arrays: dict[str, Any] = {name: np.asarray(getattr(self, name), np.float32) for name in _FIELDS}
        np.savez(buffer, **arrays)
        return buffer.getvalue()

    @classmethod
    def read(cls, path: Path) -> Familiarity:
        """Reads what `to_bytes` gave.

        Raises:
            InvalidDataError: Missing or damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                found = {name: np.asarray(arrays[name], np.float32) for name in _FIELDS}
        except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile) as error:
            reason = str(error).splitlines()[0]
            raise InvalidDataError(f"cannot read {path}: {reason}; run `falseflaw evaluate` again") from error
        return cls(**{**found, "rest": float(found["rest"])})  # type: ignore[arg-type]


def fit_familiarity(features: NDArray[np.float32]) -> Familiarity:
    """Fits the Gaussian to features, (N, F), N of at least 2.

    As many directions are kept as hold 95 % of the variance, at most 64 and at most a tenth of the rows.
    """
    values = features.astype(np.float64)
    mean, scale = values.mean(axis=0), values.std(axis=0)
    scale = np.where(scale > 1e-6, scale, 1.0)
    standard = (values - mean) / scale
    count, width = standard.shape
    _, singular, rows = np.linalg.svd(standard, full_matrices=False)
    variances = singular**2 / count
    shares = np.cumsum(variances) / max(float(variances.sum()), 1e-12)
    kept = int(np.searchsorted(shares, EXPLAINED)) + 1
    kept = max(1, min(kept, MOST_DIRECTIONS, count // 10, width - 1))
    rest = max(float(variances[kept:].sum()) / max(width - kept, 1), 1e-3)
    return Familiarity(
        mean.astype(np.float32),
        scale.astype(np.float32),
        rows[:kept].astype(np.float32),
        np.maximum(variances[:kept], rest).astype(np.float32),
        rest,
    )
