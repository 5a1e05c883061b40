"""The endless stream of training pairs: one negative and one positive, cropped and laundered alike."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import floor
from typing import Protocol

import numpy as np

from falseflaw.errors import ConfigurationError, check_shares
from falseflaw.seeding import derive_rng
from falseflaw.training.detector.composition import Composed
from falseflaw.training.detector.crops import Launder, Sample, cut, label_of, place, side_for, turn
from falseflaw.types import Edit


@dataclass(frozen=True)
class PairSettings:
    """What training pairs are made of.

    Attributes:
        crop_size: Side of the crops, a multiple of 32.
        region_share: Share in [0, 1] of pairs whose crops lie over the pair's region.
        composed_share: Share in [0, 1] of pairs that are composed from layers, where the dataset has them;
            the others are finished members.
        flawless_share: Probability in [0, 1] that a finished pair shows no flaw: the refilled photo, and the
            authentic one or its null edit.
        autoencoded_share: Probability in [0, 1] that another finished pair's positive is the autoencoded
            photo.
        local_edit_share: Probability in [0, 1] that its negative is the local edit of simulated damage, where
            the set has one.
        consistency_share: Share in [0, 1] of pairs that come twice, as uploaded and laundered without any
            change of geometry; a batch has as many more crops.
        shuffle_labels: Shuffle label and mask within every pair, every crop over its region: a detector that
            then still tells positives from negatives has found a leak.

    Raises:
        ConfigurationError: A value is out of its range.
    """

    crop_size: int = 224
    region_share: float = 0.8
    composed_share: float = 0.8
    flawless_share: float = 0.2
    autoencoded_share: float = 0.3
    local_edit_share: float = 0.3
    consistency_share: float = 0.25
    shuffle_labels: bool = False

    def __post_init__(self) -> None:
        if self.crop_size <= 0 or self.crop_size % 32:
            raise ConfigurationError(f"expected crop_size as a positive multiple of 32, got {self.crop_size}")
        check_shares(self, (name for name in vars(self) if name.endswith("_share")))


class WindowPairs(Protocol):
    """A source of pairs without end; a pair depends on a seed and its number alone."""

    def __len__(self) -> int:
        """Returns the number of photos that they come from."""

    def compose(self, number: int, side: int, around: bool) -> Composed:
        """Returns windows of at most `side` pixels of pair `number`, over its region if `around`."""


class TrainPairs:
    """The stream of training pairs; pair number n depends on the seed and on n alone.

    Both members go through the same crop, laundering and turn. Since numbers and not workers or epochs own
    the randomness, a resumed training sees what an uninterrupted one would have seen. Shares that decide
    what a batch is made of are kept by counting: every batch has the same number of composed pairs and of
    pairs for consistency, up to one.
    """

    def __init__(
        self,
        finished: WindowPairs,
        settings: PairSettings,
        launder: Launder | None,
        seed: int,
        composed: WindowPairs | None = None,
    ) -> None:
        """Sets the stream up.

        Args:
            finished: Pairs of finished members.
            settings: What pairs are made of.
            launder: Laundering of both members; None for none, and then no pair comes twice.
            seed: Of everything that is drawn here.
            composed: Pairs composed from layers; None where there are none.
        """
        self.finished = finished
        self.settings = settings
        self.launder = launder
        self.seed = seed
        self.composed = composed

    def __getitem__(self, number: int) -> list[Sample]:
        """Returns the negative and the positive crop of pair `number`, 0 or above without bound.

        A pair for consistency has four: both as uploaded, and then both laundered.
        """
        settings = self.settings
        rng = derive_rng(self.seed, "pair", number)
        # Beside its region a crop has label 0 in any case: shuffled labels would still teach to see flaws.
        around = bool(rng.random() < settings.region_share) or settings.shuffle_labels
        seed, quarter, mirrored = int(rng.integers(2**62)), int(rng.integers(4)), bool(rng.integers(2))
        launder, twice = self.launder, self.launder is not None and _due(number, settings.consistency_share)
        factor = 1.0 if launder is None or twice else launder.factor(seed)
        pair = self._windows(number, side_for(settings.crop_size, factor), around)
        masks = np.stack([pair.region, pair.mask, pair.ignored], axis=-1)  # (h, w, 3)

        views = [(pair.negative, pair.positive)]
        if launder is not None and twice:
            views.append((launder.degrade(pair.negative, seed), launder.degrade(pair.positive, seed)))
        samples: list[Sample] = []
        for view, images in enumerate(views):
            for image, edit in zip(images, (pair.negative_edit, pair.positive_edit), strict=True):
                followed = masks
                if launder is not None and not twice:
                    image, followed = launder(image, masks, seed)
                spot = place(followed[..., 0], settings.crop_size, around, derive_rng(seed, "crop"))
                crop = turn(cut(image, followed, spot, settings.crop_size), quarter, mirrored)
                sample = _sample(crop, edit, number, pair, view)
                samples.append(replace(sample, clean=len(samples) - 2) if view else sample)
        return self._shuffled(samples, number) if settings.shuffle_labels else samples

    def _windows(self, number: int, side: int, around: bool) -> Composed:
        """Returns the windows of a pair: composed or finished, each counted on its own."""
        share = self.settings.composed_share if self.composed is not None else 0.0
        if self.composed is not None and _due(number, share):
            return self.composed.compose(_count(number, share), side, around)
        return self.finished.compose(number - _count(number, share), side, around)

    def _shuffled(self, samples: list[Sample], number: int) -> list[Sample]:
        """Swaps what a pair's negative and positive are said to be, in one drawn out of every two pairs.

        A coin for each pair would leave a share of, say, 51 % unswapped. The ranking by a detector's logits
        has no scale, so that even so faint a hint comes out as an AUROC far from .5.
        """
        first = derive_rng(self.seed, "shuffled", number // 2).random() < 0.5
        if first != (number % 2 == 0):
            return samples
        others = [samples[index ^ 1] for index in range(len(samples))]  # negatives lie at even places
        return [
            replace(sample, label=other.label, mask=other.mask, ignored=other.ignored)
            for sample, other in zip(samples, others, strict=True)
        ]


def _sample(crop: list[np.ndarray], edit: Edit, number: int, pair: Composed, view: int) -> Sample:
    pixels, valid, followed = crop
    mask, ignored = followed[..., 1], followed[..., 2]
    writer = pair.writer if edit.label == 1 else ""
    if edit.label != 1:
        mask, ignored = np.zeros_like(mask), np.zeros_like(ignored)
    label = label_of(edit, mask, pair.rewritten)
    return Sample(pixels, valid, mask, ignored, label, edit, number, pair=view, writer=writer)


def _due(number: int, share: float) -> bool:
    """Says whether one of every 1 / `share` numbers is this one."""
    return _count(number + 1, share) > _count(number, share)


def _count(number: int, share: float) -> int:
    """Returns how many numbers below this one were due."""
    return floor(number * share)
