"""What a laundering is: a pure, seeded change to a photo after the edit, its mask following the geometry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import cv2
import numpy as np
from numpy.typing import NDArray

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.seeding import derive_rng
from falseflaw.types import Image, Mask


@runtime_checkable
class Laundering(Protocol):
    """What happens to a photo after the edit; the same arguments always give the same pixels."""

    @property
    def name(self) -> str:
        """Unique within a suite; a word for tables and file names."""

    @property
    def severity(self) -> float | str:
        """The parameter that grades the family (a JPEG quality, a scale factor), or a word."""

    @property
    def unseen(self) -> bool:
        """True if training augmentation never contains it."""

    def __call__(self, image: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
        """Returns the laundered photo and the mask brought through the same geometry."""


@dataclass(frozen=True)
class Identity:
    """The photo as it lies in the dataset."""

    unseen: bool = False

    @property
    def name(self) -> str:
        """`identity`."""
        return "identity"

    @property
    def severity(self) -> float | str:
        """`none`."""
        return "none"

    def __call__(self, image: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
        """Returns both unchanged."""
        return image, mask


def launder(laundering: Laundering, image: Image, mask: Mask, sha256: str) -> tuple[Image, Mask]:
    """Applies a laundering with the generator that belongs to this file and this laundering.

    Args:
        laundering: What to apply.
        image: uint8 (H, W, 3).
        mask: bool (H, W).
        sha256: Of the image file; makes the result independent of order and company.

    Raises:
        InvalidDataError: Shapes or types are not as expected, going in or coming out.
    """
    _check(image, mask, "laundering input")
    laundered, followed = laundering(image, mask, derive_rng(sha256, laundering.name))
    _check(laundered, followed, f"output of laundering {laundering.name}")
    return laundered, followed


def _check(image: Image, mask: Mask, what: str) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise InvalidDataError(f"{what}: expected image uint8 (H, W, 3), got {image.dtype} {image.shape}")
    if mask.dtype != np.bool_ or mask.shape != image.shape[:2]:
        raise InvalidDataError(f"{what}: expected mask bool {image.shape[:2]}, got {mask.dtype} {mask.shape}")


def check_suite(launderings: Iterable[Laundering]) -> tuple[Laundering, ...]:
    """Returns the suite as a tuple.

    Raises:
        ConfigurationError: It is empty, or two of its launderings bear one name.
    """
    suite = tuple(launderings)
    if not suite:
        raise ConfigurationError("expected at least one laundering, got none")
    if wrong := [item for item in suite if not isinstance(item, Laundering)]:
        raise ConfigurationError(f"expected launderings with a `_target_`, got {wrong[0]!r}")
    names = [laundering.name for laundering in suite]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigurationError(f"expected launderings of distinct names, got twice: {', '.join(twice)}")
    return suite


@runtime_checkable
class External(Protocol):
    """A laundering whose pixels depend on a program outside this package's requirements."""

    def versions(self) -> dict[str, str]:
        """Returns the version of each such program by its name."""


def versions_of(suite: Iterable[Laundering]) -> dict[str, str]:
    """Returns the versions of the programs outside that a suite's pixels depend on; mostly none.

    Raises:
        MissingExtraError: Such a program is missing.
    """
    found: dict[str, str] = {}
    for laundering in suite:
        if isinstance(laundering, External):
            found |= laundering.versions()
    return found


def resize_mask_by_half(mask: Mask, height: int, width: int) -> Mask:
    """Resizes a mask: a pixel is inside where at least half of its area is (nearest when enlarging).

    A mask that is not empty stays so: where no pixel is half covered, the most covered ones remain. Several
    masks, bool (H, W, K), are resized each for itself.
    """
    if mask.shape[:2] == (height, width):
        return mask
    if mask.ndim == 3:
        each = [resize_mask_by_half(mask[..., index], height, width) for index in range(mask.shape[2])]
        return np.stack(each, axis=-1)
    gray = mask.astype(np.uint8) * 255
    # Exact areas: the box filter of Pillow counts whole pixels, which at odd factors widens a mask by one.
    shrinks = height < mask.shape[0] or width < mask.shape[1]
    kernel = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST_EXACT
    coverage = np.asarray(cv2.resize(gray, (width, height), interpolation=kernel), dtype=np.uint8)
    if mask.any() and not coverage.any():
        return _nearest(mask, height, width)
    return from_coverage(coverage)


def from_coverage(coverage: NDArray[np.uint8]) -> Mask:
    """Returns the pixels of which at least half is covered, or the most covered ones where none is.

    Args:
        coverage: Share of each pixel that the mask covers, uint8 (H, W), 0 to 255.

    Returns:
        bool (H, W); empty only where nothing is covered.
    """
    return np.asarray((coverage > 0) & (coverage >= min(128, int(coverage.max()))))


def _nearest(mask: Mask, height: int, width: int) -> Mask:
    """Marks the pixel in which the centroid of a mask lies that is too thin for 8-bit coverage."""
    small = np.zeros((height, width), dtype=bool)
    rows, columns = np.nonzero(mask)
    small[int(rows.mean() * height / mask.shape[0]), int(columns.mean() * width / mask.shape[1])] = True
    return small
