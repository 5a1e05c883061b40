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


class Edit(StrEnum):
    """How a member of a matched set came about."""

    AUTHENTIC = "authentic"
    NULL_EDIT = "null_edit"
    SIMULATED_DAMAGE = "simulated_damage"
    SPLICED = "inpainted_spliced"
    REGENERATED = "inpainted_regenerated"

    @property
    def label(self) -> int:
        """1 for positives (AI pixels in the photo), 0 for negatives."""
        return int(self in INPAINTED)


INPAINTED = frozenset({Edit.SPLICED, Edit.REGENERATED})
"""Edits whose flaw was written by an AI inpainter: the positives of the headline."""


class Verdict(StrEnum):
    """What the seller is told."""

    ALTERED = "altered"
    NO_SIGN = "no sign of alteration"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


@dataclass(frozen=True)
class OperatingPoint:
    """Calibration and thresholds, fixed once on validation and shipped with the model.

    Attributes:
        temperature: Positive divisor of the image logit (Guo et al. 2017, temperature scaling).
        image_threshold: Calibrated probability in [0, 1] at and above which a photo is `altered`.
        clear_threshold: Calibrated probability below which it shows `no sign of alteration`;
            at most `image_threshold`. Between the two the verdict is `inconclusive`.
        mask_threshold: 8-bit heat-map value in [1, 255] at and above which a pixel counts as altered.
    """

    temperature: float = 1.0
    image_threshold: float = 0.5
    clear_threshold: float = 0.5
    mask_threshold: int = 128

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


@dataclass(frozen=True, eq=False)
class Prediction:
    """What the detector says of one photo.

    Attributes:
        probability: Calibrated probability of alteration in [0, 1].
        heat_map: uint8, (H, W), the photo's own size.
    """

    probability: float
    heat_map: HeatMap
