"""Finds photos that show the same shot twice, so that their contributors share a fold.

Fingerprint: the 256-bit difference hash of Krawetz (2013, "Kind of like that"): the photo is shrunk to
17 x 16 gray cells and each bit says whether a cell is brighter than its left neighbor. It survives
recompression and resizing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pil
from tqdm import tqdm

from falseflaw.errors import UnreadableImageError
from falseflaw.imaging.codec import write_atomic
from falseflaw.photos.source import FileSource, Photo, file_of
from falseflaw.types import Image

_Name = TypeVar("_Name", str, tuple[str, str])

BITS = 256
MAX_DISTANCE = 10
"""Hamming distance up to which two fingerprints are the same shot."""

MIN_MINORITY = 32
"""A fingerprint with fewer zeros or fewer ones is of a flat photo and says nothing."""

_SIDE = 16
_VERSION = 1
"""Part of the cache's name: raise it when the fingerprint changes."""


def fingerprint(image: Image) -> bytes:
    """Returns the 256-bit difference hash of an image (H, W, 3) as 32 bytes."""
    gray = Pil.fromarray(image).convert("L").resize((_SIDE + 1, _SIDE), Pil.Resampling.BOX)
    cells = np.asarray(gray, dtype=np.int16)  # (16, 17)
    return np.packbits(cells[:, 1:] > cells[:, :-1]).tobytes()


def fingerprints(
    source: FileSource, photos: Sequence[Photo], cache_dir: Path | None, progress: bool = True
) -> dict[str, bytes]:
    """Returns the fingerprint of every readable photo, from the cache where its file has not changed.

    A file counts as unchanged if its size is. A broken cache is rebuilt; unreadable or rendered photos are
    left out.
    """
    photos = [photo for photo in photos if file_of(source, photo) is not None]
    cache = None if cache_dir is None else cache_dir / f"fingerprints_{source.name}_v{_VERSION}.json"
    known = _read_cache(cache)
    keys = {photo.photo_id: _key(source, photo) for photo in photos}
    missing = [photo for photo in photos if keys[photo.photo_id] not in known]
    if missing:
        with ThreadPoolExecutor(4) as pool:  # Pillow decodes outside the interpreter lock
            results = pool.map(lambda photo: _fingerprint_or_none(source, photo), missing)
            shown = progress and len(missing) >= 200
            bar = tqdm(results, "near-duplicates", total=len(missing), unit="photo", disable=not shown)
            for photo, value in zip(missing, bar, strict=True):
                known[keys[photo.photo_id]] = value
        if cache is not None:
            with suppress(OSError):  # on a read-only mount they are taken anew each time
                write_atomic(cache, json.dumps(known, sort_keys=True).encode())
    return {photo_id: bytes.fromhex(value) for photo_id, key in keys.items() if (value := known[key])}


def join(members: Iterable[tuple[_Name, bytes]], max_distance: int = MAX_DISTANCE) -> dict[_Name, _Name]:
    """Joins contributors that share a near-duplicate photo.

    Args:
        members: Contributor and fingerprint, one pair a photo.
        max_distance: Hamming distance up to which two photos count as the same shot.

    Returns:
        Contributor → group, the smallest contributor among those joined.
    """
    pairs = list(members)
    parent = {contributor: contributor for contributor, _ in pairs}

    def root(contributor: _Name) -> _Name:
        while parent[contributor] != contributor:
            parent[contributor] = parent[parent[contributor]]
            contributor = parent[contributor]
        return contributor

    for first, second in near_pairs([value for _, value in pairs], max_distance):
        low, high = sorted((root(pairs[first][0]), root(pairs[second][0])))
        parent[high] = low
    return {contributor: root(contributor) for contributor in parent}


def near_pairs(values: Sequence[bytes], max_distance: int = MAX_DISTANCE) -> list[tuple[int, int]]:
    """Returns the index pairs of fingerprints at most `max_distance` apart, flat ones left out."""
    if not values:
        return []
    words = np.frombuffer(b"".join(values), dtype=np.uint64).reshape(len(values), BITS // 64)
    ones = np.bitwise_count(words).sum(axis=1, dtype=np.int64)
    telling: NDArray[np.int64] = np.flatnonzero((ones >= MIN_MINORITY) & (ones <= BITS - MIN_MINORITY))
    found: list[tuple[int, int]] = []
    for place, index in enumerate(telling[:-1]):
        later = telling[place + 1 :]
        distance = np.bitwise_count(words[later] ^ words[index]).sum(axis=1, dtype=np.int64)
        found += [(int(index), int(other)) for other in later[distance <= max_distance]]
    return found


def _fingerprint_or_none(source: FileSource, photo: Photo) -> str:
    try:
        return fingerprint(source.load(photo)).hex()
    except UnreadableImageError:  # reported where the photo is used
        return ""


def _key(source: FileSource, photo: Photo) -> str:
    path = source.path(photo)
    try:
        return f"{photo.photo_id}:{path.stat().st_size}"
    except OSError:
        return f"{photo.photo_id}:missing:{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


def _read_cache(path: Path | None) -> dict[str, str]:
    if path is None:
        return {}
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {
        key: value
        for key, value in content.items()
        # A photo that could not be read may be readable by now: what reads HEIC was installed.
        if isinstance(value, str) and len(value) == BITS // 4 and _is_hex(value)
    }


def _is_hex(value: str) -> bool:
    try:
        bytes.fromhex(value)
    except ValueError:
        return False
    return True
