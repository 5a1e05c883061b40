"""The model that a study asks photo by photo: a bundle, a run or a checkpoint, with thresholds if any."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from falseflaw.evaluation.figures.calibration import (
    OPERATING_POINT_NAME,
    calibrate,
    read_operating_point,
)
from falseflaw.evaluation.prediction.exported import ONNX
from falseflaw.evaluation.prediction.scorers import (
    TILE_OVERLAP,
    TILE_PIXELS,
    BundleScorer,
    Scorer,
    evidence_of,
    lanes_of,
)
from falseflaw.evaluation.target import Target
from falseflaw.paths import find_existing
from falseflaw.runtime.bundle import INFO_NAME
from falseflaw.runtime.padding import STRIDE
from falseflaw.runtime.tiling import Tiling, plan
from falseflaw.runtime.verdict import verdicts
from falseflaw.statistics.familiarity import Familiarity
from falseflaw.types import Image, OperatingPoint


@dataclass(frozen=True)
class Told:
    """What a model says of one photo.

    Attributes:
        logit: Uncalibrated; of the highest tile, where there are several.
        hottest: Highest value of its heat map, 0..255.
        distance: From the photos that were measured; NaN where not told.
    """

    logit: float
    hottest: int
    distance: float


@dataclass(frozen=True)
class StudiedModel:
    """A model that may be asked from several threads.

    Attributes:
        scorer: Runs it.
        checkpoint: sha256 of the checkpoint that it is, or was made of.
        operating_point: Its thresholds; None without any.
        familiarity: Tells the distance where the scorer does not.
        tile_pixels: Photos above so many pixels are judged in tiles of at most so many.
        tile_overlap: Of neighboring tiles, pixels.
        stride_multiple: Of which tiles' positions are multiples, pixels.
    """

    scorer: Scorer
    checkpoint: str = ""
    operating_point: OperatingPoint | None = None
    familiarity: Familiarity | None = None
    tile_pixels: int = TILE_PIXELS
    tile_overlap: int = TILE_OVERLAP
    stride_multiple: int = STRIDE

    @property
    def lanes(self) -> int:
        """Photos that it does well to be asked about at once."""
        return lanes_of(self.scorer)

    def tiling(self, height: int, width: int) -> Tiling:
        """Returns how it cuts a photo of so many pixels."""
        return plan(height, width, self.tile_pixels, self.tile_overlap, self.stride_multiple)

    def ask(self, image: Image) -> Told:
        """Returns what it says of a photo, uint8 (H, W, 3)."""
        found = evidence_of(self.scorer, image[None])
        distances = found.distances
        if self.familiarity is not None:
            distances = self.familiarity.distance(found.features)
        return Told(float(found.logits[0]), int(found.heat_maps.max()), float(distances[0]))


def open_model(model: Path, operating_point: Path | None = None) -> StudiedModel:
    """Opens a bundle's or run's folder, or a checkpoint, which are run in onnxruntime.

    Args:
        model: A run stands for its best checkpoint, and has the thresholds of its `evaluation`, if there are.
        operating_point: File or evaluation folder, instead of the model's own.

    Raises:
        MissingDataError, InvalidDataError, ExportError: Something named is not there, damaged, or cannot run.
    """
    find_existing(model, "a bundle, run or checkpoint", "make one with `falseflaw train`")
    given: OperatingPoint | None = None
    if (model / INFO_NAME).is_file():
        if operating_point is not None:
            folder = operating_point.is_dir()
            given, _ = read_operating_point(
                operating_point / OPERATING_POINT_NAME if folder else operating_point
            )
        bundle = BundleScorer(model)
        info = bundle.info
        return StudiedModel(
            bundle,
            info.checkpoint_sha256,
            given or bundle.operating_point,
            tile_pixels=info.tile_pixels,
            tile_overlap=info.tile_overlap,
            stride_multiple=info.stride_multiple,
        )
    if operating_point is None:
        own = (model if model.is_dir() else model.parent) / "evaluation"
        operating_point = own if (own / OPERATING_POINT_NAME).is_file() else None
    found = Target("run" if model.is_dir() else "checkpoint", model).load(
        None if operating_point is None else str(operating_point), ONNX
    )
    return StudiedModel(found.scorer, found.scorer.fingerprint, found.operating_point, found.familiarity)


def verdicts_of(
    logits: NDArray[np.float64],
    hottest: NDArray[np.int64],
    distances: NDArray[np.float64],
    point: OperatingPoint,
    tiles: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.object_]]:
    """Returns probabilities and verdicts of photos that are large enough to be judged, each (N,).

    Args:
        logits: (N,).
        hottest: (N,).
        distances: (N,).
        point: Thresholds.
        tiles: In how many each was judged, (N,); None: whole.
    """
    probability = calibrate(logits, point.temperature)
    marked = np.asarray(hottest >= point.mask_threshold)
    small = np.zeros(len(logits), dtype=bool)
    return probability, verdicts(probability, marked, small, point, distances, tiles)
