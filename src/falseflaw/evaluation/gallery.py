"""The worst misses and the worst false alarms of an evaluation, with heat maps, for the report."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image as Pil

from falseflaw.evaluation.predict import load_row
from falseflaw.evaluation.scorers import Scorer
from falseflaw.imaging import codec
from falseflaw.imaging.laundering.base import Laundering, launder, resize_mask
from falseflaw.types import HeatMap, Image, Mask

_SIDE = 360  # longest side of a picture in the report, pixels
_OUTLINE = (0, 200, 255)
# Dark to bright, as anchors of a ramp over 0 to 255: black, purple, orange, light yellow.
_RAMP = np.array([(0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164)], dtype=np.float64)


@dataclass(frozen=True)
class Example:
    """One photo of the gallery.

    Attributes:
        title: What it is and what the detector said.
        caption: Kind, product, source.
        photo: JPEG as data URI, the true region outlined.
        heat_map: JPEG as data URI.
    """

    title: str
    caption: str
    photo: str
    heat_map: str


def pick(rows: pd.DataFrame, count: int, highest: bool) -> pd.DataFrame:
    """Returns the `count` rows of highest or lowest probability, one per source, ties by path."""
    ordered = rows.sort_values(["logit", "path"], ascending=[not highest, True], kind="stable")
    picked: pd.DataFrame = ordered.drop_duplicates("source_id").head(count)
    return picked


def examples(
    dataset: Path,
    manifest: pd.DataFrame,
    picked: pd.DataFrame,
    launderings: Iterable[Laundering],
    scorer: Scorer,
) -> list[Example]:
    """Launders and scores the picked rows once more, and pictures them.

    Args:
        dataset: The folder.
        manifest: Its rows.
        picked: Rows of `summary.prepare`.
        launderings: The suite that they were predicted under.
        scorer: The model.
    """
    by_name = {laundering.name: laundering for laundering in launderings}
    by_path = manifest.set_index("path", drop=False)
    found = []
    for row in picked.to_dict("records"):
        record = {str(name): value for name, value in by_path.loc[row["path"]].to_dict().items()}
        image, mask = launder(by_name[row["laundering"]], *load_row(dataset, record), record["sha256"])
        _, heats = scorer.score(image[None])
        kind = f"{row['damage_kind']}, " if row["damage_kind"] else ""
        found.append(
            Example(
                title=f"{str(row['edit']).replace('_', ' ')}, probability {row['probability']:.3f}",
                caption=f"{kind}{row['product']}, {row['laundering']}, source {row['source_id']}",
                photo=_uri(_outlined(image, mask)),
                heat_map=_uri(_shrunk(_colored(heats[0]))),
            )
        )
    return found


def _outlined(image: Image, mask: Mask) -> Image:
    """Shrinks the photo and draws the mask's inner border."""
    small = _shrunk(image).copy()
    region = np.pad(resize_mask(mask, *small.shape[:2]), 1)
    core = region[:-2, 1:-1] & region[2:, 1:-1] & region[1:-1, :-2] & region[1:-1, 2:]
    small[region[1:-1, 1:-1] & ~core] = _OUTLINE
    return small


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
