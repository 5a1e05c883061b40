"""Flaws cut out of photos: what the measurements look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from falseflaw.imaging.crop import bounding_box
from falseflaw.synthesis.prepare import PreparedSet
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


def intact(sets: Sequence[PreparedSet]) -> Flaws:
    """Returns the windows as they are before any flaw."""
    return _cut(sets, [entry.authentic for entry in sets])


def simulated(sets: Sequence[PreparedSet]) -> Flaws:
    """Returns the windows with the painted flaw of each set, spliced into the photo like the inpainted one.

    The camera's JPEG carries a painted flaw some pixels beyond its region, which no splice can have.
    """
    photos = [
        np.where(entry.region[..., None], entry.damaged, entry.authentic).astype(np.uint8) for entry in sets
    ]
    return _cut(sets, photos)


def inpainted(sets: Sequence[PreparedSet], crops: Sequence[Image]) -> Flaws:
    """Returns the windows with what an inpainter wrote, spliced into the photos.

    Args:
        sets: N sets.
        crops: N crops as the inpainter gave them, see `falseflaw.studies.inpainter.sampling.sample_crops`.
    """
    return _cut(sets, [entry.write(entry.authentic, crop) for entry, crop in zip(sets, crops, strict=True)])


def _cut(sets: Sequence[PreparedSet], photos: Sequence[Image]) -> Flaws:
    windows = [window(photo, entry.region) for photo, entry in zip(photos, sets, strict=True)]
    return Flaws(
        np.stack([image for image, _ in windows]),
        np.stack([region for _, region in windows]),
        np.array([KINDS.index(entry.plan.kind) for entry in sets]),
        np.array([entry.plan.source_id for entry in sets]),
    )


def window(photo: Image, region: Mask) -> tuple[Image, Mask]:
    """Cuts a window around the middle of a region, reflected where the photo ends, and its region with it."""
    box, half = bounding_box(region), SIDE // 2
    top, left = box.top + box.height // 2, box.left + box.width // 2  # of the padded photo
    pad = ((half, half), (half, half))
    mode: Literal["reflect", "symmetric"] = "reflect" if min(region.shape) > half else "symmetric"
    where = (slice(top, top + SIDE), slice(left, left + SIDE))
    return np.pad(photo, (*pad, (0, 0)), mode=mode)[where], np.pad(region, pad, mode=mode)[where]
