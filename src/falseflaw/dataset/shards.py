"""Shards: a dataset's files for training, in a few large ones that `litdata` streams.

An item holds what one pair reads: a window of a source's layers with its masks, or a source's finished
members with their region. So a pair is one fetch, from a disk or from object storage. Item 0 is the index:
the item of every file, and digests of the manifest and the list of layers that the shards were packed from.
The manifest itself stays in the dataset folder.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from falseflaw.dataset.files import DatasetFiles, FolderFiles
from falseflaw.dataset.layers import LAYERS_FOLDER, LAYERS_NAME
from falseflaw.dataset.manifest import MANIFEST_NAME
from falseflaw.errors import InvalidDataError, MissingDataError, MissingExtraError, UnreadableImageError
from falseflaw.paths import find_existing
from falseflaw.provenance import file_sha256

SHARDS_FOLDER = "shards"
"""Where the shards of a dataset lie, if nobody says otherwise: below its folder."""

INDEX_NAME = "index.json"
"""litdata's list of the shards, written last."""

FORMAT = 1
_HEAD, _KEYS, _ITEMS = "head.json", "keys", "items"
_AGAIN = "pack the dataset again with `falseflaw shard`"


def require_litdata() -> None:
    """Checks that litdata is installed.

    Raises:
        MissingExtraError: It is not.
    """
    if importlib.util.find_spec("litdata") is None:
        raise MissingExtraError(
            "expected the extra streaming for shards, which is not installed; "
            "install it: pip install 'falseflaw[streaming]'"
        )


def dataset_digests(dataset: Path) -> dict[str, str]:
    """Returns the sha256 of the files that say what a dataset holds; "" for what it does not have."""
    files = {name: dataset / name for name in (MANIFEST_NAME, LAYERS_NAME)}
    return {name: file_sha256(file) if file.is_file() else "" for name, file in files.items()}


def join_files(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Returns an item: the length of a head, the head (names and sizes as JSON), and the files."""
    names, contents = [], []
    for name, content in files:
        names.append([name, len(content)])
        contents.append(content)
    head = json.dumps(names).encode()
    return b"".join([len(head).to_bytes(4, "little"), head, *contents])


def split_files(item: bytes) -> dict[str, memoryview]:
    """Returns the files of an item by name.

    Raises:
        ValueError: It is none, or is not whole.
    """
    view, start = memoryview(item), 4 + int.from_bytes(item[:4], "little")
    result = {}
    for name, size in json.loads(item[4:start]):
        result[str(name)] = view[start : start + size]
        start += size
    if start != len(item):
        raise ValueError(f"expected {start} bytes, got {len(item)}")
    return result


def index_item(items: Sequence[Iterable[str]], digests: Mapping[str, str]) -> bytes:
    """Returns item 0.

    Args:
        items: Paths of each item's files, from item 1 on.
        digests: See `dataset_digests`.
    """
    keys = np.array([_key(path) for paths in items for path in paths], np.uint64)
    numbers = np.array([number for number, paths in enumerate(items, 1) for _ in paths], np.uint32)
    order = np.argsort(keys, kind="stable")
    head = json.dumps({"format": FORMAT, "digests": dict(digests)}).encode()
    return join_files(
        [
            (_HEAD, head),
            (_KEYS, keys[order].astype("<u8").tobytes()),
            (_ITEMS, numbers[order].astype("<u4").tobytes()),
        ]
    )


class ShardFiles:
    """The files of a dataset, read from its shards; each process opens them anew.

    In memory lie twelve bytes a file, and the item that was read last.
    """

    def __init__(self, shards: str, dataset: Path) -> None:
        """Opens shards and checks that they are whole and this dataset's.

        Args:
            shards: Their folder, or a URL that litdata reads (`s3://`, `gs://` ...).
            dataset: Folder of the dataset's manifest.

        Raises:
            MissingExtraError: litdata is not installed.
            MissingDataError: No shards there.
            InvalidDataError: They are not whole, or those of another dataset.
        """
        require_litdata()
        self.shards = shards if "://" in shards else str(_whole(shards))
        self._opened: tuple[int, Any] | None = None
        self._last: tuple[int, dict[str, memoryview]] = (-1, {})
        try:
            files = self._item(0)
            head = json.loads(bytes(files[_HEAD]))
            self._keys: NDArray[np.uint64] = np.frombuffer(bytes(files[_KEYS]), "<u8")
            self._items: NDArray[np.uint32] = np.frombuffer(bytes(files[_ITEMS]), "<u4")
            known, digests = head["format"], head["digests"]
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidDataError(
                f"expected a dataset's shards in {shards}, got others; {_AGAIN}"
            ) from error
        if known != FORMAT:
            raise InvalidDataError(f"expected shards of format {FORMAT} in {shards}, got {known}; {_AGAIN}")
        now = dataset_digests(dataset)
        if changed := [name for name in now if digests.get(name) != now[name]]:
            raise InvalidDataError(
                f"expected shards packed from {dataset / changed[0]}, but those in {shards} are of another "
                f"dataset, or of an earlier state of it; {_AGAIN}"
            )

    def read(self, path: str) -> bytes:
        """Returns the bytes of a file, see `DatasetFiles.read`."""
        found = self._last[1].get(path)
        if found is None:
            key = np.uint64(_key(path))
            first, end = (int(np.searchsorted(self._keys, key, side)) for side in ("left", "right"))
            for number in self._items[first:end].tolist():  # more than one where digests are equal by chance
                found = self._item(number).get(path)
                if found is not None:
                    break
        if found is None:
            raise UnreadableImageError(
                f"cannot read {path}: it is not in {self.shards}, which hold folds train and val alone"
            )
        return bytes(found)

    def _item(self, number: int) -> dict[str, memoryview]:
        """Returns the files of an item."""
        if self._last[0] != number:
            try:
                self._last = number, split_files(bytes(self._reader()[number]))
            except Exception as error:  # litdata, and what it fetches with, raise many kinds
                reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
                raise InvalidDataError(
                    f"cannot read item {number} of the shards in {self.shards}: {reason}; "
                    "copy them or pack the dataset again"
                ) from error
        return self._last[1]

    def _reader(self) -> Any:
        """Returns litdata's reader, one for each process: connections and maps outlive no fork."""
        if self._opened is None or self._opened[0] != os.getpid():
            from litdata import StreamingDataset

            # Without a window of items that are decoded together: pairs come from all over the shards.
            self._opened = os.getpid(), StreamingDataset(self.shards, batch_decode=0)
        return self._opened[1]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None, "_last": (-1, {})}


