"""A region against a ring around it: how much fine detail each has, and how that detail hangs together.

Detail is the photo minus a Gaussian blur of it. Its *energy* (standard deviation) is no trace of a network:
grain, focus, denoising and resizing change it as well. Its *structure* (correlations, blocking) may be one.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from falseflaw.errors import InvalidDataError
from falseflaw.imaging.crop import bounding_box
from falseflaw.types import Image, Mask

SEAM = 2
"""Pixels on each side of the region's edge that count neither as inside nor as around."""

REACH = 12
"""Pixels from the region at which the ring ends."""

LEAST_PIXELS = 100
"""Fewer pixels inside or in the ring tell nothing."""

SIGMAS = (0.7, 1.2, 2.5)
"""Of the blurs that are taken away, pixels; a small one leaves the finest detail alone."""

_CHANNELS = ("luma", "Cr", "Cb")  # as OpenCV orders them
_COLORS = ("red", "green", "blue")
_PAIRS = ((0, 1), (1, 2), (0, 2))
_LAGS = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0), (2, 2), (2, -2))
_MIDDLE = 1  # of SIGMAS: whose detail the ratio and the structure look at
_CONTEXT = REACH + int(4 * max(SIGMAS)) + 2  # pixels around the region that anything depends on
_BLOCK = 8  # side of a JPEG block
_ROUNDING = 0.05  # gray levels: flat areas have no detail, and zero has no logarithm
_CERTAIN = 0.999  # Fisher's transform of a correlation of 1 is infinite

ENERGY = tuple(f"{channel} {sigma:g}" for sigma in SIGMAS for channel in _CHANNELS)
"""Names of the energy's numbers."""

STRUCTURE = (
    *(f"{_COLORS[one]} with {_COLORS[other]}" for one, other in _PAIRS),
    *(f"neighbor {down} {across}" for down, across in _LAGS),
    "blocking across",
    "blocking down",
)
"""Names of the structure's numbers."""


@dataclass(frozen=True, eq=False)
class RingStatistics:
    """What tells a region from its surroundings; about 0 where nothing does.

    Attributes:
        energy: Logarithm of the ratio of standard deviations of detail, inside over ring, as `ENERGY` names
            them, float64 (9,).
        structure: Inside minus ring, as `STRUCTURE` names them, float64 (13,): correlations of detail after
            Fisher's transform, and logarithms of the blocking at JPEG block edges over that elsewhere.
    """

    energy: NDArray[np.float64]
    structure: NDArray[np.float64]

    @property
    def ratio(self) -> float:
        """Standard deviation of luma minus its blur (sigma 1.2) inside the region over that in the ring."""
        return float(np.exp(self.energy[_MIDDLE * len(_CHANNELS)]))


