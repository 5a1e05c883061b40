"""Temperature and thresholds, fitted once on the val fold and never again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.figures.decoding import decode
from falseflaw.evaluation.figures.groups import MIXTURE
from falseflaw.evaluation.figures.guarantees import Guarantee, guarantee
from falseflaw.evaluation.prediction.predictions import histograms
from falseflaw.imaging import codec
from falseflaw.statistics.conformal import ConformalQuantile, conformal_quantile
from falseflaw.statistics.metrics import pixel_f1
from falseflaw.types import INPAINTED, Edit, Fold, OperatingPoint

OPERATING_POINT_NAME = "operating_point.json"
FALSE_POSITIVE_RATE = 0.01
"""Share of simulated damage that may be called altered."""

MISSED_SHARE = 0.10
"""Share of positives that may be called clear, unless another one is asked for."""

LARGE = 1_000_000
"""Photos of so many pixels are held to the same rate by themselves: more pixels, more places for an alarm."""

_TEMPERATURES = (0.1, 10.0)
_LARGEST_LOGIT = 12.0  # of the threshold after calibration: 1 - sigmoid(12) is 100 float32 steps wide


@dataclass(frozen=True)
class Fitted:
    """How an operating point came about.

    Attributes:
        fold: That it was fitted on.
        launderings: That were pooled.
        sources: Number.
        predictions: Number, all edits.
        positives: Number of predictions.
        simulated_damage: Number of predictions.
        simulated_damage_photos: Number of photos.
        realised_fpr: Share of simulated damage at or above image_threshold there.
        val_tpr: Share of positives at or above it there.
        val_pixel_f1: At mask_threshold there.
        target_fpr: That the threshold was chosen for.
        rule: All of this in words.
        small: Whether there were too few sources to promise a rate of 1 %.
        guarantees: What the thresholds promise.
        fpr_by_laundering: Share of simulated damage at or above image_threshold there, by laundering; the
            promise is about all of them pooled.
    """

    fold: str
    launderings: tuple[str, ...]
    sources: int
    predictions: int
    positives: int
    simulated_damage: int
    simulated_damage_photos: int
    realised_fpr: float
    val_tpr: float
    val_pixel_f1: float
    target_fpr: float
    rule: str
    small: bool
    guarantees: tuple[Guarantee, ...] = ()
    fpr_by_laundering: dict[str, float] = field(default_factory=dict)


def fit(
    predictions: pd.DataFrame, launderings: Sequence[str], missed_share: float = MISSED_SHARE
) -> tuple[OperatingPoint, Fitted]:
    """Fits temperature and thresholds on the val predictions of the named launderings, pooled.

    - temperature: least negative log-likelihood of positives (inpainted) against all negatives; edits of
      other kinds are left aside.
    - image_threshold: the next float32 above the conformal quantile of simulated damage, and above that of
      honest photos of at least a megapixel where there are any: of a new source, a photo reaches it with a
      probability of at most 1 %, or of 1 / (n + 1) where n sources cannot promise 1 %.
    - clear_threshold: the conformal quantile of positives at `missed_share`, or image_threshold if lower.
    - mask_threshold: most mean per-image F1 over positives; of equal ones the lowest.

    Args:
        predictions: Columns of `predictions.SCHEMA`; other folds are ignored.
        launderings: Names to pool.
        missed_share: Of positives, that may be called clear; more of it leaves fewer photos inconclusive.

    Returns:
        The operating point, and what it was fitted on in words and numbers.

    Raises:
        InvalidDataError: The val fold lacks a laundering, positives or simulated damage.
    """
    val = fitting_rows(predictions, launderings)
    edits = val["edit"].to_numpy(dtype=str)
    positive = np.isin(edits, [str(edit) for edit in INPAINTED])
    simulated = edits == str(Edit.SIMULATED_DAMAGE)
    if not positive.any() or not simulated.any():
        raise InvalidDataError(
            "expected inpainted and simulated-damage photos in the val fold, "
            f"got {int(positive.sum())} and {int(simulated.sum())} predictions; build a larger dataset"
        )
    logits = val["logit"].to_numpy(dtype=np.float64)
    sources = val["source_id"].to_numpy(dtype=str)
    held = _held_to_the_rate(val, simulated)
    quantiles = {
        words: conformal_quantile(logits[chosen], sources[chosen], FALSE_POSITIVE_RATE)
        for words, chosen in held.items()
    }
    cut = max(quantile.value for quantile in quantiles.values())
    temperature = max(fit_temperature(logits, positive), cut / _LARGEST_LOGIT)
    probabilities = calibrate(logits, temperature)
    image_threshold = next_above(float(calibrate(np.array([cut]), temperature)[0]))
    cleared = conformal_quantile(-probabilities[positive], sources[positive], missed_share)
    inside, outside = histograms(val[positive])
    scores = pixel_f1(inside, outside)[:, 1:].mean(axis=0)  # (255,) thresholds 1 to 255
    point = OperatingPoint(
        temperature=float(temperature),
        image_threshold=image_threshold,
        clear_threshold=min(image_threshold, -cleared.value),
        mask_threshold=int(np.argmax(scores)) + 1,
    )
    photos = int(val.loc[simulated, "path"].nunique())
    flagged = probabilities >= image_threshold
    under = val["laundering"].to_numpy(dtype=str)
    by_laundering = {name: float(flagged[simulated & (under == name)].mean()) for name in launderings}
    promises = _promises(quantiles, cleared)
    record = Fitted(
        fold=str(Fold.VAL),
        launderings=tuple(launderings),
        sources=int(val["source_id"].nunique()),
        predictions=len(val),
        positives=int(positive.sum()),
        simulated_damage=int(simulated.sum()),
        simulated_damage_photos=photos,
        realised_fpr=float(flagged[simulated].mean()),
        val_tpr=float(flagged[positive].mean()),
        val_pixel_f1=float(scores.max()),
        target_fpr=FALSE_POSITIVE_RATE,
        rule=_rule(point, int(simulated.sum()), photos, promises, by_laundering),
        small=not promises[0].enough,
        guarantees=promises,
        fpr_by_laundering=by_laundering,
    )
    return point, record


def fitting_rows(predictions: pd.DataFrame, launderings: Sequence[str]) -> pd.DataFrame:
    """Returns what is fitted on: val predictions of positives and negatives under the named launderings.

    Raises:
        InvalidDataError: The val fold lacks a laundering.
    """
    val = predictions[predictions["fold"] == str(Fold.VAL)]
    if missing := sorted(set(launderings) - set(val["laundering"])):
        raise InvalidDataError(
            f"expected val predictions under {', '.join(launderings)} to calibrate on, "
            f"got none under {', '.join(missing)}; name launderings of the suite in `calibration`"
        )
    rows: pd.DataFrame = val[val["laundering"].isin(launderings) & val["edit"].isin(MIXTURE)]
    return rows


def _held_to_the_rate(val: pd.DataFrame, simulated: NDArray[np.bool_]) -> dict[str, NDArray[np.bool_]]:
    """Returns the photos of which few may reach image_threshold, in words, each held to it by itself."""
    held = {"simulated damage of a new source": simulated}
    if "pixels" in val:
        large = (val["pixels"].to_numpy() >= LARGE) & (val["label"].to_numpy() == 0)
        if large.any():
            held["an unaltered photo, of at least a megapixel, of a new source"] = large
    return held


def _promises(
    quantiles: Mapping[str, ConformalQuantile], cleared: ConformalQuantile
) -> tuple[Guarantee, ...]:
    """Returns what the thresholds promise, simulated damage first."""
    reached = [
        guarantee(quantile, "image_threshold", words, "reaches image_threshold")
        for words, quantile in quantiles.items()
    ]
    fake = "an inpainted photo of a new source"
    return (*reached, guarantee(cleared, "clear_threshold", fake, "lies below clear_threshold"))


def _rule(
    point: OperatingPoint,
    count: int,
    photos: int,
    promises: Sequence[Guarantee],
    by_laundering: Mapping[str, float],
) -> str:
    text = (
        f"fitted on n={count} predictions of simulated damage "
        f"({photos} photos under {len(by_laundering)} launderings), each source counting once; "
        + "; ".join(promise.text for promise in promises)
    )
    worst = max(by_laundering, key=lambda name: by_laundering[name])
    if by_laundering[worst] > FALSE_POSITIVE_RATE:
        text += f"; the launderings are pooled, and {worst} alone has {100 * by_laundering[worst]:.3g} %"
    if point.temperature in _TEMPERATURES:
        text += "; temperature at the end of its range, so probabilities are not calibrated"
    return text


def fit_temperature(logits: NDArray[np.float64], labels: NDArray[Any]) -> float:
    """Returns T in [0.1, 10] minimising the NLL of sigmoid(logit / T) (Guo et al. 2017); convex in 1 / T."""
    signed = np.where(np.asarray(labels, dtype=bool), 1.0, -1.0) * logits

    def loss(inverse: float) -> float:
        return float(np.logaddexp(0.0, -signed * inverse).mean())

    low, high = 1 / _TEMPERATURES[1], 1 / _TEMPERATURES[0]
    best = float(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-9}).x)
    best = min((low, best, high), key=loss)  # the bounded search never returns an end of its range
    return 1 / best


def next_above(probability: float) -> float:
    """Returns the smallest float32 above a probability, at most 1; the runtime compares in float32."""
    return float(min(np.nextafter(np.float32(probability), np.float32(2)), np.float32(1)))


def calibrate(logits: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Returns sigmoid(logit / temperature)."""
    return np.asarray(expit(logits / temperature), dtype=np.float64)


def write_operating_point(path: Path, point: OperatingPoint, fitted: Fitted | None) -> None:
    """Writes the fields of the operating point and how it came about as JSON; None: it was fixed before."""
    text = json.dumps(asdict(point) | {"fitted": fitted and asdict(fitted)}, indent=2)
    codec.write_atomic(path, (text + "\n").encode())


def read_operating_point(path: Path) -> tuple[OperatingPoint, Fitted | None]:
    """Reads what `write_operating_point` wrote.

    Raises:
        InvalidDataError: Missing, not JSON, or values out of range.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise TypeError("expected a JSON object")
        # Operating points of before have no distance, and some have no limit for tiles.
        later = {"distance_threshold", "tiled_threshold"}
        names = OperatingPoint.__dataclass_fields__.keys() - (later - values.keys())
        point = OperatingPoint(**{name: values[name] for name in names})
        return point, decode(Fitted, values["fitted"]) if values.get("fitted") else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidDataError(f"cannot read {path}: {reason}; run `falseflaw evaluate` again") from error
