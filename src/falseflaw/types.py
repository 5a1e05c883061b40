"""Words of the project as types. Shapes and ranges in the docstrings; no I/O here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""Photo, uint8, (H, W, 3), RGB, upright (EXIF rotation applied)."""

Mask = NDArray[np.bool_]
"""Region, bool, (H, W), True inside."""

HeatMap = NDArray[np.uint8]
"""Evidence of alteration per pixel, uint8, (H, W), 0 none to 255 certain."""


class Fold(StrEnum):
    """Part of the sources that a stage may use; a contributor lies in exactly one."""

    INPAINTER = "inpainter"
    TRAIN = "train"
    VAL = "val"
    TEST = "test"


class DamageKind(StrEnum):
    """Kinds of flaw that the damage engine paints and the prompts name."""

    COFFEE = "coffee"
    INK = "ink"
    WINE = "wine"
    GREASE = "grease"
    MUD = "mud"
    HOLE = "hole"
    TEAR = "tear"
    BURN = "burn"
    MOULD = "mould"


UNLABELLED = -1
"""Label of edits that are neither positives nor negatives: each has a row of its own in the evaluation."""


class Edit(StrEnum):
    """How an image came about."""

    AUTHENTIC = "authentic"
    NULL_EDIT = "null_edit"
    SIMULATED_DAMAGE = "simulated_damage"
    LOCAL_EDIT = "local_edit"
    SPLICED = "inpainted_spliced"
    FEATHERED = "inpainted_feathered"
    REGENERATED = "inpainted_regenerated"
    REFILLED = "refilled"
    AUTOENCODED = "autoencoded"
    HAND_CLONED = "hand_edited_cloned"
    HAND_PASTED = "hand_edited_pasted"
    ROUND_TRIP_AUTHENTIC = "round_trip_authentic"
    ROUND_TRIP_DAMAGED = "round_trip_simulated_damage"
    REAL_DAMAGE = "real_damage"
    BY_OTHERS = "inpainted_by_others"

    @property
    def label(self) -> int:
        """1 for positives (AI pixels in the photo), 0 for negatives, `UNLABELLED` for the others."""
        if self in POSITIVES:
            return 1
        return UNLABELLED if self in _UNLABELLED else 0

    @property
    def masked(self) -> bool:
        """Whether there is a true mask of what was altered: positives and hand-edited photos."""
        return self in POSITIVES or self in HAND_EDITED

    @property
    def flawed(self) -> bool:
        """Whether the photo shows a flaw of its matched set."""
        return self not in _FLAWLESS


INPAINTED = frozenset({Edit.SPLICED, Edit.FEATHERED, Edit.REGENERATED})
"""Edits whose flaw was written by an AI inpainter: the positives of the headline."""

POSITIVES = INPAINTED | {Edit.REFILLED, Edit.AUTOENCODED, Edit.BY_OTHERS}
"""Edits with pixels that a network wrote into an otherwise original photo."""

HAND_EDITED = frozenset({Edit.HAND_CLONED, Edit.HAND_PASTED})
"""Edits without a network."""

ROUND_TRIPS = frozenset({Edit.ROUND_TRIP_AUTHENTIC, Edit.ROUND_TRIP_DAMAGED})
"""Whole photos after an autoencoder, with nothing painted."""

MATCHED = tuple(edit for edit in Edit if edit not in {Edit.REAL_DAMAGE, Edit.BY_OTHERS})
"""The members of a matched set."""

_UNLABELLED = HAND_EDITED | ROUND_TRIPS
_FLAWLESS = frozenset({Edit.AUTHENTIC, Edit.NULL_EDIT, Edit.REFILLED, Edit.ROUND_TRIP_AUTHENTIC})


class Placement(StrEnum):
    """Where the flaw of a matched set may lie."""

    PRODUCT = "product"
    ANYWHERE = "anywhere"


class RegionShape(StrEnum):
    """How the region that an inpainter may rewrite follows from the flaw."""

    CONTOUR = "contour"
    EXACT = "exact"
    HULL = "hull"
    POLYGON = "polygon"
    ELLIPSE = "ellipse"
    STROKE = "stroke"
    BOX = "box"


class Verdict(StrEnum):
    """What the seller is told: one of three, or why there is none.

    `error` is for photos that could not be judged, `skipped` for what is no photo.
    """

    ALTERED = "altered"
    NO_SIGN = "no sign of alteration"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True)
class OperatingPoint:
    """Calibration and thresholds, fixed once on validation and shipped with the model.

    Attributes:
        temperature: Positive divisor of the image logit (Guo et al. 2017, temperature scaling).
        image_threshold: Calibrated probability in [0, 1] at and above which a photo is `altered`.
        clear_threshold: Calibrated probability below which it shows `no sign of alteration`;
            at most `image_threshold`. Between the two the verdict is `inconclusive`.
        mask_threshold: 8-bit heat-map value in [1, 255] at and above which a pixel counts as altered.
        distance_threshold: Distance above 0 at and above which a photo is unlike anything that was measured,
            and `inconclusive` whatever its probability; None where no distance was fitted.
        tiled_threshold: For photos in several tiles, instead of `image_threshold` and no lower: the highest
            of n tiles has to reach n times these odds, see `runtime.verdict.limits`. None: not fitted, and
            the number of tiles does not count.
    """

    temperature: float = 1.0
    image_threshold: float = 0.5
    clear_threshold: float = 0.5
    mask_threshold: int = 128
    distance_threshold: float | None = None
    tiled_threshold: float | None = None

    def __post_init__(self) -> None:
        if not self.temperature > 0:
            raise ValueError(f"expected temperature > 0, got {self.temperature}")
        if not 0 <= self.clear_threshold <= self.image_threshold <= 1:
            raise ValueError(
                "expected 0 <= clear_threshold <= image_threshold <= 1, "
                f"got {self.clear_threshold} and {self.image_threshold}"
            )
        if not 1 <= self.mask_threshold <= 255:
            raise ValueError(f"expected mask_threshold in 1..255, got {self.mask_threshold}")
        if self.distance_threshold is not None and not self.distance_threshold > 0:
            raise ValueError(f"expected distance_threshold > 0 or null, got {self.distance_threshold}")
        if self.tiled_threshold is not None and not self.image_threshold <= self.tiled_threshold <= 1:
            raise ValueError(
                f"expected image_threshold <= tiled_threshold <= 1 or null, got {self.image_threshold} "
                f"and {self.tiled_threshold}"
            )


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the detector says of one photo.

    Attributes:
        probability: Calibrated probability of alteration in [0, 1].
        heat_map: uint8, (H, W), the photo's own size.
        distance: From the photos that were measured, about 1 for one of them; None where none is told.
    """

    probability: float
    heat_map: HeatMap
    distance: float | None = None
