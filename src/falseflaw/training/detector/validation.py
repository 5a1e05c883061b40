"""What a training is validated on: fixed crops of every set, untouched, resized and laundered."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from falseflaw.dataset.choice import take
from falseflaw.imaging.laundering.resize import Resize
from falseflaw.seeding import derive_rng, derive_seed
from falseflaw.training.detector.crops import (
    EDITS,
    Launder,
    Sample,
    centered,
    cut,
    label_of,
    side_for,
    window,
)
from falseflaw.training.detector.matched_sets import MatchedSet, PhotoReader
from falseflaw.types import POSITIVES, Edit


class ValidationCrops:
    """The labelled members of each set, cropped around the region; fixed.

    Every member comes untouched and laundered. Each set is dealt one of the scales besides: its simulated
    damage and its positives with a flaw come resized by it.
    """

    def __init__(
        self,
        sets: Sequence[MatchedSet],
        reader: PhotoReader,
        crop_size: int,
        launder: Launder | None,
        seed: int,
        scales: Sequence[float] = (),
    ) -> None:
        """Lists the crops set by set; without `launder` there are no laundered copies."""
        self.reader = reader
        self.crop_size = crop_size
        self.launder = launder
        self.seed = seed
        self.items: list[tuple[MatchedSet, Edit, float, bool]] = []
        for index, matched in enumerate(sets):
            labelled = [edit for edit in EDITS if edit in matched.paths and edit.label >= 0]
            headline = [edit for edit in labelled if edit is Edit.SIMULATED_DAMAGE or edit in matched.flawed]
            self.items += [(matched, edit, 1.0, False) for edit in labelled]
            if launder is not None:
                self.items += [(matched, edit, 1.0, True) for edit in labelled]
            if scales:
                self.items += [(matched, edit, scales[index % len(scales)], False) for edit in headline]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, number: int) -> list[Sample]:
        """Returns crop `number`, a list of one."""
        matched, edit, scale, laundered = self.items[number]
        seed = derive_seed(self.seed, "val", matched.source_id)
        launder = self.launder if laundered else None
        region = self.reader.region(matched.region)
        rewritten = edit in matched.rewritten
        masks = np.stack([region, ~region if rewritten else np.zeros_like(region)], axis=-1)  # (H, W, 2)
        factor = scale if launder is None else launder.factor(seed)
        box = centered(region, side_for(self.crop_size, factor))
        image, masks = window(self.reader.photo(matched.paths[edit]), masks, box, matched.paths[edit])
        if launder is not None:
            image, masks = launder(image, masks, seed)
        elif scale != 1:
            image, masks = Resize(scale)(image, masks, derive_rng(seed, "scale"))
        spot = centered(masks[..., 0], self.crop_size)
        pixels, valid, followed = cut(image, masks, spot, self.crop_size)
        mask, ignored = followed[..., 0], followed[..., 1]
        if edit not in POSITIVES:
            mask, ignored = np.zeros_like(mask), np.zeros_like(ignored)
        return [
            Sample(
                pixels,
                valid,
                mask,
                ignored,
                label_of(edit, mask, rewritten),
                edit,
                number,
                laundered=laundered,
                scale=scale,
                writer=matched.writers.get(edit, ""),
                camera_original=matched.camera_original,
            )
        ]


def chosen_sets(sets: Sequence[MatchedSet], count: int | None) -> list[MatchedSet]:
    """Returns a fixed choice of sets, in random order, up to a quarter of them camera originals.

    Args:
        sets: All there are.
        count: How many to choose; None for all.
    """
    drawn = sorted(sets, key=lambda matched: derive_seed("val", matched.source_id))
    return drawn if count is None else take(drawn, count, lambda matched: matched.camera_original)
