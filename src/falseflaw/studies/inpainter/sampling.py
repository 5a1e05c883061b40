"""Has an inpainter sample the crops of prepared sets, those of one size together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import numpy as np
from tqdm import tqdm

from falseflaw.inpainting.inpainter import Inpainter
from falseflaw.synthesis.prepare import PreparedSet
from falseflaw.types import Image


def sample_crops(
    inpainter: Inpainter,
    sets: Sequence[PreparedSet],
    prompts: Sequence[str],
    seeds: Sequence[int],
    batch_size: int,
    bar: tqdm[Any] | None = None,
) -> list[Image]:
    """Returns what the inpainter makes of each set's crop, nothing pasted, in the order of the sets.

    Args:
        inpainter: Writes the flaws.
        sets: N prepared sets; one may stand there several times.
        prompts: N texts.
        seeds: N seeds.
        batch_size: Crops sampled together at most.
        bar: Progress, in crops.

    Returns:
        N crops, uint8 (side, side, 3), each of its set's own side.
    """
    crops: dict[int, Image] = {}
    order = sorted(range(len(sets)), key=lambda index: sets[index].box.height)
    for _, same in groupby(order, key=lambda index: sets[index].box.height):
        indices = list(same)
        for start in range(0, len(indices), batch_size):
            chosen = indices[start : start + batch_size]
            samples = inpainter.sample(
                np.stack([sets[index].crop for index in chosen]),  # (B, S, S, 3)
                np.stack([sets[index].crop_region for index in chosen]),  # (B, S, S)
                [prompts[index] for index in chosen],
                [seeds[index] for index in chosen],
            )
            crops |= dict(zip(chosen, samples.images, strict=True))
            if bar is not None:
                bar.update(len(chosen))
    return [crops[index] for index in range(len(sets))]
