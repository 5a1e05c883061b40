"""The two pictures of a report: the photo, and the photo with what the detector marks."""

from __future__ import annotations

import base64

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from PIL import ImageFilter

from falseflaw.evidence.style import color
from falseflaw.imaging import codec
from falseflaw.types import HeatMap, Image, Mask

SIDE = 1000
"""Longest side of a picture, pixels; larger photos are shown smaller."""

ACCENT = color("accent")
"""Color of heat and contour, violet: rare in photos of products, readable as text on white."""

_QUALITY = 85
_FAINTEST, _STRONGEST = 48, 0.5  # heat below shows nothing; share of color where the heat is highest
_UNSEEN = 0.16  # share of color that nobody sees without the photo beside it


def shown(photo: Image, side: int = SIDE) -> Image:
    """Returns the photo with a longest side of at most `side` pixels, uint8 (h, w, 3)."""
    return np.asarray(_fit(Pil.fromarray(np.ascontiguousarray(photo)), side), dtype=np.uint8)


def overlay(photo: Image, heat_map: HeatMap, marked: Mask, side: int = SIDE) -> Image:
    """Returns the shown photo tinted where there is heat, with a contour around the marked region.

    Where nothing is marked and no tint would be seen, that is the shown photo itself, to the bit.

    Args:
        photo: uint8 (H, W, 3).
        heat_map: uint8 (H, W).
        marked: bool (H, W). A region of a single pixel is still seen.
        side: Longest side of the picture, pixels.
    """
    small = shown(photo, side).astype(np.float32)
    height, width = small.shape[:2]
    heat = np.asarray(Pil.fromarray(heat_map).resize((width, height), Pil.Resampling.BOX), dtype=np.float32)
    strength = np.clip((heat - _FAINTEST) / (255 - _FAINTEST), 0, 1)[..., None] * _STRONGEST
    if not marked.any() and strength.max() < _UNSEEN:
        return small.astype(np.uint8)
    tinted = small * (1 - strength) + np.array(ACCENT, np.float32) * strength
    picture = np.rint(tinted).astype(np.uint8)
    region = _any_inside(marked, height, width)
    line = max(1, round(max(height, width) / 400))
    # White on both sides of the line: it is seen on dark and on light, and where the photo is violet.
    around = _grown(region, 2 * line) & ~_grown(region, line)
    picture[around | (region & ~_shrunk(region, line))] = 255
    picture[_grown(region, line) & ~region] = ACCENT
    return picture


def jpeg(picture: Image) -> bytes:
    """Returns a picture as a JPEG file without metadata."""
    return codec.encode_jpeg(picture, _QUALITY, "4:4:4")


def data_uri(picture: bytes) -> str:
    """Returns a JPEG file as the source of an image that needs no other file."""
    return "data:image/jpeg;base64," + base64.b64encode(picture).decode("ascii")


def _fit(image: Pil.Image, side: int) -> Pil.Image:
    factor = side / max(image.size)
    if factor >= 1:
        return image
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image.resize(size, Pil.Resampling.LANCZOS, reducing_gap=3.0)


def _any_inside(marked: Mask, height: int, width: int) -> Mask:
    """Returns the smaller mask whose pixels are set where any pixel below them is."""
    rows = np.arange(height) * marked.shape[0] // height
    columns = np.arange(width) * marked.shape[1] // width
    found: Mask = np.logical_or.reduceat(np.logical_or.reduceat(marked, rows, axis=0), columns, axis=1)
    return found


def _grown(mask: Mask, by: int) -> Mask:
    return np.asarray(_levels(mask).filter(ImageFilter.MaxFilter(2 * by + 1))) > 0


def _shrunk(mask: Mask, by: int) -> Mask:
    return np.asarray(_levels(mask).filter(ImageFilter.MinFilter(2 * by + 1))) > 0


def _levels(mask: NDArray[np.bool_]) -> Pil.Image:
    return Pil.fromarray(mask.astype(np.uint8) * 255)
