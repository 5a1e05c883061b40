"""Photos of the manifest under every laundering of a suite, made ahead of the model in processes apart.

A worker imports this module and the launderings, neither torch nor pandas. Pictures come back pickled: 2 to
3 ms for a photo of 533 x 400, of which shared memory would save 0.7, and nothing stays behind when all is
killed. The model needs some 70 ms of a core for the same photo.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from falseflaw.errors import InvalidDataError, UnreadableImageError
from falseflaw.imaging import codec
from falseflaw.imaging.laundering.base import Laundering, launder
from falseflaw.machine import StageTimer
from falseflaw.types import Image, Mask
from falseflaw.workers import WorkerPool, lost_workers

_NEEDED = ("path", "sha256", "mask_path")
_AHEAD = 2  # rows under way or done, for each worker: the model never waits, and memory stays bounded
_suite: tuple[Path, Sequence[Laundering]]  # of a worker, set once when it starts


def laundered(
    dataset: Path,
    rows: Sequence[Mapping[str, Any]],
    suite: Sequence[Laundering],
    chosen: Sequence[Sequence[int]],
    workers: int,
    timer: StageTimer,
) -> Generator[list[tuple[Image, Mask]], None, None]:
    """Yields photo and mask of each row under each of its launderings, in the order of both.

    Close the generator to end the workers: they finish the row in hand and leave through `atexit`, so that a
    laundering may keep a browser open. Should this process be killed, they end themselves at once.

    Args:
        dataset: Folder that the paths are relative to.
        rows: With `path`, `sha256` and `mask_path`, as in the manifest.
        suite: Launderings; picklable where there are workers.
        chosen: Of each row, the positions of those to apply.
        workers: Processes; 0 works in this one. The pixels do not depend on it.
        timer: Gets the seconds of `decode` and `launder`, summed over the workers.

    Raises:
        InvalidDataError: See `load_row`.
        WorkerLostError: A worker was killed.
    """
    if workers == 0:
        for row, positions in zip(rows, chosen, strict=True):
            yield _launder(dataset, row, [suite[position] for position in positions], timer)
        return
    pending: deque[Future[tuple[list[tuple[Image, Mask]], dict[str, float]]]] = deque()
    submitted = 0
    with lost_workers("launders photos"), WorkerPool(workers, _start, (dataset, suite)) as pool:
        for done in range(len(rows)):
            for row in rows[submitted : done + _AHEAD * workers]:
                needed = {name: row[name] for name in _NEEDED}
                pending.append(pool.submit(_work, needed, tuple(chosen[submitted])))
                submitted += 1
            photos, seconds = pending.popleft().result()
            timer.add(seconds)
            yield photos


def load_row(dataset: Path, row: Mapping[str, Any]) -> tuple[Image, Mask]:
    """Reads the photo of a manifest row and its true mask, empty where nothing was altered.

    Raises:
        InvalidDataError: A file is missing, broken or not the one that the manifest describes.
    """
    advice = "build the dataset again with `falseflaw synthesize`"
    path = dataset / row["path"]
    try:
        data = path.read_bytes()
        if (found := hashlib.sha256(data).hexdigest()) != row["sha256"]:
            raise InvalidDataError(
                f"expected {path} with sha256 {row['sha256'][:12]}…, got {found[:12]}…; {advice}"
            )
        image = codec.decode(data, str(path))
        mask = (
            codec.read_mask(dataset / row["mask_path"])
            if row["mask_path"]
            else np.zeros(image.shape[:2], bool)
        )
    except (OSError, UnreadableImageError) as error:
        reason = (
            str(error) if isinstance(error, UnreadableImageError) else f"cannot read {path}: {error.strerror}"
        )
        raise InvalidDataError(f"{reason}; {advice}") from error
    if mask.shape != image.shape[:2]:
        raise InvalidDataError(
            f"expected the mask of {path} as {image.shape[:2]}, got {mask.shape}; {advice}"
        )
    if bool(row["mask_path"]) != bool(mask.any()):
        raise InvalidDataError(f"expected a mask with pixels for {path}, got an empty one; {advice}")
    return image, mask


def _launder(
    dataset: Path, row: Mapping[str, Any], suite: Sequence[Laundering], timer: StageTimer
) -> list[tuple[Image, Mask]]:
    """Decodes a row once and launders it in every way."""
    with timer("decode"):
        image, mask = load_row(dataset, row)
    with timer("launder"):
        return [launder(item, image, mask, row["sha256"]) for item in suite]


def _start(dataset: Path, suite: Sequence[Laundering]) -> None:
    """Prepares a worker."""
    global _suite
    _suite = dataset, suite


def _work(
    row: Mapping[str, Any], positions: Sequence[int]
) -> tuple[list[tuple[Image, Mask]], dict[str, float]]:
    timer = StageTimer()
    photos = _launder(_suite[0], row, [_suite[1][position] for position in positions], timer)
    return photos, timer.take()
