"""Chooses where, how large and how strong a flaw is, has it painted, and returns its exact mask."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from falseflaw.damage import mould, openings, stains
from falseflaw.damage.canvas import Canvas, Painted, make_canvas
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging.color import to_levels
from falseflaw.types import DamageKind, Image, Mask

Painter = Callable[[Canvas, np.random.Generator], Painted]
"""Paints one flaw on a window of a photo, in linear light; all randomness comes from the generator."""

PAINTERS: Mapping[DamageKind, Painter] = {
    DamageKind.COFFEE: stains.coffee,
    DamageKind.INK: stains.ink,
    DamageKind.WINE: stains.wine,
    DamageKind.GREASE: stains.grease,
    DamageKind.MUD: stains.mud,
    DamageKind.HOLE: openings.hole,
    DamageKind.TEAR: openings.tear,
    DamageKind.BURN: openings.burn,
    DamageKind.MOULD: mould.mould,
}

_SIZE_RANGE: Mapping[DamageKind, tuple[float, float]] = {
    DamageKind.TEAR: (0.0, 0.3),
    DamageKind.HOLE: (0.0, 0.6),
    DamageKind.BURN: (0.05, 0.9),
    DamageKind.MOULD: (0.25, 1.0),
}
"""Part of the logarithmic area range that a kind uses; the others use all of it."""

_REFERENCE_PIXELS = 400 * 533
"""Photo size for which the painters' design pixels are meant."""

_REFERENCE_EXTENT = 104
"""Extent at that size when none is given."""


def design_scale(shape: Sequence[int]) -> float:
    """Returns pixels per design pixel in a photo of `shape` (H, W, ...): 1 up to 400x533, then more."""
    return max(math.sqrt(shape[0] * shape[1] / _REFERENCE_PIXELS), 1.0)


MIN_MASK_PIXELS = 30
"""Smaller flaws are not accepted: they would be too few pixels to measure a mask on."""

_VISIBLE_CHANGE = 3.0
"""Mean change of the strongest channel around a pixel, in 8-bit levels, from which it counts as flawed."""

_SMALLEST_PIECE = 6
"""Connected pieces below this many design pixels are dropped from the mask."""

_ATTEMPTS = 10


_BOX_SHARE = 0.42
"""Share of the largest bounding box that a flaw fills at most."""


@dataclass(frozen=True, eq=False)
class Flaw:
    """A photo with a painted flaw.

    Attributes:
        image: The painted photo, uint8, (H, W, 3).
        alpha: Opacity of the flaw, float32, (H, W), 0 to 1, 0 outside the mask.
        mask: Exactly where the flaw is visible, bool, (H, W); all other pixels are those of the input.
        kind: What was painted.
    """

    image: Image
    alpha: NDArray[np.float32]
    mask: Mask
    kind: DamageKind


