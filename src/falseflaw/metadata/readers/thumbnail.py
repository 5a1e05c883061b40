"""Whether the thumbnail in a JPEG's EXIF data shows another picture than the photo."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil

from falseflaw.imaging.codec import MAX_PIXELS
from falseflaw.imaging.metadata import count_scans, without_metadata
from falseflaw.metadata.facts import Fact, make_fact
from falseflaw.metadata.opened import Opened
from falseflaw.metadata.parts import exif as tags
from falseflaw.metadata.parts.exif import THUMBNAIL

THRESHOLD = 25.0
"""Gray levels by which a cell must leave the photo's range, see `difference`.

Of 160 clothing, grocery and damage photos, thumbnails of every resampling at quality 20 to 70, letterboxed,
turned or cut stayed at most 18; photos brightened, flattened or sharpened afterwards, or cut by 2 % at each
edge, at most 25. The 25 thumbnails that came with photos stayed at most 11. A disc of 15 % of the width, 80
levels darker or brighter, stood above 33 in 95 % of the photos, one of 50 levels above 17; another photo or a
cut of 20 % above 38.
"""

MAX_THUMBNAIL_PIXELS = 1_000_000
MAX_SCANS = 10
"""Of a picture of the most pixels, as usual progressive JPEGs have; a smaller one may have more."""

_CELLS = 48
"""Along the longer side: a cell of a thumbnail of 160 pixels is 3 of them wide."""

_SAME_ASPECT = 0.03
Gray = NDArray[np.float64]
Box = tuple[float, ...]
_WHOLE: Box = (0.0, 0.0, 1.0, 1.0)


def read_thumbnail(photo: Opened) -> Iterator[Fact]:
    """Tells a thumbnail that shows something else than the photo: the photo was changed after it was made.

    Programs that crop, retouch or replace the picture often leave the old thumbnail; so do some phones' own
    cropping and filters, which are no forgery. A thumbnail that agrees says nothing: most programs renew it.
    Only JPEG is looked at; turned photos and letterboxed thumbnails count as the same picture.
    """
    start = photo.exif.integer(THUMBNAIL, tags.THUMBNAIL_START)
    length = photo.exif.integer(THUMBNAIL, tags.THUMBNAIL_LENGTH)
    if photo.blocks.kind != "jpeg" or not start or not length:
        return
    raw = photo.exif.data[start : start + length]
    if len(raw) < length:
        photo.blocks.add_problem("exif", "thumbnail", "truncated")
        return
    thumbnail = _decode(raw, MAX_THUMBNAIL_PIXELS, 0)
    picture = _decode(without_metadata(photo.data), MAX_PIXELS, 2 * _CELLS)
    if thumbnail is None or picture is None:
        photo.blocks.add_problem("exif", "thumbnail", "damaged")
        return
    how, largest, (left, top, width, height) = compare(picture, thumbnail)
    if largest > THRESHOLD:
        yield make_fact(
            "thumbnail_differs",
            "exif",
            "declares_edit",
            {
                "how": how,
                "difference": f"{largest:.0f}",
                "threshold": f"{THRESHOLD:.0f}",
                "region_percent": f"left {left:.0f}, top {top:.0f}, width {width:.0f}, height {height:.0f}"
                if how == "content"
                else "",
            },
        )


def _decode(data: bytes, most_pixels: int, side: int) -> Pil.Image | None:
    """Decodes a JPEG to gray, reduced while it is decoded to about `side` pixels where that is not 0."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Pil.open(io.BytesIO(data), formats=["JPEG"]) as opened:
                pixels = opened.width * opened.height
                scans = MAX_SCANS * most_pixels // pixels
                if pixels > most_pixels or count_scans(data, scans) > scans:
                    return None
                if side:
                    opened.draft("L", (side, side))
                return opened.convert("L")
    except Exception:  # as for `codec.decode`
        return None


def compare(photo: Pil.Image, thumbnail: Pil.Image) -> tuple[str, float, Box]:
    """Looks for the way in which the thumbnail may have been made of the photo.

    Args:
        photo: In gray, of any size.
        thumbnail: In gray.

    Returns:
        How they differ: `content`, or `frame` where the shapes do not agree either; the largest difference
        in gray levels of the best way, see `difference`; where in the photo, in percent.
    """
    upright = _best_view(photo, thumbnail)
    found = upright
    for turn in (Pil.Transpose.ROTATE_90, Pil.Transpose.ROTATE_180, Pil.Transpose.ROTATE_270):
        if found[0] <= THRESHOLD:
            return "content", *found
        found = _best_view(photo.transpose(turn), thumbnail)
    if found[0] <= THRESHOLD:
        return "content", *found
    return "content" if _is_alike(photo, thumbnail) else "frame", *upright


def _best_view(photo: Pil.Image, thumbnail: Pil.Image) -> tuple[float, Box]:
    """Returns difference and place where the thumbnail is the photo stretched, with bars, or its middle."""
    views = [_WHOLE + _WHOLE]
    if not _is_alike(photo, thumbnail):
        ratio = (photo.width / photo.height) / (thumbnail.width / thumbnail.height)
        views += [_bars(thumbnail, ratio), _middle(ratio)]
    return min(
        (difference(photo, thumbnail, view[:4], view[4:]) for view in views), key=lambda found: found[0]
    )