def inside_and_ring(region: Mask) -> tuple[Mask, Mask]:
    """Returns the region without its seam, and the ring `SEAM` to `REACH` pixels around it, bool (H, W)."""
    within, beyond = (
        cv2.distanceTransform(part.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
        for part in (region, ~region)
    )
    return within > SEAM, (beyond > SEAM) & (beyond <= REACH)


def ring_statistics(image: Image, region: Mask) -> RingStatistics | None:
    """Returns what tells a region from the ring around it, or None where either has too few pixels.

    Args:
        image: uint8 (H, W, 3); its first pixel is the corner of a JPEG block.
        region: bool (H, W).

    Raises:
        InvalidDataError: The sizes do not agree.
    """
    if image.shape[:2] != region.shape:
        raise InvalidDataError(
            f"expected a region of {image.shape[0]}x{image.shape[1]}, got {region.shape[0]}x{region.shape[1]}"
        )
    if np.count_nonzero(region) < LEAST_PIXELS or region.all():
        return None
    around = _surroundings(region)
    image, region = np.ascontiguousarray(image[around]), np.ascontiguousarray(region[around])
    inside, ring = inside_and_ring(region)
    if min(np.count_nonzero(inside), np.count_nonzero(ring)) < LEAST_PIXELS:
        return None
    levels = image.astype(np.float32)
    opponent = cv2.cvtColor(levels, cv2.COLOR_RGB2YCrCb)
    details = [opponent - cv2.GaussianBlur(opponent, (0, 0), sigma) for sigma in SIGMAS]
    spread = [np.concatenate([_spread(part, mask) for part in details]) for mask in (inside, ring)]  # (9,)
    energy = np.log((spread[0] + _ROUNDING) / (spread[1] + _ROUNDING))
    colors = levels - cv2.GaussianBlur(levels, (0, 0), SIGMAS[_MIDDLE])
    luma, detail = opponent[..., 0], details[_MIDDLE][..., 0]
    one, other = (_structure(colors, detail, luma, mask) for mask in (inside, ring))
    return RingStatistics(energy, one - other)


def _surroundings(region: Mask) -> tuple[slice, slice]:
    """The part of the photo that anything depends on, begun at the corner of a JPEG block."""
    box = bounding_box(region)
    top, left = (max(0, start - _CONTEXT) // _BLOCK * _BLOCK for start in (box.top, box.left))
    return slice(top, box.top + box.height + _CONTEXT), slice(left, box.left + box.width + _CONTEXT)


def _structure(
    colors: NDArray[np.float32], detail: NDArray[np.float32], luma: NDArray[np.float32], mask: Mask
) -> NDArray[np.float64]:
    """Structure of the pixels of a mask, (13,).

    Args:
        colors: Detail of red, green and blue, (H, W, 3).
        detail: Detail of luma, (H, W).
        luma: (H, W).
        mask: bool (H, W).
    """
    values = colors[mask] - colors[mask].mean(axis=0)  # (N, 3)
    products = (values.T @ values).astype(np.float64)
    related = [
        _share(products[one, other], products[one, one], products[other, other]) for one, other in _PAIRS
    ]
    weights = mask.astype(np.float32)  # (H, W)
    centered = weights * (detail - detail[mask].mean())
    squares = centered**2
    for down, across in _LAGS:
        here, there = _shifted(down, across)
        product = np.vdot(centered[here], centered[there])
        norms = np.vdot(squares[here], weights[there]), np.vdot(weights[here], squares[there])
        related.append(_share(float(product), *map(float, norms)))
    return np.array([*np.arctanh(np.clip(related, -_CERTAIN, _CERTAIN)), *_blocking(luma, mask)])


def _share(product: float, *norms: float) -> float:
    """Correlation from a sum of products and two sums of squares; 0 where one of them does not vary."""
    scale = float(np.sqrt(norms[0] * norms[1]))
    return product / scale if scale else 0.0


def _spread(values: NDArray[np.float32], mask: Mask) -> NDArray[np.float64]:
    """Standard deviations of three channels inside a mask, (3,); as NumPy's, ten times faster."""
    return np.asarray(cv2.meanStdDev(values, mask=mask.astype(np.uint8))[1].ravel(), np.float64)


def _shifted(down: int, across: int) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Slices of all pixels with a neighbor at an offset, and of these neighbors."""
    rows, rows_there = slice(None, -down or None), slice(down, None)
    if across < 0:
        return (rows, slice(-across, None)), (rows_there, slice(None, across))
    return (rows, slice(None, -across or None)), (rows_there, slice(across, None))


def _blocking(luma: NDArray[np.float32], mask: Mask) -> list[float]:
    """Logarithms of the mean step at block edges over that at other columns, and the same for rows.

    A step is the difference of two neighbors less a third of that of the pixels beside them: 0 on a slope.
    """
    found = []
    for values, chosen in ((luma, mask), (luma.T, mask.T)):
        step = np.abs(values[:, 1:-2] - values[:, 2:-1] - (values[:, :-3] - values[:, 3:]) / 3)
        both = chosen[:, 1:-2] & chosen[:, 2:-1]
        at_edge = (np.arange(2, 2 + step.shape[1]) % _BLOCK == 0)[None, :]
        edge, elsewhere = step[both & at_edge], step[both & ~at_edge]
        means = [float(part.mean()) if len(part) else 0.0 for part in (edge, elsewhere)]
        found.append(float(np.log((means[0] + _ROUNDING) / (means[1] + _ROUNDING))))
    return found
