"""The contact sheet: a few matched sets side by side, so that a look tells whether a build went well."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from falseflaw.imaging import codec
from falseflaw.seeding import unit_interval
from falseflaw.types import Edit, Image

COLUMNS = (Edit.AUTHENTIC, Edit.SIMULATED_DAMAGE, Edit.SPLICED, Edit.REGENERATED)
_TITLES = ("authentic", "simulated damage", "inpainted, spliced", "inpainted, regenerated", "region")
_GAP = 4
_BAR = 20


def contact_sheet(rows: pd.DataFrame, dataset: Path, sets: int = 9, side: int = 240) -> Image:
    """Returns a picture with one matched set a line, and a column for the region.

    Args:
        rows: Manifest rows.
        dataset: The folder that their paths are relative to.
        sets: At most so many sets; kinds of flaw that are not shown yet come first.
        side: Largest width and height of a photo, pixels.
    """
    lines = [_tiles(rows, dataset, source, side) for source in choose_sets(rows, sets)]
    width = len(_TITLES) * (side + _GAP) + _GAP
    height = _BAR + sum(max(tile.height for tile in tiles) + _BAR for _, tiles in lines)
    sheet = Pil.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(_TITLES):
        _write(draw, (_GAP + column * (side + _GAP), 3), title)
    top = _BAR
    for caption, tiles in lines:
        for column, tile in enumerate(tiles):
            sheet.paste(tile, (_GAP + column * (side + _GAP), top))
        top += max(tile.height for tile in tiles)
        _write(draw, (_GAP, top + 2), caption)
        top += _BAR
    return np.asarray(sheet, dtype=np.uint8)


def _tiles(rows: pd.DataFrame, dataset: Path, source: str, side: int) -> tuple[str, list[Pil.Image]]:
    """Caption and pictures of one set."""
    members = rows[rows["source_id"] == source].set_index("edit")
    pictures = [codec.decode(dataset / str(members.at[str(edit), "path"])) for edit in COLUMNS]
    region = codec.read_mask(dataset / str(members["region_path"].iloc[0]))
    pictures.append(np.where(region[..., None], np.uint8(255), pictures[0] // 3).astype(np.uint8))
    tiles = [Pil.fromarray(picture) for picture in pictures]
    for tile in tiles:
        tile.thumbnail((side, side))
    fake = members.loc[str(Edit.SPLICED)].to_dict()
    caption = (
        f"{source}  ({fake['fold']})  {fake['prompt']}; "
        f"crop {fake['crop_size']} px at {fake['crop_scale']:g}, "
        f"Q1 {fake['first_quality']}, Q2 {fake['upload_quality']} {fake['subsampling']}"
    )
    return caption, tiles


def choose_sets(rows: pd.DataFrame, sets: int) -> list[str]:
    """Returns source names for the sheet: one of each kind first, then more, by hash and not by order."""
    fakes = rows[rows["edit"] == str(Edit.SPLICED)]
    pairs = sorted(
        zip(fakes["source_id"], fakes["damage_kind"], strict=True), key=lambda p: unit_interval(p[0])
    )
    rounds: dict[str, int] = {}
    ranked = []
    for source, kind in sorted(pairs, key=lambda pair: unit_interval(pair[0])):
        rounds[kind] = rounds.get(kind, 0) + 1
        ranked.append((rounds[kind], kind, source))
    return [source for _, _, source in sorted(ranked)[:sets]]


def _write(draw: ImageDraw.ImageDraw, position: tuple[int, int], text: str) -> None:
    draw.text(position, text, fill="black", font=ImageFont.load_default(12))
