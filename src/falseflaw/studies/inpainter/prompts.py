"""Do the words matter? One photo, mask and seed with nine prompts, against one prompt with several seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from falseflaw.audit.flaws import KINDS, Flaws
from falseflaw.damage.prompts import CLEAN_PROMPT, product_word
from falseflaw.inpainting.inpainter import Inpainter
from falseflaw.seeding import derive_seed
from falseflaw.statistics.bootstrap import Bootstrap, Estimate, Metric
from falseflaw.statistics.metrics import mean
from falseflaw.studies.inpainter.flaws import inpainted, intact
from falseflaw.studies.inpainter.sampling import sample_crops
from falseflaw.synthesis.prepare import PreparedSet
from falseflaw.types import DamageKind

_WORDS = {
    DamageKind.COFFEE: "a coffee stain",
    DamageKind.INK: "an ink stain",
    DamageKind.WINE: "a red wine stain",
    DamageKind.GREASE: "a grease stain",
    DamageKind.MUD: "dried mud",
    DamageKind.HOLE: "a hole",
    DamageKind.TEAR: "a tear",
    DamageKind.BURN: "a burn mark",
    DamageKind.MOULD: "mould",
}

DISTINCT = 1.0
"""Mean difference inside the mask from which two flaws count as different, 8-bit levels."""


@dataclass(frozen=True, eq=False)
class Prompted:
    """Each of P photos with every prompt and with several seeds; all have one mask a photo.

    Attributes:
        intact: P windows before anything was written.
        by_prompt: One entry a kind, in the order of `KINDS`: P windows with the first seed.
        by_seed: One entry a seed: P windows with each photo's own kind as prompt.
        clean: P windows where clean material was asked for.
    """

    intact: Flaws
    by_prompt: list[Flaws]
    by_seed: list[Flaws]
    clean: Flaws


def vary_prompts(
    inpainter: Inpainter, sets: Sequence[PreparedSet], seeds: int, batch_size: int, progress: bool = True
) -> Prompted:
    """Samples what `compare_prompts` compares.

    Args:
        inpainter: Writes the flaws.
        sets: P prepared sets.
        seeds: Seeds of one prompt, at least 2.
        batch_size: Crops sampled together.
        progress: Whether to show a bar.
    """
    asked = [(kind, 0) for kind in KINDS] + [(None, number) for number in range(1, seeds)]
    requests = [(entry, kind or entry.plan.kind, number) for kind, number in asked for entry in sets]
    texts = [
        f"{_WORDS[kind]} on a {product_word(entry.plan.photo.product)}" for entry, kind, _ in requests
    ] + [CLEAN_PROMPT] * len(sets)
    owners = [entry for entry, _, _ in requests] + list(sets)
    numbers = [number for _, _, number in requests] + [0] * len(sets)
    drawn = [
        derive_seed("prompts", entry.plan.seed, number) for entry, number in zip(owners, numbers, strict=True)
    ]
    with tqdm(total=len(owners), desc="nine prompts", unit="crop", disable=not progress) as bar:
        crops = sample_crops(inpainter, owners, texts, drawn, batch_size, bar)
    count = len(sets)
    parts = [inpainted(sets, crops[start : start + count]) for start in range(0, len(crops), count)]
    named, others, clean = parts[: len(KINDS)], parts[len(KINDS) : -1], parts[-1]
    own = [named[KINDS.index(entry.plan.kind)].images[at] for at, entry in enumerate(sets)]
    first = Flaws(np.stack(own), clean.regions, clean.kinds, clean.sources)
    return Prompted(intact(sets), named, [first, *others], clean)


def compare_prompts(prompted: Prompted) -> dict[str, Estimate]:
    """Returns mean differences inside the masks, 8-bit levels, with intervals by source.

    Returns:
        `between_prompts`, `between_seeds` and their quotient `prompts_over_seeds`; `closest_prompts`, the
        least different pair of a photo; `all_distinct`, the share of photos on which no pair is closer than
        `DISTINCT`; `clean_change` and `flaw_change`, from the intact photo.
    """
    pairs = _pairs(prompted.by_prompt)  # (36, P)
    seeds = _pairs(prompted.by_seed).mean(axis=0)
    closest, between = pairs.min(axis=0), pairs.mean(axis=0)
    clean = difference(prompted.clean, prompted.intact)
    flaw = np.mean([difference(flaws, prompted.intact) for flaws in prompted.by_prompt], axis=0)
    values = {
        "between_prompts": between,
        "between_seeds": seeds,
        "closest_prompts": closest,
        "all_distinct": (closest >= DISTINCT).astype(np.float64),
        "clean_change": clean,
        "flaw_change": flaw,
    }

    def average(column: NDArray[np.float64]) -> Metric:
        return lambda weights: mean(column, weights)

    metrics = {name: average(column) for name, column in values.items()}
    metrics["prompts_over_seeds"] = lambda weights: (weights @ between) / np.maximum(weights @ seeds, 1e-9)
    return Bootstrap(prompted.intact.sources).estimate(metrics)


def difference(one: Flaws, other: Flaws) -> NDArray[np.float64]:
    """Returns the mean absolute difference inside the region of each window, 8-bit levels, (N,)."""
    change = np.abs(one.images.astype(np.int16) - other.images).mean(axis=3)  # (N, S, S)
    inside = one.regions
    return np.asarray((change * inside).sum(axis=(1, 2)) / np.maximum(inside.sum(axis=(1, 2)), 1))


def _pairs(groups: Sequence[Flaws]) -> NDArray[np.float64]:
    """Differences of every pair of groups, (pairs, P)."""
    return np.stack([difference(one, other) for one, other in combinations(groups, 2)])
