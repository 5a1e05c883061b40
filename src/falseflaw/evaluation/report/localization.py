"""Where the heat of a heat map lies: inside the altered region, on its seam, or elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt

from falseflaw.types import HeatMap, Mask

SEAM = 4
"""Half the width of the seam, pixels: how far from the region's contour a pixel may lie on either side."""


@dataclass(frozen=True)
class HeatShares:
    """Shares of the heat map's sum, and beside them those of the photo's pixels; each three add up to 1.

    Attributes:
        inside: In the region, farther than `SEAM` from its contour.
        seam: Within `SEAM` of the contour, on either side.
        outside: The rest.
        area: The pixels' shares, in the same order: what the heat's would be if it were spread evenly.
    """

    inside: float
    seam: float
    outside: float
    area: tuple[float, float, float]


def heat_shares(heat: HeatMap, mask: Mask, seam: float = SEAM) -> HeatShares | None:
    """Says how much of the heat lies where.

    Args:
        heat: uint8 (H, W).
        mask: bool (H, W), the altered region. The photo's edge is no contour.
        seam: Half the width of the seam, pixels.

    Returns:
        The shares, or None where the map is cold throughout, or the mask is empty or covers everything.
    """
    total = heat.sum(dtype=np.int64)
    if total == 0 or mask.all() or not mask.any():
        return None
    # Distance to the nearest pixel of the other side; a contour pixel is at 1.
    distance = np.where(mask, distance_transform_edt(mask), distance_transform_edt(~mask))
    band = distance <= seam
    parts = (mask & ~band, band, ~mask & ~band)
    inside, on_seam, outside = (float(heat[part].sum(dtype=np.int64) / total) for part in parts)
    return HeatShares(inside, on_seam, outside, tuple(float(part.mean()) for part in parts))  # type: ignore[arg-type]
