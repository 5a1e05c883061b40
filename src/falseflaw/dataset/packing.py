"""Packs a dataset's files for training into shards; see `shards` for what they are."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falseflaw.claim import claim
from falseflaw.dataset.files import FolderFiles
from falseflaw.dataset.layers import read_layers
from falseflaw.dataset.manifest import read_manifest
from falseflaw.dataset.shards import (
    INDEX_NAME,
    ShardFiles,
    dataset_digests,
    index_item,
    join_files,
    read_index,
    require_litdata,
)
from falseflaw.errors import ConfigurationError, FalseFlawError, InvalidDataError
from falseflaw.types import Fold

_OWN = ("chunk-*.bin", "*" + INDEX_NAME, INDEX_NAME + ".tmp")
"""What litdata writes into a folder of shards."""

Item = dict[str, str]
"""Path → sha256 of an item's files; "" where nobody has noted it."""


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
    shard_megabytes: int = 64,
    overwrite: bool = False,
    bar: Callable[[Iterable[Item], int], Iterable[Item]] = lambda items, total: items,
) -> Packed:
    """Packs what training reads of a dataset: members of folds train and val, all layers, and their masks.

    The list of shards is written last, so that a packing that was killed is never taken for a whole one; the
    next one begins anew.

    Args:
        dataset: Folder of the dataset.
        output: Folder of the shards; new, empty, or one of shards.
        shard_megabytes: Size of a shard; one item that is larger has its own.
        overwrite: Whether shards of another dataset, or of an earlier state of this one, may go.
        bar: Shows progress over items.

    Raises:
        MissingExtraError: litdata is not installed.
        MissingDataError: No dataset there.
        InvalidDataError: A file of it is not the one that was built.
        UnreadableImageError: A file of it is missing.
        ConfigurationError: The folder is another process's, holds something else, or cannot be written to.
    """
    require_litdata()
    if not 1 <= shard_megabytes <= 2048:  # litdata counts a shard's bytes in 32 bits
        raise ConfigurationError(f"expected shard_megabytes from 1 to 2048, got {shard_megabytes}")
    items = plan_items(dataset)
    claim(output)
    counts = sum(map(len, items)), len(items)
    if _stands(dataset, output, overwrite):
        return Packed(*counts, *_size(output), anew=False)
    try:
        _clear(output)
        _write(FolderFiles(dataset), items, dataset_digests(dataset), output, shard_megabytes, bar)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write shards to {output}: {error.strerror or error}; mend that or choose another output"
        ) from error
    return Packed(*counts, *_size(output), anew=True)


def plan_items(dataset: Path) -> list[Item]:
    """Returns the files of each item: the members of each source, then each window of its layers.

    Raises:
        MissingDataError: No dataset there.
        InvalidDataError: Its manifest or its list of layers is broken.
    """
    rows, layers = read_manifest(dataset), read_layers(dataset)
    rows = rows[rows["fold"].isin([str(Fold.TRAIN), str(Fold.VAL)])]
    members: dict[str, Item] = {}
    columns = [rows[name] for name in ("source_id", "path", "sha256", "region_path")]
    for source, path, sha256, region in zip(*columns, strict=True):
        members.setdefault(source, {}).update({path: sha256} | ({region: ""} if region else {}))
    windows: dict[tuple[str, int], Item] = {}
    columns = [layers[name] for name in ("source_id", "window", "path", "sha256", "flaw_path", "region_path")]
    for source, window, path, sha256, *masks in zip(*columns, strict=True):
        windows.setdefault((source, window), {}).update({path: sha256} | {mask: "" for mask in masks if mask})
    return [*members.values(), *windows.values()]


def _stands(dataset: Path, output: Path, overwrite: bool) -> bool:
    """Returns whether this dataset's shards are there already; refuses to write over what is not to go."""
    own = {path.name for pattern in _OWN for path in output.glob(pattern)}
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
    for pattern in _OWN:
        for file in output.glob(pattern):
            file.unlink()


def _write(
    files: FolderFiles,
    items: Sequence[Item],
    digests: dict[str, str],
    output: Path,
    shard_megabytes: int,
    bar: Callable[[Iterable[Item], int], Iterable[Item]],
) -> None:
    from litdata.streaming import Cache

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="An item was larger than the target chunk size")
        cache: Any = Cache(str(output.absolute()), chunk_bytes=shard_megabytes * 1_000_000)
        cache[0] = index_item(items, digests)
        for number, item in enumerate(bar(items, len(items)), 1):
            cache[number] = join_files((path, _read(files, path, sha256)) for path, sha256 in item.items())
        cache.done()
        cache.merge()


def _read(files: FolderFiles, path: str, sha256: str) -> bytes:
    data = files.read(path)
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise InvalidDataError(
            f"expected {files.folder / path} as it was built, but its sha256 differs; build the dataset again"
        )
    return data


def _size(output: Path) -> tuple[int, int]:
    chunks = json.loads((output / INDEX_NAME).read_bytes())["chunks"]
    return len(chunks), sum(chunk["chunk_bytes"] for chunk in chunks)
