"""Contact sheets: pictures laid out in lines, so that a look tells whether something went well."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from falseflaw.types import Image, Mask

GAP = 4
"""White pixels between two pictures."""

_TEXT = 12  # height of letters, pixels
_BAR = 18  # height of a line of text, pixels


def contact_sheet(
    lines: Sequence[Sequence[Image]],
    titles: Sequence[str] = (),
    captions: Sequence[str] = (),
    labels: Sequence[str] = (),
) -> Image:
    """Returns lines of pictures on white, each as large as it comes, columns aligned on their left.

    Args:
        lines: Pictures uint8 (h, w, 3), line by line; lines may differ in length.
        titles: Text above each column.
        captions: Text below each line.
        labels: Text left of each line.

    Returns:
        uint8 (H, W, 3).
    """
    font = ImageFont.load_default(_TEXT)
    columns = max(map(len, lines), default=0)
    widths = [max(line[at].shape[1] for line in lines if len(line) > at) for at in range(columns)]
    heights = [max((tile.shape[0] for tile in line), default=0) for line in lines]
    margin = max((_length(font, label) + GAP for label in labels), default=0)
    lefts = [margin + sum(widths[:at]) + at * GAP for at in range(columns)]
    above, below = _BAR if titles else 0, _BAR if captions else GAP
    pictures = margin + sum(widths) + GAP * max(columns - 1, 0)
    across = max([pictures, 1, *(_length(font, text) for text in captions)])
    sheet = Pil.new("RGB", (across, max(1, above + sum(height + below for height in heights))), "white")
    draw = ImageDraw.Draw(sheet)
    for left, title in zip(lefts, titles, strict=False):
        draw.text((left, 2), title, "black", font)
    top = above
    for at, (line, height) in enumerate(zip(lines, heights, strict=True)):
        for left, tile in zip(lefts, line, strict=False):
            sheet.paste(Pil.fromarray(np.ascontiguousarray(tile)), (left, top))
        if labels:
            draw.text((0, top + (height - _TEXT) // 2), labels[at], "black", font)
        if captions:
            draw.text((0, top + height + 2), captions[at], "black", font)
        top += height + below
    return np.asarray(sheet, dtype=np.uint8)


def deal(tiles: Sequence[Image], columns: int) -> list[Sequence[Image]]:
    """Returns pictures in lines of so many."""
    return [tiles[start : start + columns] for start in range(0, len(tiles), columns)]


def thumbnail(image: Image, side: int) -> Image:
    """Returns a picture whose longer side is at most `side` pixels; a smaller one stays as it is."""
    small = Pil.fromarray(np.ascontiguousarray(image))
    small.thumbnail((side, side))
    return np.asarray(small, dtype=np.uint8)


def outline(image: Image, region: Mask, color: tuple[int, int, int], width: int = 2) -> Image:
    """Returns a picture with a region's inner border drawn in.

    Args:
        image: uint8 (H, W, 3).
        region: bool (H, W); its border is drawn along the picture's edge too.
        color: Of the line.
        width: Of the line, pixels.
    """
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    inner = cv2.erode(
        region.astype(np.uint8), cross, iterations=width, borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    edge = region & (inner == 0)
    return np.where(edge[..., None], np.array(color, dtype=np.uint8), image)


def _length(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, text: str) -> int:
    return int(font.getlength(text)) + 1