def _is_alike(photo: Pil.Image, thumbnail: Pil.Image) -> bool:
    ratio = (photo.width / photo.height) / (thumbnail.width / thumbnail.height)
    return abs(ratio - 1) < _SAME_ASPECT


def difference(
    photo: Pil.Image, thumbnail: Pil.Image, photo_box: Box = _WHOLE, thumbnail_box: Box = _WHOLE
) -> tuple[float, Box]:
    """Returns the largest difference of two gray pictures, and its left, top, width, height in percent.

    Both are averaged into cells, `_CELLS` along the longer side. One is brought to the tone of the other,
    and the way that fits better counts. A cell differs by what it leaves the range of the other's 3x3 cells
    there, which forgives a shift of one cell; the mean over 2x2 cells counts.

    Args:
        photo: In gray.
        thumbnail: In gray.
        photo_box: The part of the photo that is looked at: left, top, right, bottom as fractions.
        thumbnail_box: The part of the thumbnail that shows it.
    """
    width, height = (
        (thumbnail_box[2] - thumbnail_box[0]) * thumbnail.width,
        (thumbnail_box[3] - thumbnail_box[1]) * thumbnail.height,
    )
    scale = _CELLS / max(width, height)
    size = (max(4, round(width * scale)), max(4, round(height * scale)))
    ours, theirs = _cells(photo, photo_box, size), _cells(thumbnail, thumbnail_box, size)
    means = min(
        _outside(_in_tone_of(theirs, ours), theirs), _outside(_in_tone_of(ours, theirs), ours), key=np.max
    )
    largest = float(means.max())
    rows, columns = np.nonzero(means >= largest / 2)
    across, down = 100 / size[0], 100 / size[1]
    left, top = columns.min(), rows.min()
    region = (left * across, top * down, (columns.max() - left + 2) * across, (rows.max() - top + 2) * down)
    return largest, region


def _cells(image: Pil.Image, box: Box, size: tuple[int, int]) -> Gray:
    edges = (box[0] * image.width, box[1] * image.height, box[2] * image.width, box[3] * image.height)
    return np.asarray(image.resize(size, Pil.Resampling.BOX, box=edges), dtype=np.float64)


def _outside(one: Gray, other: Gray) -> Gray:
    """Returns by how much the one leaves the range of the other around each cell, averaged over 2x2 cells."""
    around = np.lib.stride_tricks.sliding_window_view(np.pad(other, 1, mode="edge"), (3, 3))  # (h, w, 3, 3)
    outside = np.maximum(one - around.max(axis=(2, 3)), around.min(axis=(2, 3)) - one).clip(0)
    means: Gray = np.lib.stride_tricks.sliding_window_view(outside, (2, 2)).mean(axis=(2, 3))
    return means


def _in_tone_of(target: Gray, cells: Gray) -> Gray:
    """Returns cells with the contrast (0.5 to 2) and brightness that bring them nearest to the target.

    Least squares over cells that are neither black nor white in either, again without the tenth that fits
    worst, where the pictures may differ.
    """
    kept = (np.minimum(cells, target) > 5) & (np.maximum(cells, target) < 250)
    fitted = cells
    for _ in range(3):
        if kept.sum() < cells.size / 10:
            return fitted
        x, y = cells[kept], target[kept]
        spread = float(x.var())
        slope = float(((x - x.mean()) * (y - y.mean())).mean()) / spread if spread > 1 else 1.0
        fitted = np.clip(min(max(slope, 0.5), 2.0) * (cells - x.mean()) + y.mean(), 0, 255)
        error = np.abs(fitted - target)
        kept &= error <= np.quantile(error, 0.9)
    return fitted


def _bars(thumbnail: Pil.Image, ratio: float) -> tuple[float, ...]:
    """Returns the whole photo and the part of the thumbnail between bars; a pixel at each bar is left out."""
    side = thumbnail.height if ratio > 1 else thumbnail.width
    bar = (1 - (1 / ratio if ratio > 1 else ratio)) / 2
    inner = math.ceil(bar * side + 1) / side
    lost = (inner - bar) / (1 - 2 * bar)  # of the photo, at that side
    if inner > 0.4:
        return _WHOLE + _WHOLE
    if ratio > 1:
        return (0, lost, 1, 1 - lost, 0, inner, 1, 1 - inner)
    return (lost, 0, 1 - lost, 1, inner, 0, 1 - inner, 1)


def _middle(ratio: float) -> tuple[float, ...]:
    """Returns the middle of the photo, cut to the thumbnail's shape, and the whole thumbnail."""
    cut = (1 - (1 / ratio if ratio > 1 else ratio)) / 2
    return ((cut, 0, 1 - cut, 1) if ratio > 1 else (0, cut, 1, 1 - cut)) + _WHOLE
