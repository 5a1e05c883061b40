"""The contact sheet of a build: some matched sets side by side, so that a look tells whether it went well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image as Pil

from falseflaw.imaging import codec
from falseflaw.imaging.contact_sheet import contact_sheet, thumbnail
from falseflaw.imaging.crop import bounding_box
from falseflaw.seeding import unit_interval
from falseflaw.types import Edit, Image, Mask

_CLOSE = (
    (Edit.AUTHENTIC, "authentic"),
    (Edit.NULL_EDIT, "null edit"),
    (Edit.SIMULATED_DAMAGE, "simulated damage"),
    (Edit.LOCAL_EDIT, "local edit"),
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
_AROUND = 0.35
"""Share of the region's longer side that is shown around it."""


def sheet_of_sets(rows: pd.DataFrame, dataset: Path, sets: int = 9, side: int = 176) -> Image:
    """Returns a picture with one matched set a line: the photo, the region, and the flaw in every member.

    Args:
        rows: Manifest rows.
        dataset: The folder that their paths are relative to.
        sets: At most so many sets; kinds of flaw that are not shown yet come first.
        side: Largest width and height of a photo, pixels.
    """
    chosen = [rows[rows["source_id"] == source].set_index("edit") for source in choose_sets(rows, sets)]
    lines = [_tiles(members, dataset, side) for members in chosen]
    return contact_sheet(lines, _TITLES, [_caption(members) for members in chosen])


def _tiles(members: pd.DataFrame, dataset: Path, side: int) -> list[Image]:
    """The pictures of one set."""
    region = codec.read_mask(dataset / str(members["region_path"].iloc[0]))
    window = _around(region)
    pictures = {edit: codec.decode(dataset / str(members.at[str(edit), "path"])) for edit, _ in _CLOSE}
    whole = pictures[Edit.AUTHENTIC]
    marked = np.where(region[..., None], np.uint8(255), whole // 3).astype(np.uint8)
    return [
        thumbnail(whole, side),
        thumbnail(marked, side),
        *(_close(picture[window], side) for picture in pictures.values()),
    ]


def _close(picture: Image, side: int) -> Image:
    """Brings a part of a photo to the side of a tile."""
    close = Pil.fromarray(np.ascontiguousarray(picture))
    scale = side / max(close.size)
    method = Pil.Resampling.NEAREST if scale > 2 else Pil.Resampling.LANCZOS  # pixels stay to be seen
    return np.asarray(close.resize([max(1, round(length * scale)) for length in close.size], method))


def _caption(members: pd.DataFrame) -> str:
    fake: dict[str, Any] = members.loc[str(Edit.SPLICED)].to_dict()  # type: ignore[assignment]
    autoencoder = str(members.at[str(Edit.AUTOENCODED), "generator"])
    edited = str(members.at[str(Edit.LOCAL_EDIT), "prompt"])
    return (
        f"{fake['source_id']}  ({fake['fold']})  {fake['generator']}: {fake['prompt']}; "
        f"{fake['region_shape']}, "
        f"{100 * fake['mask_area']:.1f} % of the photo, on {fake['placement']}; "
        f"autoencoder {autoencoder}; local edit {edited}; "
        f"crop {fake['crop_size']} px at {fake['crop_scale']:g}, "
        f"Q1 {fake['first_quality']}, Q2 {fake['upload_quality']} {fake['subsampling']}"
    )


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
