"""The shards of each batch of a build, the mark that says that they are whole, and the list that joins them.

Batches are packed one by one, in any order and by any number of processes. Shards of
batch *n* are `chunk-{n + 1}-*.bin`, and its mark, `parts/batch-{n}.json`, is written after them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd

from falseflaw.dataset.files import FolderFiles
from falseflaw.dataset.shards import INDEX_NAME, index_item, join_files
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging.codec import write_atomic
from falseflaw.types import Fold

SHARD_MEGABYTES = 64
"""Size of a shard, if nobody says otherwise; a smaller batch has a smaller one."""

PARTS_FOLDER = "parts"
"""Where marks lie below the shards until all are joined."""

Item = dict[str, str]
"""Path → sha256 of an item's files; "" where nobody has noted it."""


def plan_items(rows: pd.DataFrame, layers: pd.DataFrame) -> dict[int, list[Item]]:
    """Returns the items of each batch: the members of each source, then each window of its layers.

    They depend on the rows alone, not on their order. A batch of which training reads nothing has none.

    Args:
        rows: Of the manifest; those of folds train and val count.
        layers: Rows of the list of layers.
    """
    read = rows[rows["fold"].isin([str(Fold.TRAIN), str(Fold.VAL)])]
    found: defaultdict[tuple[int, int, str, int], Item] = defaultdict(dict)
    columns = [read[name] for name in ("batch", "source_id", "path", "sha256", "region_path")]
    for batch, source, path, sha256, region in zip(*columns, strict=True):
        found[batch, 0, source, 0] |= {path: sha256} | ({region: ""} if region else {})
    names = ("batch", "source_id", "window", "path", "sha256", "flaw_path", "region_path")
    columns = [layers[name] for name in names]
    for batch, source, window, path, sha256, *masks in zip(*columns, strict=True):
        found[batch, 1, source, window] |= {path: sha256} | {mask: "" for mask in masks if mask}
    batches: dict[int, list[Item]] = {}
    for key in sorted(found):
        batches.setdefault(key[0], []).append(dict(sorted(found[key].items())))
    return batches


def pack_batch(
    files: FolderFiles, items: Sequence[Item], shards: Path, batch: int, shard_megabytes: int
) -> None:
    """Packs the items of a batch into shards of their own, and then marks it.

    Args:
        files: Where the items' files are.
        items: See `plan_items`; one or more.
        shards: Folder of all shards.
        batch: Its number.
        shard_megabytes: Size of a shard; one item that is larger has its own.

    Raises:
        InvalidDataError: A file is not the one that was built.
        UnreadableImageError: A file is missing.
        OSError: It cannot be written.
    """
    mark = _mark_path(shards, batch)
    mark.parent.mkdir(parents=True, exist_ok=True)
    # Each call has its own: what a killed build left running may be at the same batch, and writes the same.
    work = Path(tempfile.mkdtemp(prefix=f"{mark.stem}-", dir=mark.parent))
    contents = (join_files((path, _read(files, path, sha)) for path, sha in item.items()) for item in items)
    write_items(work, contents, shard_megabytes)
    index = json.loads((work / f"0.{INDEX_NAME}").read_bytes())
    for number, chunk in enumerate(index["chunks"]):
        name = f"chunk-{batch + 1}-{number}.bin"
        (work / chunk["filename"]).replace(shards / name)
        chunk["filename"] = name
    write_atomic(mark, json.dumps({"digest": _digest(items, shard_megabytes), "index": index}).encode())
    shutil.rmtree(work, ignore_errors=True)


def write_items(folder: Path, items: Iterable[bytes], shard_megabytes: int) -> Any:
    """Writes items as litdata's first worker does, `chunk-0-*.bin` and `0.index.json`; returns its writer."""
    from litdata.streaming import Cache

    cache: Any = Cache(str(folder.absolute()), chunk_bytes=shard_megabytes * 1_000_000)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="An item was larger than the target chunk size")
        for number, item in enumerate(items):
            cache[number] = item
        cache.done()
    return cache


def read_mark(
    shards: Path, batch: int, items: Sequence[Item], shard_megabytes: int
) -> Mapping[str, Any] | None:
    """Returns litdata's list of the shards of a batch; None where they are not, or not whole, or of others.

    Args:
        shards: Folder of all shards.
        batch: Its number.
        items: What they have to hold.
        shard_megabytes: Size that they have to have.
    """
    try:
        mark = json.loads(_mark_path(shards, batch).read_bytes())
        index: Mapping[str, Any] = mark["index"]
        sizes = [
            ((shards / chunk["filename"]).stat().st_size, chunk["chunk_bytes"]) for chunk in index["chunks"]
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    whole = all(size == expected for size, expected in sizes)
    return index if whole and mark["digest"] == _digest(items, shard_megabytes) else None


def pack_batches(
    files: FolderFiles,
    batches: Mapping[int, Sequence[Item]],
    output: Path,
    shard_megabytes: int = SHARD_MEGABYTES,
    bar: Callable[[Sequence[int]], Iterable[int]] = lambda batches: batches,
) -> None:
    """Packs the batches that are not packed yet; see `pack_batch`."""
    left = [n for n, items in batches.items() if read_mark(output, n, items, shard_megabytes) is None]
    for number in bar(left):
        pack_batch(files, batches[number], output, number, shard_megabytes)


def join_batches(
    batches: Mapping[int, Sequence[Item]],
    output: Path,
    digests: Mapping[str, str],
    shard_megabytes: int = SHARD_MEGABYTES,
) -> None:
    """Writes the index of packed batches, and litdata's list of all their shards last. Their marks stay.

    Args:
        batches: See `plan_items`.
        output: Folder of the shards.
        digests: See `dataset_digests`.
        shard_megabytes: Size of a shard.

    Raises:
        ConfigurationError: A batch is not packed, or not whole any more.
    """
    for pattern in ("chunk-0-*.bin", "*" + INDEX_NAME, INDEX_NAME + ".tmp"):
        for file in output.glob(pattern):
            file.unlink()
    listed = {"chunk-0-0.bin"}
    for number, items in batches.items():
        index = read_mark(output, number, items, shard_megabytes)
        if index is None:
            raise ConfigurationError(
                f"expected the shards of batch {number} in {output}, another process has changed them; "
                "run the same command again"
            )
        listed |= {chunk["filename"] for chunk in index["chunks"]}
        # As one of so many workers of litdata leaves its list, which knows them by their numbers.
        write_atomic(output / f"{number + 1}.{INDEX_NAME}", json.dumps(index).encode())
    for stray in output.glob("chunk-*.bin"):
        if stray.name not in listed:
            stray.unlink()
    index_of_all = index_item(list(chain.from_iterable(batches.values())), digests)
    write_items(output, [index_of_all], shard_megabytes).merge(len(batches) + 1)


def _mark_path(shards: Path, batch: int) -> Path:
    return shards / PARTS_FOLDER / f"batch-{batch:05d}.json"


def _digest(items: Sequence[Item], shard_megabytes: int) -> str:
    """Digest of all that the shards of a batch depend on."""
    written = json.dumps([version("litdata"), shard_megabytes, *items], sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()


def _read(files: FolderFiles, path: str, sha256: str) -> bytes:
    data = files.read(path)
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise InvalidDataError(
            f"expected {files.folder / path} as it was built, but its sha256 differs; build the dataset again"
        )
    return data
