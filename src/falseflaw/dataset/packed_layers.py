"""The shards that a build packs batch by batch, and that alone keep its layers in the end."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from falseflaw.dataset.batch_shards import (
    PARTS_FOLDER,
    SHARD_MEGABYTES,
    Item,
    join_batches,
    pack_batch,
    pack_batches,
    plan_items,
    read_mark,
)
from falseflaw.dataset.files import FolderFiles
from falseflaw.dataset.layers import LAYER_SCHEMA, LAYERS_FOLDER
from falseflaw.dataset.manifest import MANIFEST_NAME, SCHEMA
from falseflaw.dataset.shards import SHARDS_FOLDER, dataset_digests

Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class PackedLayers:
    """The shards of a dataset while it is built; each process packs the batches that it made.

    Attributes:
        dataset: The dataset's folder.
    """

    dataset: Path

    @property
    def folder(self) -> Path:
        """Where they lie."""
        return self.dataset / SHARDS_FOLDER

    def add(self, rows: Rows, layers: Rows) -> None:
        """Packs what training reads of a batch, whose files must be there.

        Args:
            rows: Of the manifest.
            layers: Rows of layers.

        Raises:
            InvalidDataError: A file is not the one that was noted.
            OSError: They cannot be written.
        """
        for batch, items in _items(rows, layers).items():
            pack_batch(FolderFiles(self.dataset), items, self.folder, batch, SHARD_MEGABYTES)

    def hold(self, rows: Rows, layers: Rows) -> bool:
        """Returns whether a batch is packed."""
        return all(
            read_mark(self.folder, batch, items, SHARD_MEGABYTES) is not None
            for batch, items in _items(rows, layers).items()
        )

    def finish(self, rows: pd.DataFrame, layers: pd.DataFrame, manifest: bytes) -> None:
        """Joins all batches, packs those that a former call left plain, and removes the files of layers.

        Args:
            rows: Of the manifest.
            layers: Rows of the list of layers, whose file stands.
            manifest: The manifest's file, which may come after the shards.

        Raises:
            InvalidDataError: A file is not the one that was noted.
            OSError: They cannot be written.
        """
        batches = plan_items(rows, layers)
        pack_batches(FolderFiles(self.dataset), batches, self.folder)
        digests = dataset_digests(self.dataset) | {MANIFEST_NAME: hashlib.sha256(manifest).hexdigest()}
        join_batches(batches, self.folder, digests)
        shutil.rmtree(self.dataset / LAYERS_FOLDER, ignore_errors=True)

    def remove_marks(self) -> None:
        """Removes the records of the batches, once the manifest holds them all."""
        shutil.rmtree(self.folder / PARTS_FOLDER, ignore_errors=True)


def _items(rows: Rows, layers: Rows) -> dict[int, list[Item]]:
    """Returns what of a batch is packed, by its number; nothing where training reads nothing of it."""
    tables = ((rows, SCHEMA), (layers, LAYER_SCHEMA))
    return plan_items(
        *(pa.Table.from_pylist(list(part), schema=schema).to_pandas() for part, schema in tables)
    )
