"""Whether honest buyers of one product are called liars more often than those of another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from falseflaw.evaluation.figures.groups import clusters_of
from falseflaw.seeding import derive_rng
from falseflaw.statistics.bootstrap import LEVEL, Estimate, Share, difference, rate

FEWEST = 10
"""Objects that a product needs to enter the largest gap: one of fewer alone makes more than 10 points."""


@dataclass(frozen=True)
class ProductAlarms:
    """False alarms of one product.

    Attributes:
        product: Its name.
        photos: Distinct ones.
        groups: Objects on them.
        fpr: Share flagged.
    """

    product: str
    photos: int
    groups: int
    fpr: Share


@dataclass(frozen=True)
class Gap:
    """The largest gap between two products.

    Attributes:
        highest: The product of the highest rate.
        lowest: And that of the lowest.
        difference: Of the two rates, see `bootstrap.difference`.
        by_chance: The largest gap that 95 % of the shuffles stay below.
    """

    highest: str
    lowest: str
    difference: Estimate
    by_chance: float


@dataclass(frozen=True)
class Parity:
    """False-positive rates by product.

    Attributes:
        laundering: Whose photos these are.
        products: Sorted by name.
        gap: None with fewer than two products of at least `FEWEST` objects.
        left_out: Products of fewer objects, which the gap leaves aside.
    """

    laundering: str
    products: tuple[ProductAlarms, ...]
    gap: Gap | None
    left_out: tuple[str, ...]


def parity(laundering: str, negatives: pd.DataFrame, replicates: int = 1000, seed: int = 0) -> Parity:
    """False-positive rate of every product, and the largest gap between two of them.

    The two products of the gap are picked because they differ most, so their interval alone is too
    optimistic: `by_chance` says how large the largest gap would be if all products were alike.

    Args:
        laundering: Whose photos these are.
        negatives: Of `measure.prepare`, with product, flagged and group; photos that nobody altered.
        replicates: Of the bootstrap, and shuffles of the products among the objects.
        seed: Of both.
    """
    products, rates = [], {}
    for name, rows in negatives.groupby("product", sort=True):
        estimate = rate(rows["flagged"].to_numpy(dtype=bool), clusters_of(rows), replicates, seed)
        groups = int(rows["group"].nunique())
        if groups >= FEWEST:
            rates[str(name)] = estimate
        products.append(ProductAlarms(str(name), int(rows["path"].nunique()), groups, estimate))
    return Parity(
        laundering,
        tuple(products),
        _gap(negatives, rates, replicates, seed) if len(rates) > 1 else None,
        tuple(entry.product for entry in products if entry.product not in rates),
    )


def _gap(negatives: pd.DataFrame, rates: dict[str, Share], replicates: int, seed: int) -> Gap:
    names = sorted(rates, key=lambda name: rates[name].value or 0.0)  # of equal ones by name
    lowest, highest = names[0], names[-1]
    return Gap(
        highest,
        lowest,
        difference(rates[highest], rates[lowest]),
        _gap_by_chance(negatives[negatives["product"].isin(names)], replicates, seed),
    )


def _gap_by_chance(negatives: pd.DataFrame, replicates: int, seed: int) -> float:
    """Returns the gap that 95 % of the shuffles of products among objects stay below."""
    objects = negatives.groupby(["product", "group"], sort=True)["flagged"].agg(["sum", "count"])
    products = pd.Categorical(objects.index.get_level_values("product")).codes
    counts = objects.to_numpy(dtype=np.float64)  # (objects, 2): flagged, photos
    rng = derive_rng("parity", seed, len(counts))
    gaps = [_largest_gap(rng.permutation(products), counts) for _ in range(replicates)]
    return float(np.quantile(gaps, LEVEL))


def _largest_gap(products: NDArray[Any], counts: NDArray[np.float64]) -> float:
    flagged, photos = (np.bincount(products, weights=column) for column in counts.T)
    return float(np.ptp(flagged / photos))
