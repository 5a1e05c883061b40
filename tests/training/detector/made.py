"""Streams of pairs that several tests of the detector's training look at."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from falseflaw.dataset.manifest import read_manifest
from falseflaw.imaging.laundering.augmentation import RandomLaundering
from falseflaw.seeding import derive_rng
from falseflaw.training.detector.composition import Composed
from falseflaw.training.detector.matched_sets import FinishedPairs, PhotoReader, matched_sets
from falseflaw.training.detector.pairs import PairSettings, TrainPairs, WindowPairs
from falseflaw.types import Edit, Fold, Image, Mask

USUAL = RandomLaundering(resize_range=(0.7, 1.2))


def finished_of(
    dataset: Path, flawless: float = 0.2, autoencoded: float = 0.3, edited: float = 0.0, seed: int = 0
) -> FinishedPairs:
    sets = matched_sets(read_manifest(dataset), Fold.TRAIN)
    return FinishedPairs(sets, PhotoReader(dataset), flawless, autoencoded, edited, seed)


def pairs_of(
    dataset: Path,
    launder: Any = USUAL,
    seed: int = 0,
    composed: WindowPairs | None = None,
    **settings: Any,
) -> TrainPairs:
    chosen = PairSettings(**{"crop_size": 64, "consistency_share": 0.0, **settings})
    shares = chosen.flawless_share, chosen.autoencoded_share, chosen.local_edit_share
    finished = finished_of(dataset, *shares, seed)
    return TrainPairs(finished, chosen, launder, seed, composed)


@dataclass
class Layers:
    """Stands for pairs composed from layers: gray photos, the positive lighter where it was written."""

    asked: list[tuple[int, int, bool]] = field(default_factory=list)

    def __len__(self) -> int:
        return 3

    def compose(self, number: int, side: int, around: bool) -> Composed:
        self.asked.append((number, side, around))
        rng = derive_rng("layers", number)
        photo = rng.integers(100, 120, (min(side, 200), min(side, 160), 3)).astype(np.uint8)
        mask, ignored = np.zeros((2, *photo.shape[:2]), dtype=bool)
        mask[30:60, 30:60] = ignored[30:60, 60:70] = True
        written = np.where((mask | ignored)[..., None], photo + 100, photo).astype(np.uint8)
        edits = (Edit.SPLICED, Edit.SIMULATED_DAMAGE)
        return Composed(photo, written, mask, ignored, mask, *edits, "somebody", False)


class Halving:
    """Stands for laundering that halves every photo, and for a degradation that darkens it."""

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, image: Image, mask: Mask, seed: int) -> tuple[Image, Mask]:
        self.shapes.append(image.shape)
        return np.ascontiguousarray(image[::2, ::2]), np.ascontiguousarray(mask[::2, ::2])

    def factor(self, seed: int) -> float:
        return 0.5

    def degrade(self, image: Image, seed: int) -> Image:
        return image // 2
