"""The worst misses and the worst false alarms of an evaluation, with heat maps, for the report."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image as Pil

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.prediction.laundered import load_row
from falseflaw.evaluation.prediction.scorers import Scorer
from falseflaw.evaluation.prediction.selection import Selection
from falseflaw.evaluation.report.localization import SEAM, heat_shares
from falseflaw.imaging import codec
from falseflaw.imaging.contact_sheet import outline
from falseflaw.imaging.laundering.base import launder, resize_mask_by_half
from falseflaw.types import Edit, HeatMap, Image, Mask

_SIDE = 360  # longest side of a picture in the report, pixels
_ALTERED, _PAINTED = (0, 200, 255), (120, 255, 90)
# Dark to bright, as anchors of a ramp over 0 to 255: black, purple, orange, light yellow.
_RAMP = np.array([(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)], dtype=np.float64)


@dataclass(frozen=True)
class Example:
    """One photo of the gallery.

    Attributes:
        title: What it is and what the detector said.
        caption: Kind, product, laundering, source.
        heat: Where the heat lies.
        photo: JPEG as data URI.
        outlined: The photo once more with the region's contour; empty where there is no region.
        heat_map: JPEG as data URI, with the same contour.
    """

    title: str
    caption: str
    heat: str
    photo: str
    outlined: str
    heat_map: str


def pick(rows: pd.DataFrame, count: int, highest: bool) -> pd.DataFrame:
    """Returns the `count` rows of highest or lowest probability, one per source, ties by path."""
    ordered = rows.sort_values(["logit", "path"], ascending=[not highest, True], kind="stable")
    picked: pd.DataFrame = ordered.drop_duplicates("source_id").head(count)
    return picked


def examples(selection: Selection, picked: pd.DataFrame, scorer: Scorer) -> list[Example]:
    """Launders and scores the picked rows once more, and pictures them.

    Args:
        selection: That was predicted.
        picked: Rows of `measure.prepare`.
        scorer: The model.
    """
    dataset = selection.dataset
    by_name = {laundering.name: laundering for laundering in selection.suite}
    by_path = selection.rows.set_index("path", drop=False)
    found = []
    for row in picked.to_dict("records"):
        record = {str(name): value for name, value in by_path.loc[row["path"]].to_dict().items()}
        photo, mask = load_row(dataset, record)
        painted = not record["mask_path"] and record["edit"] == Edit.SIMULATED_DAMAGE
        if painted:  # nothing was altered, but the flaw's place is known
            mask = _region(dataset, record, photo)
        image, mask = launder(by_name[row["laundering"]], photo, mask, record["sha256"])
        _, heats = scorer.score(image[None])
        kind = f"{row['damage_kind']}, " if row["damage_kind"] else ""
        color = _PAINTED if painted else _ALTERED
        found.append(
            Example(
                title=f"{str(row['edit']).replace('_', ' ')}, probability {row['probability']:.3f}",
                caption=f"{kind}{row['product']}, {row['laundering']}, source {row['source_id']}",
                heat=heat_text(heats[0], mask),
                photo=_uri(_shrunk(image)),
                outlined=_uri(_with_contour(_shrunk(image), mask, color)) if mask.any() else "",
                heat_map=_uri(_with_contour(_shrunk(_colored(heats[0])), mask, color)),
            )
        )
    return found


def heat_text(heat: HeatMap, mask: Mask) -> str:
    """Says in a sentence how much of the heat lies inside the region, on its seam and outside."""
    brightest = f"brightest {int(heat.max())} of 255"
    if heat.max() == 0:
        return "No heat anywhere."
    if (shares := heat_shares(heat, mask)) is None:
        return f"No region to compare the heat with; {brightest}."
    parts = (shares.inside, shares.seam, shares.outside, *shares.area)
    inside, seam, outside, *areas = (
        f"{100 * share:.0f}\u00a0%" for share in parts
    )  # no break before the sign
    return (
        f"Heat: {inside} inside, {seam} on the seam (±{SEAM}\u00a0px), {outside} outside; "
        f"their areas: {', '.join(areas)}; {brightest}."
    )


def _region(dataset: Path, record: dict[str, Any], photo: Image) -> Mask:
    """Reads the region of the matched set in which the flaw was painted."""
    if not record["region_path"]:
        return np.zeros(photo.shape[:2], bool)
    region = codec.read_mask(dataset / record["region_path"])
    if region.shape != photo.shape[:2]:
        raise InvalidDataError(
            f"expected the region of {record['path']} as {photo.shape[:2]}, got {region.shape}; "
            "build the dataset again with `falseflaw synthesize`"
        )
    return region


def _with_contour(small: Image, mask: Mask, color: tuple[int, int, int]) -> Image:
    """Draws the mask's inner border onto a shrunk picture."""
    if not mask.any():
        return small
    return outline(small, resize_mask_by_half(mask, *small.shape[:2]), color)


def _colored(heat: HeatMap) -> Image:
    levels = np.linspace(0, 255, len(_RAMP))
    table = np.stack([np.interp(np.arange(256), levels, _RAMP[:, channel]) for channel in range(3)], axis=1)
    colored: Image = table.round().astype(np.uint8)[heat]
    return colored


def _shrunk(image: Image) -> Image:
    factor = min(1.0, _SIDE / max(image.shape[:2]))
    size = max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor))
    return np.asarray(Pil.fromarray(image).resize(size, Pil.Resampling.LANCZOS))


def _uri(image: Image) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(codec.encode_jpeg(image, 88, "4:4:4")).decode()
