"""The gates: each returns what is wrong with a dataset, one line a finding; nothing found means passed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from falseflaw.dataset.lineage import TRAINING_RECORD, check_not_learnt_from
from falseflaw.dataset.manifest import validate
from falseflaw.dataset.upload import UploadSave
from falseflaw.errors import FalseFlawError, InvalidDataError
from falseflaw.imaging.codec import decode, read_mask
from falseflaw.photos.near_duplicates import fingerprint, near_pairs
from falseflaw.provenance import file_sha256
from falseflaw.types import Edit, Image, Mask

Progress = Callable[[Iterable[Any], int, str], Iterable[Any]]
"""Wraps what is gone through, with its length and a title, as a progress bar does."""

_UNIT = 16
"""Side of the largest JPEG unit (4:2:0), within which an edit may change pixels outside its mask."""

_SPREAD = 2
"""Pixels beyond a unit that the smooth upsampling of color reaches."""

_ROUNDING = 1e-6

_LEAST_CHANGED = 0.5
"""Share of a mask's units in which at least one pixel must differ from the authentic photo."""


def check_manifest(rows: pd.DataFrame) -> list[str]:
    """Returns what `validate` says: labels, folds of sources and people, equal treatment within sets."""
    try:
        validate(rows)
    except InvalidDataError as error:
        return [str(error)]
    return []


def check_files(dataset: Path, rows: pd.DataFrame, progress: Progress) -> list[str]:
    """Returns the images that are missing or have not the bytes of their sha256."""
    found = []
    for path, expected in progress(zip(rows["path"], rows["sha256"], strict=True), len(rows), "digests"):
        try:
            got = file_sha256(dataset / path)
        except OSError as error:
            found.append(f"{path}: {error.strerror or error}")
            continue
        if got != expected:
            found.append(f"{path}: expected sha256 {expected[:12]}, got {got[:12]}")
    return found


def check_bytes(rows: pd.DataFrame) -> list[str]:
    """Returns the files whose bytes stand in the manifest with both labels."""
    labels = rows.groupby("sha256")["label"].nunique()
    twice = rows[rows["sha256"].isin(labels.index[labels > 1])].groupby("sha256")["path"]
    return [f"the same bytes with different labels: {', '.join(sorted(paths))}" for _, paths in twice]


def check_near_duplicates(dataset: Path, rows: pd.DataFrame, progress: Progress) -> list[str]:
    """Returns the pairs of authentic photos that show one shot and lie in different folds."""
    authentic = rows[rows["edit"] == str(Edit.AUTHENTIC)]
    seen: list[tuple[str, str, bytes]] = []
    for path, fold in progress(
        zip(authentic["path"], authentic["fold"], strict=True), len(authentic), "near-duplicates"
    ):
        try:
            seen.append((path, fold, fingerprint(decode(dataset / path))))
        except FalseFlawError:  # `check_files` tells
            continue
    return [
        f"{seen[one][0]} ({seen[one][1]}) shows the same shot as {seen[other][0]} ({seen[other][1]})"
        for one, other in near_pairs([value for _, _, value in seen])
        if seen[one][1] != seen[other][1]
    ]


def check_unseen(rows: pd.DataFrame, folders: Iterable[Path]) -> list[str]:
    """Returns what `check_not_learnt_from` says of every generator: people of the dataset that it knows.

    Args:
        rows: Manifest rows.
        folders: Folders of weights; those below them that hold the record of a training count.
    """
    people = {str(name): set(part["contributor"]) for name, part in rows.groupby("photo_set")}
    records = sorted({path for folder in folders for path in folder.rglob(TRAINING_RECORD)})
    found = []
    for path in records:
        for photo_set, contributors in people.items():
            try:
                check_not_learnt_from(path.parent, photo_set, contributors)
            except InvalidDataError as error:
                found.append(str(error))
    return found


