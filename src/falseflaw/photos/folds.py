"""Assigns every photo to a fold, first of all and by contributor.

A contributor (joined with those that share a near-duplicate photo) lies in exactly one fold, and which one
depends on the seed and its name alone, or on the first name of those joined: a photo that is added or missing
moves nobody but contributors that it joins or parts. Sets for evaluation alone lay down their folds.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from falseflaw.errors import ConfigurationError
from falseflaw.photos.near_duplicates import fingerprints, join
from falseflaw.photos.source import FileSource, Photo, PhotoSource
from falseflaw.seeding import unit_interval
from falseflaw.types import Fold


def assign_folds(
    source: PhotoSource,
    fractions: Mapping[str, float],
    seed: int,
    cache_dir: Path | None,
    progress: bool = True,
) -> dict[str, Fold]:
    """Returns the fold of every photo of the source.

    Args:
        source: The photos; if they are files, contributors with near-duplicate photos are joined.
        fractions: Share of the contributors per fold; keys are `Fold` values, the sum is 1.
        seed: Changes who goes where.
        cache_dir: Where fingerprints are kept between calls, or None.
        progress: Whether to show a bar where many are taken.

    Returns:
        photo_id → fold, in the order of `source.photos()`.

    Raises:
        ConfigurationError: An unknown fold, a share outside [0, 1], or shares that do not add up to 1.
        MissingDataError: The source has no photos.
    """
    bounds = _cumulative(fractions)
    photos = source.photos()
    groups = contributor_groups(source, photos, cache_dir, progress)
    return {photo.photo_id: photo.fold or _fold(bounds, seed, *groups[person_of(photo)]) for photo in photos}


Person = tuple[str, str]
"""Photo set and contributor: the name of a contributor means somebody within a set only."""


def person_of(photo: Photo) -> Person:
    """Returns who took a photo."""
    return photo.photo_set, photo.contributor


def contributor_groups(
    source: PhotoSource, photos: list[Photo], cache_dir: Path | None, progress: bool = True
) -> dict[Person, Person]:
    """Returns contributor → group; joined contributors share the smallest name among them."""
    groups = {person_of(photo): person_of(photo) for photo in photos}
    if isinstance(source, FileSource):
        known = fingerprints(source, photos, cache_dir, progress)
        groups |= join((person_of(p), known[p.photo_id]) for p in photos if p.photo_id in known)
    return groups


def _cumulative(fractions: Mapping[str, float]) -> list[tuple[float, Fold]]:
    names = [fold.value for fold in Fold]
    unknown = sorted(set(map(str, fractions)) - set(names))
    if unknown:
        raise ConfigurationError(f"expected folds among {', '.join(names)}, got {', '.join(unknown)}")
    shares = {Fold(name): float(share) for name, share in fractions.items()}
    if any(not 0 <= share <= 1 for share in shares.values()) or not math.isclose(
        sum(shares.values()), 1, abs_tol=1e-6
    ):
        raise ConfigurationError(f"expected split fractions in 0..1 that add up to 1, got {dict(fractions)}")
    bounds, total = [], 0.0
    for fold in Fold:  # the order of the enum, so that the order of the config's keys changes nothing
        total += shares.get(fold, 0.0)
        bounds.append((total, fold))
    return bounds


def _fold(bounds: list[tuple[float, Fold]], seed: int, photo_set: str, group: str) -> Fold:
    place = unit_interval("fold", int(seed), photo_set, group)
    for bound, fold in bounds:
        if place < bound:
            return fold
    return next(fold for (bound, fold), before in _with_previous(bounds) if bound > before)


def _with_previous(bounds: list[tuple[float, Fold]]) -> list[tuple[tuple[float, Fold], float]]:
    """Pairs from the last to the first: a bound with the one before it; for rounding just below 1."""
    before = [0.0, *(bound for bound, _ in bounds[:-1])]
    return list(zip(reversed(bounds), reversed(before), strict=True))
