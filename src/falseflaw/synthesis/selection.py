"""Which photos a build reads: sources with finished members, and sources with layers alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from falseflaw.dataset.choice import take
from falseflaw.errors import MissingDataError
from falseflaw.photos.source import Photo
from falseflaw.seeding import unit_interval
from falseflaw.types import Fold

if TYPE_CHECKING:
    from falseflaw.synthesis.plan import SynthesisSettings


def select_photos(
    photos: Sequence[Photo], folds: Mapping[str, Fold], settings: SynthesisSettings
) -> list[Photo]:
    """Returns all photos that a build reads: of the sources with members and of those with layers alone.

    Raises:
        MissingDataError: No photo lies in the folds.
    """
    selected = select_sources(photos, folds, settings)
    return [*selected, *layers_alone(photos, folds, settings, selected)]


def select_sources(
    photos: Sequence[Photo], folds: Mapping[str, Fold], settings: SynthesisSettings
) -> list[Photo]:
    """Returns the sources to build, sorted by name.

    With `limit_sources` each fold gives its share, with an entry in `limit_folds` so many. Which photos a
    fold gives depends on their names and the seed alone: its smaller selection is part of its larger one, and
    up to a quarter of it are camera originals.

    Raises:
        MissingDataError: No photo lies in the folds.
    """
    by_fold = {fold: [p for p in photos if folds[p.photo_id] == fold] for fold in settings.folds}
    counts = {fold: len(members) for fold, members in by_fold.items()}
    if not sum(counts.values()):
        raise MissingDataError(
            f"expected photos in the folds {', '.join(settings.folds)}, found none among {len(photos)}; "
            "add photos or change split.fractions"
        )
    wanted = dict(counts) if settings.limit_sources is None else share_out(counts, settings.limit_sources)
    wanted |= {
        fold: min(limit, counts[fold]) for fold, limit in settings.limit_folds.items() if fold in counts
    }
    chosen: list[Photo] = []
    for fold, members in by_fold.items():
        drawn = sorted(members, key=lambda p: unit_interval("limit", settings.seed, p.photo_id))
        chosen += take(drawn, wanted[fold], lambda photo: photo.original)
    return sorted(chosen, key=lambda photo: photo.photo_id)


def share_out(counts: Mapping[Fold, int], limit: int) -> dict[Fold, int]:
    """Divides a limit over folds in proportion to their counts, by largest remainders.

    A fold that has photos gets at least one where the limit allows it; none gets more than it has.
    """
    total = sum(counts.values())
    if limit >= total:
        return dict(counts)
    exact = {fold: limit * count / total for fold, count in counts.items()}
    shares = {fold: int(value) for fold, value in exact.items()}
    by_remainder = sorted(counts, key=lambda fold: shares[fold] - exact[fold])
    for fold in by_remainder[: limit - sum(shares.values())]:
        shares[fold] += 1
    for fold in [fold for fold in counts if counts[fold] and not shares[fold]]:
        richest = max(shares, key=lambda other: shares[other])
        if shares[richest] > 1:
            shares[richest] -= 1
            shares[fold] += 1
    return shares


def layers_alone(
    photos: Sequence[Photo],
    folds: Mapping[str, Fold],
    settings: SynthesisSettings,
    with_members: Sequence[Photo],
) -> list[Photo]:
    """Returns the sources of fold train that get layers and no members, sorted by name.

    Args:
        photos: All photos.
        folds: photo_id → fold.
        settings: Whether there are layers, and of how many sources.
        with_members: Sources that have members.
    """
    if not settings.layers:
        return []
    taken = {photo.photo_id for photo in with_members}
    others = [p for p in photos if folds[p.photo_id] is Fold.TRAIN and p.photo_id not in taken]
    others.sort(key=lambda photo: unit_interval("limit", settings.seed, photo.photo_id))
    return sorted(others[: settings.layers_only_sources], key=lambda photo: photo.photo_id)
