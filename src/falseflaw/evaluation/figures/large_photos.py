"""The limit of photos that are judged in tiles: the highest of many tiles has many chances to be too high.

A photo's score is the logit of its highest tile. Were its n tiles independent and each above a limit with
probability p, the photo would be with about n p: the limit of a photo in n tiles has to leave 1 / n of what
that of one tile leaves. A calibrated logit a is the logarithm of odds, and the mean odds of honest tiles are
finite, so that few of them lie above x: no more than a constant times exp(-x), by Markov's inequality.
Adding log n to the limit therefore pays for n tiles, whatever the tiles have to do with each other. In the
words of Bayes: one altered tile among n has 1 / n of the prior odds of one alone.

What that leaves open is the constant: a tile of a large photo is no small photo. So a - log n is taken of
unaltered photos of several sizes, rendered at those sizes, and its conformal quantile is what the limit of
one tile has to be for them; log n on top of it gives a limit to every number of tiles, and more tiles never
get a lower one. The promise is that of the quantile: a new photo, of a size drawn as those here, reaches its
limit with a probability of at most `RATE`. Every size's own quantile has to lie below too, so that none of
them pays for the others: of one size alone the promise is `RATE` as well where there are 99 photos of it,
and 1 / (n + 1) with fewer.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.evaluation.figures.calibration import FALSE_POSITIVE_RATE, Fitted, calibrate, next_above
from falseflaw.evaluation.figures.decoding import decode
from falseflaw.evaluation.figures.guarantees import guarantee
from falseflaw.imaging import codec
from falseflaw.statistics.conformal import conformal_quantile
from falseflaw.types import OperatingPoint

RATE = FALSE_POSITIVE_RATE
"""Share of unaltered photos in tiles that may reach their limit."""

_AGAIN = "run `scripts/run measure-large-photos` again"


@dataclass(frozen=True)
class LargePhoto:
    """What a model says of one unaltered photo.

    Attributes:
        source: Its product; photos of one product are not independent.
        megapixels: That were asked for.
        height: Pixels.
        width: Pixels.
        tiles: In how many it was judged.
        logit: Uncalibrated, of the highest tile.
        hottest: Highest value of its heat map, 0..255.
        distance: Of that tile from the photos that were measured; None where not told.
    """

    source: str
    megapixels: float
    height: int
    width: int
    tiles: int
    logit: float
    hottest: int
    distance: float | None = None


@dataclass(frozen=True)
class LargePhotos:
    """Scores of unaltered large photos by one model.

    Attributes:
        checkpoint: sha256 of the checkpoint, whether it or a bundle made of it was asked.
        model: What was asked, for people.
        seed: Of the photos.
        photos: One each.
    """

    checkpoint: str
    model: str
    seed: int
    photos: tuple[LargePhoto, ...]

    def write(self, path: Path) -> None:
        """Writes them as JSON."""
        codec.write_atomic(path, (json.dumps(asdict(self), indent=1) + "\n").encode())

    @classmethod
    def read(cls, path: Path) -> LargePhotos:
        """Reads what `write` wrote.

        Raises:
            MissingDataError: There is no such file.
            InvalidDataError: It is something else.
        """
        try:
            return decode(cls, json.loads(path.read_text(encoding="utf-8")))
        except FileNotFoundError as error:
            raise MissingDataError(
                f"expected scores of large photos at {path}, found none; "
                "make them with `scripts/run measure-large-photos`"
            ) from error
        except (OSError, ValueError, TypeError) as error:
            raise InvalidDataError(f"cannot read {path}: {str(error).splitlines()[0]}; {_AGAIN}") from error


def with_large_photos(
    point: OperatingPoint, fitted: Fitted, large: LargePhotos
) -> tuple[OperatingPoint, Fitted]:
    """Returns an operating point with the limit of photos in tiles, and the record with what it promises.

    Raises:
        InvalidDataError: None of the photos was judged in tiles.
    """
    tiled = [photo for photo in large.photos if photo.tiles > 1]
    if not tiled:
        raise InvalidDataError(
            "expected scores of photos that are judged in several tiles, got none; "
            "measure photos of 6 megapixels and more"
        )
    logits = np.array([photo.logit for photo in tiled])
    excess = logits / point.temperature - np.log([photo.tiles for photo in tiled])
    sources = np.array([photo.source for photo in tiled])
    sizes = np.array([photo.megapixels for photo in tiled])
    pooled = conformal_quantile(excess, sources, RATE)
    alone = [
        conformal_quantile(excess[sizes == size], sources[sizes == size], RATE) for size in np.unique(sizes)
    ]
    cut = max(quantile.value for quantile in (pooled, *alone))
    threshold = max(point.image_threshold, next_above(float(calibrate(np.array([cut]), 1.0)[0])))
    promise = guarantee(pooled, "tiled_threshold", _words(tiled), "reaches the limit of its tiles")
    worst = max(quantile.promised for quantile in alone)
    rule = f"{fitted.rule}; {promise.text}, and of one size alone with one of at most {100 * worst:.3g} %"
    return (
        replace(point, tiled_threshold=threshold),
        replace(fitted, guarantees=(*fitted.guarantees, promise), rule=rule),
    )


def _words(photos: Sequence[LargePhoto]) -> str:
    counts = Counter(photo.megapixels for photo in photos)
    sizes = ", ".join(f"{counts[size]} of {size:g}" for size in sorted(counts))
    return f"an unaltered rendered photo in tiles, of a new product and a size as here ({sizes} megapixels),"
