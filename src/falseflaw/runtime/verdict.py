"""What the seller is told: one of three verdicts, and the sentence that explains it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from falseflaw.types import OperatingPoint, Prediction, Verdict

SMALLEST_SIDE = 64
"""Photos with a shorter side, in pixels, are never judged: the network has too little to look at."""

_GIVEN = np.array([Verdict.INCONCLUSIVE, Verdict.ALTERED, Verdict.NO_SIGN], dtype=object)


def verdicts(
    probability: NDArray[np.float64],
    marked: NDArray[np.bool_],
    too_small: NDArray[np.bool_],
    operating_point: OperatingPoint,
    distance: NDArray[np.float64] | None = None,
    tiles: NDArray[np.int64] | None = None,
) -> NDArray[np.object_]:
    """Turns what the detector says of photos into verdicts.

    What is too small, or as far as `distance_threshold` from everything that was measured, is `inconclusive`
    whatever its probability: nobody knows what that is worth there. Of the others `altered` needs both a
    probability of at least `image_threshold`, or what `limits` says of its tiles, and a marked pixel; below
    `clear_threshold` a photo shows `no sign of alteration`; anything else is `inconclusive`.

    Args:
        probability: Calibrated, (N,), in [0, 1].
        marked: Whether a pixel of the heat map is at or above `mask_threshold`, (N,).
        too_small: Whether a side is below `SMALLEST_SIDE`, (N,); such photos are `inconclusive`.
        operating_point: Of the model.
        distance: From the photos that were measured, (N,); NaN where it is not known, which counts as near.
        tiles: In how many the photos were judged, (N,); None: all of them whole.

    Returns:
        A `Verdict` for every photo, (N,).
    """
    counts = np.ones(len(probability), np.int64) if tiles is None else tiles
    altered = (probability >= limits(counts, operating_point)) & marked
    clear = probability < operating_point.clear_threshold
    unlike = too_small if distance is None else too_small | unfamiliar(distance, operating_point)
    given: NDArray[np.object_] = _GIVEN[np.select([unlike, altered, clear], [0, 1, 2])]
    return given


def limits(tiles: NDArray[np.int64], operating_point: OperatingPoint) -> NDArray[np.float64]:
    """Returns the probability from which on photos in so many tiles are `altered`, (N,).

    Of one tile that is `image_threshold`. The highest of n tiles needs n times the odds p / (1 - p) of
    `tiled_threshold`: n tiles have n chances to be too high (`evaluation.figures.large_photos` says why that
    is enough). More tiles never have a lower limit. It is rounded up to float32, which probabilities have.
    Without a `tiled_threshold` the number does not count.

    Args:
        tiles: 1 and more, (N,).
        operating_point: Of the model.
    """
    whole, tiled = operating_point.image_threshold, operating_point.tiled_threshold
    if tiled is None:
        return np.full(tiles.shape, whole)
    multiplied = tiles * tiled / (tiles * tiled + 1 - tiled)
    raised = np.nextafter(multiplied.astype(np.float32), np.float32(1)).astype(np.float64)
    return np.where(tiles > 1, np.maximum(raised, whole), whole)


def unfamiliar(distance: NDArray[np.float64], operating_point: OperatingPoint) -> NDArray[np.bool_]:
    """Returns which photos are unlike anything that was measured, (N,); none without a fitted distance."""
    if operating_point.distance_threshold is None:
        return np.zeros(distance.shape, dtype=bool)
    far: NDArray[np.bool_] = distance >= operating_point.distance_threshold  # NaN is not
    return far


def decide(
    prediction: Prediction, operating_point: OperatingPoint, tiles: int = 1
) -> tuple[Verdict, str, float]:
    """Turns a prediction into a verdict, its reason and the marked share of the photo.

    The rule is that of `verdicts`.

    Args:
        prediction: Of one photo.
        operating_point: Of the model that made it.
        tiles: In how many tiles the photo was judged: more of them raise the limit, and the reason says so.

    Returns:
        The verdict; one sentence for the seller; the share of pixels at or above `mask_threshold`, 0..1.
    """
    probability, point = prediction.probability, operating_point
    height, width = prediction.heat_map.shape
    marked = int(np.count_nonzero(prediction.heat_map >= point.mask_threshold))
    area = marked / (height * width)
    too_small = min(height, width) < SMALLEST_SIDE
    distance = np.array([np.nan if prediction.distance is None else prediction.distance])
    count = np.array([tiles])
    (verdict,) = verdicts(
        np.array([probability]), np.array([marked > 0]), np.array([too_small]), point, distance, count
    )
    threshold = float(limits(count, point)[0])
    shown, limit, clear = _percents(probability, threshold, point.clear_threshold)
    if threshold > point.image_threshold:
        limit += " for so many tiles"
    where = f" (judged in {tiles} overlapping tiles, the highest counts)" if tiles > 1 else ""
    if too_small:
        reason = (
            f"the photo is too small to be judged: {width}x{height} pixels, "
            f"at least {SMALLEST_SIDE} are needed on each side"
        )
    elif unfamiliar(distance, point)[0]:
        reason = (
            f"unlike anything that was measured: distance {distance[0]:.3g}{where}, "
            f"the limit is {point.distance_threshold:.3g}; the probability, {shown}, means nothing here"
        )
    elif verdict is Verdict.ALTERED:
        reason = (
            f"traces of alteration: probability {shown}{where}, the limit is {limit}; "
            f"the marked region covers {_share(area)} of the photo"
        )
    elif verdict is Verdict.NO_SIGN:
        weak = f"; the marked {_share(area)} of the photo is too weak a trace by itself" if marked else ""
        reason = f"no traces of alteration found: probability {shown}{where}, clear below {clear}{weak}"
    elif probability >= threshold:
        reason = (
            f"the probability of alteration, {shown}{where}, reaches the limit of {limit}, "
            "but no region of the photo supports it"
        )
    else:
        reason = (
            f"the probability of alteration, {shown}{where}, lies between {clear} (clear below) "
            f"and {limit} (altered from there on)"
        )
    return verdict, reason, area


def _percents(*values: float) -> list[str]:
    """Writes shares as percent with as many digits as it takes to tell different ones apart."""
    texts: list[str] = []
    for digits in range(1, 7):
        texts = [_percent(value, digits) for value in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts


def _percent(value: float, digits: int) -> str:
    text = f"{100 * value:.{digits}f}"
    if value < 1 and float(text) == 100:  # rounding must not claim certainty
        return f"over {100 - 10**-digits:.{digits}f}%"
    if value > 0 and float(text) == 0:
        return f"under {10**-digits:.{digits}f}%"
    return f"{text}%"


def _share(area: float) -> str:
    return _percent(area, 1)