class DamageEngine:
    """Paints seedable flaws that follow the material's folds and texture.

    Args:
        area_min: Smallest visible area as a share of the photo.
        area_max: Largest visible area as a share of the photo.
        strength_min: Faintest strength, in [0, 1].
        strength_max: Greatest strength, in [0, 1].
        max_extent: Largest side of the flaw's bounding box in pixels, which caps the area too, in large
            photos even below `area_min`; None for 104 in a photo of 400x533, growing with larger ones.
        grows: Whether `max_extent` is meant for a photo of 400x533 and grows with larger ones, and the flaw's
            texture with it.
        painters: By kind, what paints it instead of the shipped painter, see `Painter`.

    Raises:
        ConfigurationError: A value is out of range, or a painter's kind is none.
    """

    def __init__(
        self,
        area_min: float = 0.003,
        area_max: float = 0.06,
        strength_min: float = 0.1,
        strength_max: float = 1.0,
        max_extent: int | None = 104,
        painters: Mapping[str, Painter] | None = None,
        grows: bool = False,
    ) -> None:
        if unknown := sorted(set(painters or {}) - {str(kind) for kind in DamageKind}):
            raise ConfigurationError(
                f"expected painters for {', '.join(DamageKind)}, got {unknown[0]!r}; mend the damage group"
            )
        if not 0 < area_min <= area_max <= 0.5:
            raise ConfigurationError(
                f"expected 0 < area_min <= area_max <= 0.5, got {area_min} and {area_max}; "
                "mend the damage group"
            )
        if not 0 <= strength_min <= strength_max <= 1:
            raise ConfigurationError(
                "expected 0 <= strength_min <= strength_max <= 1, "
                f"got {strength_min} and {strength_max}; mend the damage group"
            )
        if max_extent is not None and max_extent < 16:
            raise ConfigurationError(f"expected max_extent of at least 16 pixels or null, got {max_extent}")
        self.area_min = area_min
        self.area_max = area_max
        self.strength_min = strength_min
        self.strength_max = strength_max
        self.max_extent = max_extent
        self.grows = grows
        self._painters = {**PAINTERS, **{DamageKind(kind): paint for kind, paint in (painters or {}).items()}}

    def paint(self, image: Image, product: Mask, kind: DamageKind, rng: np.random.Generator) -> Flaw:
        """Paints one flaw on the product.

        The work is done on a window around the flaw, in linear light. The same photo, mask, kind and
        generator state give the same bytes.

        Args:
            image: uint8, (H, W, 3).
            product: bool, (H, W): where a flaw may lie.
            kind: What to paint.
            rng: Source of place, shape, size and strength.

        Raises:
            InvalidDataError: The arrays do not fit each other, or no visible flaw fits on the product.
        """
        _check(image, product)
        kind = DamageKind(kind)
        height, width = product.shape
        scale = design_scale(product.shape) if self.grows or self.max_extent is None else 1.0
        extent = round((self.max_extent or _REFERENCE_EXTENT) * scale)
        distance = _edge_distance(product)
        radius_max = float(distance.max())
        smallest = max(self.area_min * height * width, 1.6 * MIN_MASK_PIXELS)
        if math.pi * (1.5 * radius_max) ** 2 < smallest:
            raise _no_room(kind, f"its widest place measures {2 * radius_max:.0f} pixels")
        low, high = self._area_range(kind, height * width, extent, radius_max)
        area = math.exp(rng.uniform(math.log(low), math.log(high)))
        strength = rng.uniform(self.strength_min, self.strength_max)
        share_low = min(self.area_min * height * width, 0.6 * _BOX_SHARE * extent**2)
        share_high = self.area_max * height * width
        for _ in range(_ATTEMPTS):
            flaw = self._attempt(image, distance, kind, rng, area, strength, scale, extent)
            visible = int(flaw.mask.sum())
            if visible < MIN_MASK_PIXELS or visible < share_low:
                area = min(area * min(max(share_low / max(visible, 1), 1.15), 1.6), high)
                strength = min(strength + 0.15, 1.0)
            elif visible > share_high:
                area *= 0.92 * share_high / visible
            else:
                return flaw
        raise _no_room(kind, f"{_ATTEMPTS} attempts stayed invisible or outside the area range")

    def _area_range(
        self, kind: DamageKind, pixels: int, extent: int, radius_max: float
    ) -> tuple[float, float]:
        """Area in pixels to draw from: the kind's part of the range, capped by extent and product."""
        smallest = max(self.area_min * pixels * 1.05, 1.6 * MIN_MASK_PIXELS)
        largest = max(self.area_max * pixels, smallest)
        start, stop = _SIZE_RANGE.get(kind, (0.0, 1.0))
        ratio = largest / smallest
        low, high = smallest * ratio**start, smallest * ratio**stop
        # Beyond these a flaw would fill its box or cover the product from edge to edge.
        cap = min(_BOX_SHARE * extent**2, math.pi * (1.5 * radius_max) ** 2)
        high = max(min(high, cap), 0.9 * min(smallest, cap))
        return min(low, 0.6 * high), high

    def _attempt(
        self,
        image: Image,
        distance: NDArray[np.float32],
        kind: DamageKind,
        rng: np.random.Generator,
        area: float,
        strength: float,
        scale: float,
        extent: int,
    ) -> Flaw:
        radius = math.sqrt(area / math.pi)
        y, x = _place(distance, radius, rng)
        # Tears are long for their area; the others spread to at most about two radii and their drops.
        reach = 5.0 if kind is DamageKind.TEAR else 2.2
        side = int(min(extent, math.ceil(2 * reach * radius) + 12 * scale))
        top, left = max(y - side // 2, 0), max(x - side // 2, 0)
        bottom, right = min(y - side // 2 + side, image.shape[0]), min(x - side // 2 + side, image.shape[1])
        window = image[top:bottom, left:right]
        canvas = make_canvas(
            window,
            _within(distance[top:bottom, left:right], (y - top, x - left), side),
            (float(y - top), float(x - left)),
            area,
            scale,
            strength,
        )
        painted = self._painters[kind](canvas, rng)
        pixels = np.clip(np.round(to_levels(painted.linear)), 0, 255).astype(np.uint8)
        mask = _visible(window, pixels, canvas.allowed > 0, scale)
        result, full, alpha = (
            image.copy(),
            np.zeros(image.shape[:2], bool),
            np.zeros(image.shape[:2], np.float32),
        )
        result[top:bottom, left:right] = np.where(mask[..., None], pixels, window)
        full[top:bottom, left:right] = mask
        alpha[top:bottom, left:right] = np.where(mask, painted.alpha, 0)
        return Flaw(result, alpha, full, kind)


def _check(image: Image, product: Mask) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InvalidDataError(f"expected a photo as uint8 (H, W, 3), got {image.dtype} {image.shape}")
    if product.dtype != bool or product.shape != image.shape[:2]:
        raise InvalidDataError(
            f"expected a product mask as bool {image.shape[:2]}, got {product.dtype} {product.shape}"
        )


def _no_room(kind: DamageKind, why: str) -> InvalidDataError:
    return InvalidDataError(
        f"expected a product large enough for a {kind} flaw, but {why}; "
        "use another photo or lower damage.area_min"
    )


def _edge_distance(product: Mask) -> NDArray[np.float32]:
    """Distance in pixels to the nearest pixel off the product; the photo's border counts as off."""
    framed = np.pad(product.astype(np.uint8), 1)
    return np.ascontiguousarray(cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1], np.float32)


def _within(distance: NDArray[np.float32], center: tuple[int, int], side: int) -> NDArray[np.float32]:
    """Lets no flaw reach the window's own border, where it would be cut straight: a rounded fence."""
    y, x = np.ogrid[0 : distance.shape[0], 0 : distance.shape[1]]
    dy, dx = np.abs(y - center[0]) / (side / 2), np.abs(x - center[1]) / (side / 2)
    fence = (1 - (dy**6 + dx**6) ** (1 / 6)) * (side / 2) - 1
    return np.asarray(np.minimum(distance, np.maximum(fence, 0)), np.float32)


def _place(distance: NDArray[np.float32], radius: float, rng: np.random.Generator) -> tuple[int, int]:
    """Draws a pixel far enough from the product's edge for a flaw of that radius, or as far as there is."""
    needed = min(0.75 * radius + 2, 0.8 * float(distance.max()))
    candidates = np.flatnonzero(distance >= needed)
    y, x = divmod(int(candidates[int(rng.integers(candidates.size))]), distance.shape[1])
    return y, x


def _visible(before: Image, after: Image, allowed: Mask, scale: float) -> Mask:
    """Where a flaw shows: the change is visible around the pixel; small holes filled, crumbs dropped."""
    change = cv2.absdiff(before, after).max(axis=2).astype(np.float32)
    mask = (cv2.blur(change, (3, 3), borderType=cv2.BORDER_REFLECT_101) >= _VISIBLE_CHANGE) & allowed
    mask = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    # Gaps inside belong to the flaw (a faint middle, cloth between speckles), unless they are wide rings.
    mask = _drop_small(1 - mask, 0.25 * float(mask.sum()), 4)
    return np.asarray((_drop_small(1 - mask, _SMALLEST_PIECE * scale**2, 8) > 0) & allowed, bool)


def _drop_small(binary: NDArray[np.uint8], smallest: float, connectivity: int) -> NDArray[np.uint8]:
    """Sets connected pieces below `smallest` pixels to 0, pieces at the window's border excepted for gaps."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(binary, connectivity=connectivity)
    keep = stats[:, cv2.CC_STAT_AREA] >= smallest
    keep[0] = False
    if connectivity == 4:
        border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
        keep[np.unique(border)] = True
        keep[0] = False
    return np.asarray(keep[:count][labels], np.uint8)
