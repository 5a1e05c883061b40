"""Flaws cut out of photos: what the measurements look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from falseflaw.audit.flaws import KINDS as KINDS
from falseflaw.audit.flaws import SIDE as SIDE
from falseflaw.audit.flaws import Flaws as Flaws
from falseflaw.audit.flaws import window
from falseflaw.synthesis.prepare import PreparedSet
from falseflaw.types import Image


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
