"""What is known of an inpainter's weights: a digest, and whose photos they learnt from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from falseflaw.errors import InvalidDataError
from falseflaw.photos.source import Photo

TRAINING_RECORD = "training.json"
"""Beside the weights of an inpainter trained here: photo set and contributors, among others."""


_SHOWN = frozenset({".md", ".png", ".jpg"})


def weights_digest(folder: Path) -> str:
    """Returns the sha256 over names and contents of a folder's files, but for its card and pictures."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in _SHOWN):
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
        record = json.loads(path.read_text())
        learnt = {*record["contributors"], *record.get("validation_contributors", ())}
        same_set = record["photo_set"] == photo_set
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidDataError(f"expected photo_set and contributors in {path}: {error!r}") from error
    if same_set and (seen := sorted(learnt & set(contributors))):
        raise InvalidDataError(
            f"the inpainter in {folder} learnt from {len(seen)} contributors of this dataset, such as "
            f"{seen[0]}; use the split that it was trained with, or train it again with this one"
        )
