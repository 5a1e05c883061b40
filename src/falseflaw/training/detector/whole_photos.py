"""Whole photos in pairs, as a finished detector sees them: what its image head is fitted on.

Crops show a region in their middle; a whole photo is mostly something else. So the head's ranking of crops is
not its ranking of photos.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch.utils.data import Dataset

from falseflaw.errors import ConfigurationError, check_shares
from falseflaw.imaging.laundering.augmentation import RandomLaundering
from falseflaw.imaging.laundering.resize import Resize
from falseflaw.seeding import derive_rng
from falseflaw.training.detector.composition import Composed
from falseflaw.training.detector.crops import label_of
from falseflaw.training.detector.pairs import WindowPairs
from falseflaw.types import Image

_KERNELS = ("bilinear", "bicubic", "lanczos")
"""With which screens and apps enlarge."""


@dataclass(frozen=True)
class WholePhotoSettings:
    """What pairs of whole photos go through.

    Attributes:
        side: Longest side of a photo, pixels; larger ones are cut to a window.
        untouched_share: Pairs that stay as uploaded.
        saved_share: Pairs that are laundered without any change of geometry.
        enlarged_share: Pairs that are enlarged, as by a phone's screen, and then laundered without any change
            of geometry; the others are laundered as in training, resized and screenshotted.
        enlargement: By which factor, as (least, greatest), drawn log-uniformly.
        smallest: Side below which a laundered pair is left out, pixels.
        most_pixels: Of a laundered photo; pairs that would be larger are left out.

    Raises:
        ConfigurationError: A value is out of range.
    """

    side: int = 1024
    untouched_share: float = 0.25
    saved_share: float = 0.2
    enlarged_share: float = 0.2
    enlargement: tuple[float, float] = (1.2, 3.0)
    smallest: int = 64
    most_pixels: int = 2_600_000

    def __post_init__(self) -> None:
        object.__setattr__(self, "enlargement", tuple(self.enlargement))  # Hydra passes lists
        check_shares(self, ("untouched_share", "saved_share", "enlarged_share"))
        if self.untouched_share + self.saved_share + self.enlarged_share > 1:
            raise ConfigurationError(
                "expected untouched_share, saved_share and enlarged_share of 1 together at most, "
                f"got {self.untouched_share}, {self.saved_share} and {self.enlarged_share}"
            )
        if len(self.enlargement) != 2 or not 1 <= self.enlargement[0] <= self.enlargement[1] <= 8:
            raise ConfigurationError(
                f"expected enlargement as [least, greatest] in 1 to 8, got {list(self.enlargement)}"
            )
        if not 64 <= self.side <= 8192 or self.smallest < 1 or self.most_pixels < self.smallest**2:
            raise ConfigurationError(
                "expected side in 64 to 8192, smallest above 0 and most_pixels no smaller than its square, "
                f"got {self.side}, {self.smallest} and {self.most_pixels}"
            )


class WholePhotoPairs(Dataset[tuple[Image, Image] | None]):
    """Pair n of whole photos, negative and positive; depends on the seed and on n alone.

    None where it shows nothing that a network wrote, or would be too small or too large once laundered.
    """

    def __init__(
        self,
        composer: WindowPairs,
        launder: RandomLaundering,
        settings: WholePhotoSettings,
        pairs: int,
        seed: int,
    ) -> None:
        self.composer = composer
        self.launder = launder
        self.settings = settings
        self.pairs = pairs
        self.seed = seed

    def __len__(self) -> int:
        return self.pairs

    def __getitem__(self, number: int) -> tuple[Image, Image] | None:
        if not 0 <= number < self.pairs:
            raise IndexError(number)  # ends iteration
        settings = self.settings
        rng = derive_rng("whole photos", self.seed, number)
        kind, seed = float(rng.random()), int(rng.integers(2**62))
        pair = self.composer.compose(number, settings.side, around=False)
        if label_of(pair.positive_edit, pair.mask, pair.rewritten) != 1:
            return None
        if kind < settings.untouched_share:
            return pair.negative, pair.positive
        kind -= settings.untouched_share
        if kind < settings.saved_share:
            return self.launder.degrade(pair.negative, seed), self.launder.degrade(pair.positive, seed)
        if kind < settings.saved_share + settings.enlarged_share:
            return self._enlarged(pair, seed)
        if pair.mask.size * self.launder.factor(seed) ** 2 > settings.most_pixels:
            return None
        negative = self.launder(pair.negative, pair.mask, seed)[0]
        if min(negative.shape[:2]) < settings.smallest:
            return None
        return negative, self.launder(pair.positive, pair.mask, seed)[0]

    def _enlarged(self, pair: Composed, seed: int) -> tuple[Image, Image] | None:
        rng = derive_rng(seed, "enlargement")
        factor = float(np.exp(rng.uniform(*np.log(self.settings.enlargement))))
        if pair.mask.size * factor**2 > self.settings.most_pixels:
            return None
        resize = Resize(factor, str(rng.choice(_KERNELS)))
        negative, positive = (
            self.launder.degrade(resize(image, pair.mask, rng)[0], seed)
            for image in (pair.negative, pair.positive)
        )
        return negative, positive
