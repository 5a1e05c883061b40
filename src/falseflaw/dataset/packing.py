"""Packs a dataset's files for training into shards, batch by batch; see `shards` for what they are."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from falseflaw.claim import claim
from falseflaw.dataset.batch_shards import (
    PARTS_FOLDER,
    SHARD_MEGABYTES,
    join_batches,
    pack_batches,
    plan_items,
)
from falseflaw.dataset.files import FolderFiles
from falseflaw.dataset.layers import LAYERS_FOLDER, read_layers
from falseflaw.dataset.manifest import read_manifest
from falseflaw.dataset.shards import (
    INDEX_NAME,
    ShardFiles,
    dataset_digests,
    read_index,
    require_litdata,
)
from falseflaw.errors import ConfigurationError, FalseFlawError

_OWN = ("chunk-*.bin", "*" + INDEX_NAME, INDEX_NAME + ".tmp")
"""What litdata writes into a folder of shards."""


@dataclass(frozen=True)
class Packed:
    """What was packed.

    Attributes:
        files: Number of files.
        items: Number of items, the index not counted.
        shards: Number of shards.
        bytes: Of all shards.
        anew: Whether they were packed now; else they were there.
    """

    files: int
    items: int
    shards: int
    bytes: int
    anew: bool


def pack(
    dataset: Path,
    output: Path,
    shard_megabytes: int = SHARD_MEGABYTES,
    overwrite: bool = False,
    bar: Callable[[Sequence[int]], Iterable[int]] = lambda batches: batches,
) -> Packed:
    """Packs what training reads of a dataset: members of folds train and val, all layers, and their masks.

    The list of shards is written last, so that a packing that was killed is never taken for a whole one; the
    next one goes on with the batches that are left.

    Args:
        dataset: Folder of the dataset.
        output: Folder of the shards; new, empty, or one of shards.
        shard_megabytes: Size of a shard; one item that is larger has its own, and no two batches share one.
        overwrite: Whether shards of another dataset, or of an earlier state of this one, may go.
        bar: Shows progress over batches.

    Raises:
        MissingExtraError: litdata is not installed.
        MissingDataError: No dataset there.
        InvalidDataError: A file of it is not the one that was built.
        UnreadableImageError: A file of it is missing.
        ConfigurationError: The folder is another process's, holds something else, or cannot be written to; or
            the dataset's layers are in its shards alone.
    """
    require_litdata()
    if not 1 <= shard_megabytes <= 2048:  # litdata counts a shard's bytes in 32 bits
        raise ConfigurationError(f"expected shard_megabytes from 1 to 2048, got {shard_megabytes}")
    layers = read_layers(dataset)
    batches = plan_items(read_manifest(dataset), layers)
    items = list(chain.from_iterable(batches.values()))
    claim(output)
    counts = sum(map(len, items)), len(items)
    if _stands(dataset, output, overwrite):
        shutil.rmtree(output / PARTS_FOLDER, ignore_errors=True)
        return Packed(*counts, *_size(output), anew=False)
    if len(layers) and not (dataset / LAYERS_FOLDER).is_dir():
        raise ConfigurationError(
            f"expected layers in {dataset / LAYERS_FOLDER}, but a build with pack=true leaves them in the "
            "dataset's shards alone; copy those, or build the dataset again"
        )
    try:
        if read_index(output) is not None:
            _clear(output)
        pack_batches(FolderFiles(dataset), batches, output, shard_megabytes, bar)
        join_batches(batches, output, dataset_digests(dataset), shard_megabytes)
        shutil.rmtree(output / PARTS_FOLDER, ignore_errors=True)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write shards to {output}: {error.strerror or error}; mend that or choose another output"
        ) from error
    return Packed(*counts, *_size(output), anew=True)


def _stands(dataset: Path, output: Path, overwrite: bool) -> bool:
    """Returns whether this dataset's shards are there already; refuses to write over what is not to go."""
    own = {PARTS_FOLDER} | {path.name for pattern in _OWN for path in output.glob(pattern)}
    if others := sorted({path.name for path in output.iterdir()} - own):
        raise ConfigurationError(
            f"expected an empty folder or one of shards in {output}, found {others[0]}; choose another output"
        )
    if read_index(output) is None:
        return False
    try:
        ShardFiles(str(output), dataset)
    except FalseFlawError as error:
        if not overwrite:
            raise ConfigurationError(
                f"expected an empty folder or this dataset's shards in {output}, found those of another "
                "dataset or state of it, or broken ones; choose another output or pass overwrite=true"
            ) from error
        return False
    return True


def _clear(output: Path) -> None:
    (output / INDEX_NAME).unlink(missing_ok=True)  # first: without it the rest is not taken for whole
    shutil.rmtree(output / PARTS_FOLDER, ignore_errors=True)
    for pattern in _OWN:
        for file in output.glob(pattern):
            file.unlink()


def _size(output: Path) -> tuple[int, int]:
    chunks = json.loads((output / INDEX_NAME).read_bytes())["chunks"]
    return len(chunks), sum(chunk["chunk_bytes"] for chunk in chunks)
