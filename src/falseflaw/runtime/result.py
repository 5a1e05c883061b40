"""What a photo is handed over as, and what `Predictor.judge` answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from falseflaw.errors import UnreadableImageError
from falseflaw.imaging import codec
from falseflaw.types import HeatMap, Image, Verdict

PhotoLike = str | Path | bytes | bytearray | memoryview | Pil.Image | NDArray[np.uint8]
"""A file's path, its bytes, a picture of Pillow's, or pixels: uint8 (H, W, 3), RGB, upright."""


@dataclass(frozen=True, eq=False)
class Result:
    """The answer for one photo.

    Attributes:
        verdict: `altered`, `no sign of alteration` or `inconclusive`.
        probability: Calibrated probability of alteration in [0, 1]; of a photo in tiles, the highest one.
        reason: One sentence for the seller.
        heat_map: Evidence per pixel, uint8 (H, W), of the photo's size once upright; read-only.
        marked_area: Share of the photo at or above the bundle's `mask_threshold`, 0..1.
        tiles: In how many overlapping tiles the photo was judged; 1: whole.
        distance: From the photos that were measured, about 1 for one of them; None where the bundle tells
            none.
        unfamiliar: Whether that distance reaches the bundle's limit: the probability means nothing then.
    """

    verdict: Verdict
    probability: float
    reason: str
    heat_map: HeatMap
    marked_area: float
    tiles: int
    distance: float | None
    unfamiliar: bool

    def __post_init__(self) -> None:
        self.heat_map.flags.writeable = False


def read_photo(photo: PhotoLike) -> Image:
    """Returns the pixels of a photo however it is handed over, uint8 (H, W, 3).

    Raises:
        UnreadableImageError: It is no photo, broken, too large, or of another type or shape.
    """
    if isinstance(photo, str | Path):
        return codec.decode(Path(photo))
    if isinstance(photo, bytes | bytearray | memoryview):
        return codec.decode(bytes(photo))
    if isinstance(photo, Pil.Image):
        return _from_pillow(photo)
    if not isinstance(photo, np.ndarray):
        raise _refused(f"a {type(photo).__name__}")
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or 0 in photo.shape:
        raise _refused(f"an array {photo.shape} of {photo.dtype}")
    _check_size(photo.shape[1], photo.shape[0])
    return photo


def _from_pillow(picture: Pil.Image) -> Image:
    _check_size(*picture.size)
    try:
        return codec.pixels_of(picture)
    except Exception as error:  # a file that is opened, but broken, raises anything
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UnreadableImageError(f"cannot read the picture: {reason[:200]}") from error


def _check_size(width: int, height: int) -> None:
    if not 0 < width * height <= codec.MAX_PIXELS:
        raise UnreadableImageError(
            f"cannot judge the picture: expected 1 to {codec.MAX_PIXELS} pixels, got {width}x{height}"
        )


def _refused(what: str) -> UnreadableImageError:
    return UnreadableImageError(
        "expected a photo as a path, the bytes of a file, a Pillow image or an array (H, W, 3) of uint8, "
        f"got {what}"
    )
