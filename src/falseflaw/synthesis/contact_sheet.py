"""The contact sheet: a few matched sets side by side, so that a look tells whether a build went well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from falseflaw.imaging import codec
from falseflaw.imaging.crop import bounding_box
from falseflaw.seeding import unit_interval
from falseflaw.types import Edit, Image, Mask

_CLOSE = (
    (Edit.AUTHENTIC, "authentic"),
    (Edit.NULL_EDIT, "null edit"),
    (Edit.SIMULATED_DAMAGE, "simulated damage"),
    (Edit.SPLICED, "spliced"),
    (Edit.FEATHERED, "feathered"),
    (Edit.REGENERATED, "regenerated"),
    (Edit.REFILLED, "refilled"),
    (Edit.AUTOENCODED, "autoencoded"),
    (Edit.HAND_CLONED, "cloned by hand"),
    (Edit.HAND_PASTED, "pasted by hand"),
    (Edit.ROUND_TRIP_DAMAGED, "round trip"),
)
_TITLES = ("the whole photo", "region", *(title for _, title in _CLOSE))
_GAP = 4
_BAR = 20
_AROUND = 0.35
"""Share of the region's longer side that is shown around it."""


def contact_sheet(rows: pd.DataFrame, dataset: Path, sets: int = 9, side: int = 176) -> Image:
    """Returns a picture with one matched set a line: the photo, the region, and the flaw in every member.

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
    region = codec.read_mask(dataset / str(members["region_path"].iloc[0]))
    window = _around(region)
    pictures = {edit: codec.decode(dataset / str(members.at[str(edit), "path"])) for edit, _ in _CLOSE}
    whole = pictures[Edit.AUTHENTIC]
    shown = [whole, np.where(region[..., None], np.uint8(255), whole // 3).astype(np.uint8)]
    tiles = [Pil.fromarray(picture) for picture in shown]
    for tile in tiles:
        tile.thumbnail((side, side))
    for picture in pictures.values():
        close = Pil.fromarray(np.ascontiguousarray(picture[window]))
        scale = side / max(close.size)
        method = Pil.Resampling.NEAREST if scale > 2 else Pil.Resampling.LANCZOS  # pixels stay to be seen
        tiles.append(close.resize([max(1, round(length * scale)) for length in close.size], method))
    fake: dict[str, Any] = members.loc[str(Edit.SPLICED)].to_dict()  # type: ignore[assignment]
    autoencoder = str(members.at[str(Edit.AUTOENCODED), "generator"])
    caption = (
        f"{source}  ({fake['fold']})  {fake['generator']}: {fake['prompt']}; {fake['region_shape']}, "
        f"{100 * fake['mask_area']:.1f} % of the photo, on {fake['placement']}; "
        f"autoencoder {autoencoder}; "
        f"crop {fake['crop_size']} px at {fake['crop_scale']:g}, "
        f"Q1 {fake['first_quality']}, Q2 {fake['upload_quality']} {fake['subsampling']}"
    )
    return caption, tiles


def _around(region: Mask) -> tuple[slice, slice]:
    """The square around a region, cut to the photo."""
    box = bounding_box(region)
    length = max(box.height, box.width)
    half = length / 2 + max(_AROUND * length, 12)
    y, x = box.top + box.height / 2, box.left + box.width / 2
    return (
        slice(max(0, int(y - half)), min(region.shape[0], int(y + half) + 1)),
        slice(max(0, int(x - half)), min(region.shape[1], int(x + half) + 1)),
    )


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
