"""How often a verdict is wrong: the rate that its limit was set for, and the one measured afterwards."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from falseflaw.errors import InvalidDataError
from falseflaw.runtime.bundle import BundleInfo

POPULATIONS = ("real_damage", "inpainted")
"""Keys of `bundle.json`'s `measured`: photos of really damaged products; photos altered with AI."""


@dataclass(frozen=True)
class Promise:
    """What a limit was set for, see `evaluation.figures.guarantees.Guarantee`.

    Attributes:
        rate: Largest share of honest photos that may be called altered, 0..1.
        sources: Products that this rests on.
    """

    rate: float
    sources: int


@dataclass(frozen=True)
class Measured:
    """How often photos of a population got each verdict, as they came from the camera.

    Attributes:
        photos: Number.
        altered: Called altered.
        inconclusive: Without a clear answer.
        lo: Lower end of the 95 % interval of the share called altered, 0..1.
        hi: Upper end.
    """

    photos: int
    altered: int
    inconclusive: int
    lo: float
    hi: float


@dataclass(frozen=True)
class Rates:
    """What is known of wrong answers; None: the bundle does not say.

    Attributes:
        set_for: Of honest photos, what the limit was set for.
        real_damage: Measured on photos of really damaged products.
        inpainted: Measured on photos altered with AI.
    """

    set_for: Promise | None = None
    real_damage: Measured | None = None
    inpainted: Measured | None = None


def rates_of(info: BundleInfo) -> Rates:
    """Returns what a bundle says of its own errors.

    Raises:
        InvalidDataError: `guarantees` or `measured` is not in the form of this version.
    """
    try:
        promises = [
            Promise(float(entry["promised"]), int(entry["sources"]))
            for entry in info.guarantees
            if entry["threshold"] == "image_threshold"
        ]
        found = {name: _measured(info.measured[name]) for name in POPULATIONS if info.measured.get(name)}
        # Of several the largest: each is held to by itself, and nobody knows which one this photo is like.
        return Rates(max(promises, key=lambda promise: promise.rate, default=None), **found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InvalidDataError(
            f"expected guarantees and measured rates in bundle.json, got something else ({error!r}); "
            "export the bundle again"
        ) from error


def _measured(entry: Mapping[str, Any]) -> Measured:
    found = Measured(
        int(entry["photos"]),
        int(entry["altered"]),
        int(entry["inconclusive"]),
        float(entry["lo"]),
        float(entry["hi"]),
    )
    right = 0 <= found.altered <= found.photos and 0 <= found.lo <= found.hi <= 1 and found.photos > 0
    if not right or not 0 <= found.inconclusive <= found.photos:
        raise ValueError(f"a rate out of its range: {found}")
    return found


def out_of(rate: float) -> tuple[int, int]:
    """Returns a share as "at most so many of so many": of 100, or of 1,000 where that says more.

    Rounded up, so that it never promises too much.
    """
    of_thousand = math.ceil(1000 * rate - 1e-9)
    return (of_thousand // 10, 100) if of_thousand % 10 == 0 else (of_thousand, 1000)