def open_shards(shards: str, dataset: Path) -> ShardFiles:
    """Returns the files in shards at a URL, or in a folder relative to the working directory or the clone.

    Raises:
        MissingDataError: No shards there.
        InvalidDataError: See `ShardFiles`.
        MissingExtraError: litdata is not installed.
    """
    if "://" not in shards:
        hint = f"pack the dataset with `falseflaw shard dataset={dataset}`"
        shards = str(find_existing(shards, "shards", hint))
    return ShardFiles(shards, dataset)


def open_files(dataset: Path, shards: str | None = None) -> DatasetFiles:
    """Returns the files that training reads of a dataset.

    Args:
        dataset: Its folder.
        shards: Where its shards are, see `open_shards`. None: its files one by one, or where a build left its
            layers in the dataset's own shards alone, those.

    Raises:
        MissingDataError: No shards there.
        InvalidDataError: See `ShardFiles`.
        MissingExtraError: litdata is not installed.
    """
    if shards is not None:
        return open_shards(shards, dataset)
    own = dataset / SHARDS_FOLDER
    bare = (dataset / LAYERS_NAME).is_file() and not (dataset / LAYERS_FOLDER).is_dir()
    return ShardFiles(str(own), dataset) if bare and own.is_dir() else FolderFiles(dataset)


def read_index(folder: Path) -> list[dict[str, Any]] | None:
    """Returns what litdata's list says of each shard in a folder; None where none is, or not a whole one."""
    try:
        chunks = json.loads((folder / INDEX_NAME).read_bytes())["chunks"]
        return [
            {"filename": str(each["filename"]), "chunk_bytes": int(each["chunk_bytes"])} for each in chunks
        ]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _whole(shards: str) -> Path:
    """Returns the folder of shards, each of which has its size."""
    folder = Path(shards).absolute()
    chunks = read_index(folder)
    if chunks is None:
        raise MissingDataError(
            f"expected whole shards in {shards}, but {INDEX_NAME}, which is written last, is not there "
            f"or broken; {_AGAIN}"
        )
    for chunk in chunks:
        file = folder / chunk["filename"]
        size = file.stat().st_size if file.is_file() else 0
        if size != chunk["chunk_bytes"]:
            raise InvalidDataError(
                f"expected {chunk['chunk_bytes']} bytes in {file}, got {size}; copy it again, or {_AGAIN}"
            )
    return folder


def _key(path: str) -> int:
    return int.from_bytes(hashlib.blake2b(path.encode(), digest_size=8).digest(), "little")
