"""Windows around flaws: what the content probe and the studies of inpainters look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from falseflaw.imaging.crop import bounding_box
from falseflaw.types import DamageKind, Image, Mask

SIDE = 96
"""Side of a window around a flaw, photo pixels; a flaw's own box measures 104 at most."""

KINDS = tuple(DamageKind)


@dataclass(frozen=True, eq=False)
class Flaws:
    """Windows around flaws.

    Attributes:
        images: uint8 (N, SIDE, SIDE, 3).
        regions: bool (N, SIDE, SIDE), where an inpainter might write.
        kinds: int (N,), positions in `KINDS`.
        sources: str (N,), the photos they come from.
    """

    images: NDArray[np.uint8]
    regions: NDArray[np.bool_]
    kinds: NDArray[np.int64]
    sources: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.images)


def join(parts: Sequence[Flaws]) -> Flaws:
    """Returns the flaws of all parts, in their order."""
    return Flaws(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.regions for part in parts]),
        np.concatenate([part.kinds for part in parts]),
        np.concatenate([part.sources for part in parts]),
    )


def window(photo: Image, region: Mask) -> tuple[Image, Mask]:
    """Cuts a window around the middle of a region, reflected where the photo ends, and its region with it."""
    box, half = bounding_box(region), SIDE // 2
    top, left = box.top + box.height // 2, box.left + box.width // 2  # of the padded photo
    pad = ((half, half), (half, half))
    mode: Literal["reflect", "symmetric"] = "reflect" if min(region.shape) > half else "symmetric"
    where = (slice(top, top + SIDE), slice(left, left + SIDE))
    return np.pad(photo, (*pad, (0, 0)), mode=mode)[where], np.pad(region, pad, mode=mode)[where]
