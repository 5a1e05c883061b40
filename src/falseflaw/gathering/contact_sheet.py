"""The contact sheet of gathered photos: every kind of photo beside the region that it came with."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pandas as pd

from falseflaw.imaging import codec
from falseflaw.imaging.contact_sheet import contact_sheet, deal, outline, thumbnail
from falseflaw.imaging.laundering.base import resize_mask_by_half
from falseflaw.seeding import unit_interval
from falseflaw.types import Image

_COLUMNS = 4
_RED = (255, 0, 0)


def gathered_sheet(rows: pd.DataFrame, dataset: Path, photos: int = 32, side: int = 200) -> Image:
    """Returns a picture with a few photos of every product and edit, each beside its region outlined in red.

    Args:
        rows: Manifest rows.
        dataset: The folder that their paths are relative to.
        photos: At most so many; products and edits take turns, and within them a hash of the name decides.
        side: Largest width and height of a photo, pixels.
    """
    cells = [_cell(row, dataset, side) for row in _choose(rows, photos).to_dict("records")]
    return contact_sheet(deal(cells, _COLUMNS))


def _cell(row: Mapping[Any, Any], dataset: Path, side: int) -> Image:
    """A photo, the same with its region outlined, and what it is."""
    image = codec.decode(dataset / row["path"])
    small = thumbnail(image, side)
    tiles = [small]
    if row["region_path"]:
        region = resize_mask_by_half(codec.read_mask(dataset / row["region_path"]), *small.shape[:2])
        tiles.append(outline(small, region, _RED))
    caption = f"{row['product']}, {row['edit']} ({row['fold']}), {row['region_origin']}"
    return contact_sheet([tiles], captions=[caption])


def _choose(rows: pd.DataFrame, photos: int) -> pd.DataFrame:
    """Returns rows product by product and edit by edit, as evenly many of each as there are."""
    drawn = rows.assign(draw=[unit_interval("sheet", path) for path in rows["path"]])
    kinds = [
        list(part.sort_values("draw").index) for _, part in drawn.groupby(["product", "edit"], sort=True)
    ]
    turns = [index for turn in zip_longest(*kinds) for index in turn if index is not None]
    return rows.loc[turns[:photos]].sort_values(["product", "edit", "path"])