def check_masks(dataset: Path, rows: pd.DataFrame, progress: Progress) -> list[str]:
    """Returns the photos that differ from what they were made of elsewhere than their mask says.

    All members of a set were saved alike, so an altered photo may differ from what was altered in the JPEG
    units that its mask touches and nowhere else, and must differ in most of these where a flaw was inpainted,
    in some otherwise. A regenerated photo differs everywhere, and one that others altered was not saved
    beside its original by us: of these the mask's size is checked. A local edit keeps to the set's region.
    """
    found = []
    sets = rows.groupby("source_id")
    for source, members in progress(sets, len(sets), "masks"):
        try:
            found += [f"{source}: {line}" for line in _wrong_masks(dataset, members)]
        except FalseFlawError as error:
            found.append(f"{source}: {error}")
    return found


_ORIGINALS = {
    **dict.fromkeys(
        (Edit.SPLICED, Edit.FEATHERED, Edit.REFILLED, Edit.HAND_CLONED, Edit.HAND_PASTED), Edit.AUTHENTIC
    ),
    **dict.fromkeys((Edit.AUTOENCODED, Edit.LOCAL_EDIT), Edit.SIMULATED_DAMAGE),
}
"""What an edit was made of."""

_PAINTED = frozenset({str(Edit.SPLICED), str(Edit.FEATHERED)})
"""Edits whose flaw shows all over the mask; clean material may look like the original in most of it."""


def _wrong_masks(dataset: Path, members: pd.DataFrame) -> Iterator[str]:
    rows: list[dict[str, Any]] = members.to_dict("records")  # type: ignore[assignment]
    paths = {row["edit"]: row["path"] for row in rows}
    photo, region = cache(decode), cache(read_mask)  # members share regions and originals
    for row in rows:
        edit = row["edit"]
        locally = edit == str(
            Edit.LOCAL_EDIT
        )  # no mask: it is a negative, and was edited in the set's region
        if not row["mask_path"] and not locally:
            continue
        mask = region(dataset / row["region_path" if locally else "mask_path"])
        area = float(mask.mean()) if locally else row["mask_area"]
        original = paths.get(str(_ORIGINALS.get(Edit(edit), "")))
        if mask.shape != (row["height"], row["width"]):
            size, got = f"{row['height']}x{row['width']}", f"{mask.shape[0]}x{mask.shape[1]}"
            yield f"expected a mask of {size} for {edit}, got {got}"
        elif abs(float(mask.mean()) - area) > _ROUNDING:
            yield f"expected a mask over {row['mask_area']:.4%} of {edit}, got {mask.mean():.4%}"
        elif original is not None:
            photos = photo(dataset / row["path"]), photo(dataset / original)
            least = None if locally else _LEAST_CHANGED if edit in _PAINTED else 0.0
            lines = list(_compare(*photos, mask, least))
            if lines and not row["upload_quality"]:  # the original may have kept its camera's save
                again = UploadSave.of_file(dataset / original).apply(photos[1])
                lines = list(_compare(photos[0], again, mask, least))
            yield from (f"{edit}: {line}" for line in lines)


def _compare(altered: Image, original: Image, mask: Mask, least: float | None) -> Iterator[str]:
    if wrong := {photo.shape[:2] for photo in (altered, original)} - {mask.shape}:
        height, width = wrong.pop()
        yield f"expected photos of the mask's {mask.shape[0]}x{mask.shape[1]}, got {height}x{width}"
        return
    changed = (altered != original).any(axis=2)
    units = _by_unit(mask)
    reach = np.kron(units, np.ones((_UNIT, _UNIT), np.uint8))[: mask.shape[0], : mask.shape[1]]
    side = 2 * _SPREAD + 1
    reach = cv2.dilate(reach, np.ones((side, side), np.uint8)) > 0
    if outside := int((changed & ~reach).sum()):
        yield f"{outside} pixels changed outside the mask"
    share = float(_by_unit(changed)[units > 0].mean()) if units.any() else 0.0
    if least is not None and share <= least:  # a median changes nothing in a flat place
        yield f"expected changes all over the mask, found some in {share:.0%} of it"


def _by_unit(mask: Mask) -> np.ndarray:
    """Returns which JPEG units hold a pixel of a mask, uint8 (units down, units across)."""
    height, width = (-(-side // _UNIT) for side in mask.shape)
    whole = np.zeros((height * _UNIT, width * _UNIT), bool)
    whole[: mask.shape[0], : mask.shape[1]] = mask
    return np.asarray(whole.reshape(height, _UNIT, width, _UNIT).any(axis=(1, 3)), np.uint8)
