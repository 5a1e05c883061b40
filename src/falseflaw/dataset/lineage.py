"""Ties detectors and generators to the photos they learnt from, so that no figure is measured on those."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from falseflaw.dataset.layers import read_layers
from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.photos.source import Photo
from falseflaw.types import Fold

PROVENANCE_NAME = "provenance.json"
_SHOWN = 3

TRAINING_RECORD = "training.json"
"""Beside the weights of an inpainter trained here: photo set and contributors, among others."""

_PICTURES = frozenset({".md", ".png", ".jpg"})
"""Endings of a folder of weights that change no pixel: its card and samples."""


def learnt_from(
    dataset: Path, earlier: Mapping[str, Any] | None = None, further: Iterable[Path] = ()
) -> dict[str, Any]:
    """Returns what a training on a dataset learns from, of plain types.

    Args:
        dataset: Folder with a manifest.
        earlier: The same of a training that this one goes on from; its contributors stay known.
        further: Datasets whose layers it learns from as well.

    Returns:
        config_hash of the datasets; contributors of the folds `train` and `val` and of the layers, as
        `photo set/name`; digests of more of them, where weights of a bundle were begun with.

    Raises:
        MissingDataError: No dataset there.
        InvalidDataError: It is not one.
    """
    rows = read_manifest(dataset)
    known = contributors_of(rows[rows["fold"].isin([str(Fold.TRAIN), str(Fold.VAL)])])
    known |= contributors_of(read_layers(dataset))
    hashes = set(rows["config_hash"])
    for folder in further:
        layers = read_layers(folder)
        known |= contributors_of(layers)
        hashes |= set(layers["config_hash"])
    before = earlier or {}
    return {
        "config_hash": "+".join(sorted(hashes)),
        "contributors": sorted(known | set(before.get("contributors", ()))),
        **({"digests": sorted(before["digests"])} if before.get("digests") else {}),
    }


def check_same(earlier: Mapping[str, Any], now: Mapping[str, Any], run_dir: Path) -> None:
    """Refuses to go on with a run on another dataset than the one it began with.

    Raises:
        ConfigurationError: The configuration hashes differ.
    """
    before = earlier.get("config_hash")
    if before is not None and before != now["config_hash"]:
        raise ConfigurationError(
            f"expected the dataset that the training in {run_dir} began with (configuration {before}), "
            f"got one of {now['config_hash']}; choose another run_dir"
        )


def contributor_digests(learnt: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns the contributors that a training learnt from, as an exported model carries them.

    Args:
        learnt: Of the detector's run, see `learnt_from`.

    Returns:
        The first 16 hex digits of the sha256 of each, sorted: they tell whether a name that is at hand was
        learnt from, and list no names.
    """
    return tuple(sorted({*map(_digest, learnt.get("contributors", ())), *learnt.get("digests", ())}))


def seen_contributors(known: Collection[str], rows: pd.DataFrame) -> list[str]:
    """Returns the contributors of fold `test` that a detector learnt from.

    Args:
        known: Digests of those that it learnt from, see `contributor_digests`.
        rows: Of a manifest.
    """
    known = set(known)
    tested = contributors_of(rows[rows["fold"] == str(Fold.TEST)])
    return sorted(name for name in tested if _digest(name) in known)


def check_unseen(known: Collection[str], rows: pd.DataFrame, dataset: Path) -> None:
    """Refuses a dataset whose test fold holds photos of people that the detector learnt from.

    Args:
        known: Digests of those that it learnt from, see `contributor_digests`.
        rows: Of its manifest.
        dataset: To be measured on.

    Raises:
        InvalidDataError: A contributor is in both.
    """
    both = seen_contributors(known, rows)
    if both:
        raise InvalidDataError(
            f"expected test photos of contributors that the detector never saw, found {len(both)} that it "
            f"learnt from in {dataset} ({', '.join(both[:_SHOWN])}); "
            "evaluate on the dataset of the training or on one with the same split"
        )


def read_learnt_from(run_dir: Path) -> dict[str, Any]:
    """Returns what `provenance.json` of a run says it learnt from; empty where it says nothing.

    Raises:
        InvalidDataError: The file is there, but broken.
    """
    path = run_dir / PROVENANCE_NAME
    try:
        learnt = json.loads(path.read_text(encoding="utf-8")).get("learnt_from", {})
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, AttributeError) as error:
        raise InvalidDataError(f"cannot read {path}: {str(error).splitlines()[0]}") from error
    return learnt if isinstance(learnt, dict) else {}


def weights_digest(folder: Path) -> str:
    """Returns the sha256 over names and contents of a folder's files, but for its card and pictures."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in _PICTURES):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def check_unseen_photos(folder: Path, photos: Iterable[Photo]) -> None:
    """Checks that weights have not learnt from whoever took the photos; see `check_not_learnt_from`."""
    people: dict[str, set[str]] = {}
    for photo in photos:
        people.setdefault(photo.photo_set, set()).add(photo.contributor)
    for photo_set, contributors in people.items():
        check_not_learnt_from(folder, photo_set, contributors)


def check_not_learnt_from(folder: Path, photo_set: str, contributors: Iterable[str]) -> None:
    """Checks that an inpainter has not seen the contributors whose photos it shall alter.

    Args:
        folder: The weights; without a record beside them nothing is known and nothing is checked.
        photo_set: Name of the photo source.
        contributors: Whose photos go into the dataset.

    Raises:
        InvalidDataError: The weights learnt from some of them, or the record cannot be read.
    """
    path = folder / TRAINING_RECORD
    if not path.is_file():
        return
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        learnt = {*record["contributors"], *record.get("validation_contributors", ())}
        same_set = record["photo_set"] == photo_set
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidDataError(f"expected photo_set and contributors in {path}: {error!r}") from error
    if same_set and (seen := sorted(learnt & set(contributors))):
        raise InvalidDataError(
            f"the inpainter in {folder} learnt from {len(seen)} contributors of this dataset, such as "
            f"{seen[0]}; use the split that it was trained with, or train it again with this one"
        )


def _digest(contributor: str) -> str:
    return hashlib.sha256(contributor.encode()).hexdigest()[:16]


def contributors_of(rows: pd.DataFrame) -> set[str]:
    """Returns whose photos the rows of a manifest, or of a list of layers, show, as `photo set/name`."""
    return set(rows["photo_set"] + "/" + rows["contributor"])
