"""What a detector really looks at: honest photos and fakes, changed in one way that no network has a part in.

Blur, grain, sharpness or a second save are no traces of a network. A detector that calls an honest photo
altered after such a change, or loses a fake by it, looks at the change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.prediction.selection import select_sources
from falseflaw.imaging import retouching
from falseflaw.imaging.codec import decode, read_mask
from falseflaw.imaging.crop import bounding_box
from falseflaw.imaging.grain import match_grain
from falseflaw.imaging.sensor import sharpen
from falseflaw.seeding import derive_rng
from falseflaw.statistics import metrics
from falseflaw.statistics.bootstrap import Bootstrap, Estimate, Share, rate
from falseflaw.studies.models import StudiedModel, verdicts_of
from falseflaw.types import Edit, Fold, Image, Mask, OperatingPoint, Verdict

Change = Callable[[Image, np.random.Generator], Image]
"""Changes pixels, uint8 (H, W, 3); of fixed strength, so that detectors can be compared."""

CHANGES: dict[str, Change] = {
    "blurred, sigma 0.8": lambda image, rng: retouching.gaussian_blur(image, 0.8),
    "blurred, sigma 1.5": lambda image, rng: retouching.gaussian_blur(image, 1.5),
    "median of 3 x 3": lambda image, rng: retouching.median(image, 3),
    "non-local means": lambda image, rng: retouching.nonlocal_means(image, 6, 6),
    "sharpened": lambda image, rng: sharpen(image, 1.0, 1.0),
    "noise of 4 levels": lambda image, rng: retouching.add_noise(image, 4.0, 0.0, False, rng),
    "tones": lambda image, rng: retouching.gamma_curve(image, 1.2, 1.1),
    "half the size and back": lambda image, rng: retouching.down_and_up(image, 0.5, "area", "bicubic"),
    "JPEG 60": lambda image, rng: retouching.recompress(image, 60, "4:2:0", (0, 0)),
    "JPEG 60, shifted": lambda image, rng: retouching.recompress(image, 60, "4:2:0", (3, 5)),
}
"""Of a region or of the whole photo."""

UNTOUCHED, GRAIN = "untouched", "grain of its surroundings"
REGION, PHOTO = "region", "photo"
PROBED = (Edit.AUTHENTIC, Edit.SPLICED)
_MARGIN = 16
"""Pixels around a region that a change may read."""


@dataclass(frozen=True)
class Probe:
    """A change and where it is made: in the `REGION` that a set's fakes share, or in the whole `PHOTO`."""

    change: str
    where: str

    def apply(self, image: Image, region: Mask, rng: np.random.Generator) -> Image:
        """Returns the changed photo, uint8 (H, W, 3).

        Args:
            image: uint8 (H, W, 3).
            region: bool (H, W), not empty.
            rng: Draws noise.
        """
        if self.change == UNTOUCHED:
            return image
        if self.change == GRAIN:
            return match_grain(image, region, None, rng)
        if self.where == PHOTO:
            return CHANGES[self.change](image, rng)
        window = bounding_box(region).grown(_MARGIN, *region.shape)
        result = image.copy()
        changed = CHANGES[self.change](np.ascontiguousarray(window.cut(image)), rng)
        result[window.slices] = np.where(window.cut(region)[..., None], changed, window.cut(image))
        return result


PROBES = (
    Probe(UNTOUCHED, PHOTO),
    Probe(GRAIN, REGION),
    *(Probe(change, where) for where in (REGION, PHOTO) for change in CHANGES),
)


@dataclass(frozen=True)
class Answer:
    """What a detector makes of photos after a change.

    Attributes:
        edit: What the photos are.
        probe: What was done to them.
        auroc: Of the changed photos against the same ones untouched, .5 where it does not look at the change;
            above, they look more altered to it.
        altered: Share with the verdict `altered`.
        inconclusive: Share with the verdict `inconclusive`.
    """

    edit: Edit
    probe: Probe
    auroc: Estimate
    altered: Share
    inconclusive: Share


def select_photos(rows: pd.DataFrame, fold: Fold, sources: int | None) -> pd.DataFrame:
    """Returns the rows of authentic and spliced photos of at most so many sources.

    Raises:
        InvalidDataError: The fold has none of one kind, or no regions.
    """
    chosen = rows[(rows["fold"] == str(fold)) & rows["edit"].isin([str(edit) for edit in PROBED])]
    chosen = select_sources(chosen[chosen["region_path"] != ""], sources)
    missing = [edit for edit in PROBED if not (chosen["edit"] == edit).any()]
    if missing:
        raise InvalidDataError(
            f"expected {' and '.join(PROBED)} photos with regions in fold {fold}, found no {missing[0]}; "
            "name a dataset of matched sets, or another fold"
        )
    return chosen


def score_probes(
    rows: pd.DataFrame, dataset: Path, model: StudiedModel, probes: Sequence[Probe] = PROBES
) -> Iterator[pd.DataFrame]:
    """Scores every photo after every change; yields photo by photo.

    Args:
        rows: Of `select_photos`.
        dataset: Folder that their paths are relative to.
        model: The detector; it is asked about as many photos at once as it does well to be.
        probes: Changes.

    Yields:
        A row a probe: edit, group, change, where, logit, hottest pixel of the heat map, distance.

    Raises:
        UnreadableImageError: A photo or region cannot be read.
    """

    def score(row: dict[str, Any]) -> pd.DataFrame:
        image, region = decode(dataset / row["path"]), read_mask(dataset / row["region_path"])
        told = []
        for probe in probes:
            rng = derive_rng("probes", row["source_id"], probe.change, probe.where)
            said = model.ask(probe.apply(image, region, rng))
            told.append(
                {
                    "edit": row["edit"],
                    "group": row["group"],
                    "change": probe.change,
                    "where": probe.where,
                    **asdict(said),
                }
            )
        return pd.DataFrame(told)

    with ThreadPoolExecutor(model.lanes) as pool:
        try:
            yield from pool.map(score, rows.to_dict("records"))
        finally:
            pool.shutdown(cancel_futures=True)


def answers(scores: pd.DataFrame, point: OperatingPoint) -> list[Answer]:
    """Returns what was measured, edit by edit and probe by probe in their order.

    Args:
        scores: All of `score_probes`.
        point: Thresholds of the detector.
    """
    logits, hottest, distance = (scores[name].to_numpy() for name in ("logit", "hottest", "distance"))
    scores = scores.assign(verdict=verdicts_of(logits, hottest, distance, point)[1])
    found = []
    for edit in PROBED:
        of_edit = scores[scores["edit"] == edit]
        before = of_edit[of_edit["change"] == UNTOUCHED]
        for (change, where), after in of_edit.groupby(["change", "where"], sort=False):
            groups = after["group"].to_numpy()
            found.append(
                Answer(
                    edit,
                    Probe(str(change), str(where)),
                    _auroc(before, after),
                    rate((after["verdict"] == Verdict.ALTERED).to_numpy(), groups),
                    rate((after["verdict"] == Verdict.INCONCLUSIVE).to_numpy(), groups),
                )
            )
    return found


def _auroc(before: pd.DataFrame, after: pd.DataFrame) -> Estimate:
    both = pd.concat([before, after])
    logits = both["logit"].to_numpy(dtype=np.float64)
    labels = np.repeat([0, 1], [len(before), len(after)])
    found = Bootstrap(both["group"].to_numpy()).estimate(
        {"auroc": lambda weights: metrics.auroc(logits, labels, weights)}, len(after)
    )
    return found["auroc"]
