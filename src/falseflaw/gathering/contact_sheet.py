"""The contact sheet of gathered photos: every kind of photo beside the region that it came with."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from falseflaw.imaging import codec
from falseflaw.seeding import unit_interval
from falseflaw.types import Image, Mask

_GAP = 4
_BAR = 18
_OUTLINE = (255, 0, 0)


def gathered_sheet(rows: pd.DataFrame, dataset: Path, photos: int = 32, side: int = 200) -> Image:
    """Returns a picture with a few photos of every product and edit, each beside its region outlined in red.

    Args:
        rows: Manifest rows.
        dataset: The folder that their paths are relative to.
        photos: At most so many; products and edits take turns, and within them a hash of the name decides.
        side: Largest width and height of a photo, pixels.
    """
    chosen = _choose(rows, photos)
    cell, columns = 2 * (side + _GAP), 4
    tall = side + _BAR
    sheet = Pil.new("RGB", (columns * (cell + _GAP), -(-len(chosen) // columns) * tall), "white")
    draw = ImageDraw.Draw(sheet)
    for place, row in enumerate(chosen.to_dict("records")):
        left, top = place % columns * (cell + _GAP), place // columns * tall
        image = codec.decode(dataset / row["path"])
        sheet.paste(_thumbnail(image, side), (left, top))
        if row["region_path"]:
            outlined = outline(image, codec.read_mask(dataset / row["region_path"]))
            sheet.paste(_thumbnail(outlined, side), (left + side + _GAP, top))
        caption = f"{row['product']}, {row['edit']} ({row['fold']}), {row['region_origin']}"
        draw.text((left, top + side + 1), caption, fill="black", font=ImageFont.load_default(11))
    return np.asarray(sheet, dtype=np.uint8)


def outline(image: Image, region: Mask) -> Image:
    """Returns the photo with a red line around the region, thick enough to be seen in a thumbnail."""
    width = max(1, round(min(region.shape) / 150))
    padded = np.pad(region, width)
    inner, outer = padded.copy(), padded.copy()
    for axis in (0, 1):
        for shift in range(-width, width + 1):
            moved = np.roll(padded, shift, axis)
            inner &= moved
            outer |= moved
    edge = (outer & ~inner)[width:-width, width:-width]
    return np.where(edge[..., None], np.array(_OUTLINE, dtype=np.uint8), image)


def _thumbnail(image: Image, side: int) -> Pil.Image:
    small = Pil.fromarray(np.ascontiguousarray(image))
    small.thumbnail((side, side))
    return small


def _choose(rows: pd.DataFrame, photos: int) -> pd.DataFrame:
    """Returns rows product by product and edit by edit, as evenly many of each as there are."""
    drawn = rows.assign(draw=[unit_interval("sheet", path) for path in rows["path"]])
    kinds = [
        list(part.sort_values("draw").index) for _, part in drawn.groupby(["product", "edit"], sort=True)
    ]
    turns = [index for turn in zip_longest(*kinds) for index in turn if index is not None]
    return rows.loc[turns[:photos]].sort_values(["product", "edit", "path"])
