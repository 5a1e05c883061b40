"""The folder of a dataset while it is built: who may write into it, and which batches are done.

A batch counts as done once its part file stands, which is written after its images. The manifest is
written last, when everything else is there, and then the part files go.
"""

from __future__ import annotations

import io
import json
import platform
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from falseflaw.dataset.layers import LAYER_SCHEMA, LAYERS_FOLDER, LAYERS_NAME, table_of
from falseflaw.dataset.manifest import MANIFEST_NAME, SCHEMA
from falseflaw.dataset.packed_layers import PackedLayers
from falseflaw.dataset.shards import SHARDS_FOLDER
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging.codec import write_atomic

CONFIG_NAME = "config.yaml"
DATASHEET_NAME = "DATASHEET.md"
SHEET_NAME = "contact_sheet.png"
AUDIT_NAME = "audit.json"
CROISSANT_NAME = "croissant.json"
_UNREADABLE = (OSError, pa.ArrowInvalid, KeyError, TypeError, ValueError)
"""What reading a part that is gone, torn or foreign raises."""

_SHOWN_SKIPS = 20
"""Sources that a datasheet tells one by one."""

_FOLDERS = ("images", "masks", LAYERS_FOLDER, "parts", SHARDS_FOLDER)
_FILES = (
    MANIFEST_NAME,
    LAYERS_NAME,
    AUDIT_NAME,
    CROISSANT_NAME,
    DATASHEET_NAME,
    SHEET_NAME,
    CONFIG_NAME,
)


@dataclass(frozen=True)
class Skipped:
    """A source that could not be used, and why in one line."""

    source_id: str
    reason: str


def skipped_text(skipped: Sequence[Skipped]) -> str:
    """Returns how many sources were left out, and why the first of them."""
    if not skipped:
        return "none."
    shown = "".join(f"\n- `{entry.source_id}`: {entry.reason}" for entry in skipped[:_SHOWN_SKIPS])
    rest = len(skipped) - _SHOWN_SKIPS
    return f"{len(skipped)}.\n{shown}" + (f"\n- and {rest} more" if rest > 0 else "")


def calls_itself_reference(dataset: Path) -> bool:
    """Returns whether a dataset was built with `reference=true`: its audit asks more of it."""
    return DatasetFolder(dataset).read_config().get("reference") is True


@dataclass(frozen=True)
class Part:
    """What one finished batch left: manifest rows and the sources that were skipped.

    Attributes:
        batch: Its number.
        rows: Manifest rows.
        skipped: Sources that were left out.
        layers: Rows of layers; read back by `join_layers` alone.
        seconds: Seconds by stage spent since the last part; not kept in the file.
    """

    batch: int
    rows: list[dict[str, Any]]
    skipped: list[Skipped]
    layers: list[dict[str, Any]] = field(default_factory=list)
    seconds: Mapping[str, float] = field(default_factory=dict)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Words a failure to write into the dataset folder as one line.

    Raises:
        ConfigurationError: The disk is full, the folder is read-only, and so on.
    """
    try:
        yield
    except OSError as error:
        raise ConfigurationError(
            f"cannot write the dataset to {path}: {error.strerror or error}; "
            "mend that and run the same command again to go on"
        ) from error


@dataclass(frozen=True)
class DatasetFolder:
    """A dataset folder that this build may write.

    Attributes:
        path: The folder.
        packed: What keeps the layers of each batch as soon as it is done; None: files, one by one.
    """

    path: Path
    packed: PackedLayers | None = None

    @classmethod
    def claim(
        cls, path: Path, config: Mapping[str, Any], overwrite: bool, pack: bool = False
    ) -> DatasetFolder:
        """Takes a new or empty folder, or one that was started with the same configuration.

        Args:
            path: The folder.
            config: What the images depend on, of plain types; it has `config_hash`.
            overwrite: Whether to throw away a dataset that is there.
            pack: Whether its layers go into shards.

        Raises:
            ConfigurationError: The folder holds something else.
        """
        folder = cls(path, PackedLayers(path) if pack else None)
        if path.exists() and not path.is_dir():
            raise ConfigurationError(f"expected a folder for the dataset, got the file {path}")
        with writing(path):
            folder._make_room(config, overwrite)
            folder._begin(config)
        return folder

    def _make_room(self, config: Mapping[str, Any], overwrite: bool) -> None:
        """Clears a dataset that may go; refuses what may not."""
        found = {entry.name for entry in self.path.iterdir()} if self.path.is_dir() else set()
        found = {name for name in found if not name.endswith(".partial")}
        before = self.read_config()
        if found and "config_hash" not in before:
            raise ConfigurationError(
                f"expected an empty folder or a dataset in {self.path}, found {min(found)}; choose another"
            )
        same = before.get("config_hash") == config["config_hash"]
        if overwrite or not (same or self.started):
            self._clear()
        elif not same:
            raise ConfigurationError(
                f"{self.path} was built with another configuration ({_difference(before, config)}); "
                "choose another output or pass overwrite=true"
            )

    def _begin(self, config: Mapping[str, Any]) -> None:
        path = self.path
        path.mkdir(parents=True, exist_ok=True)
        if not (path / CONFIG_NAME).exists():  # first: a folder without it is taken for somebody else's
            write_atomic(path / CONFIG_NAME, yaml.safe_dump(dict(config), sort_keys=False).encode())
        for name in ("images", "masks"):
            (path / name).mkdir(exist_ok=True)
        self.remove_strays()

    @property
    def started(self) -> bool:
        """Whether a batch is done."""
        return self.complete or any(self.path.glob("parts/batch-*.parquet"))

    @property
    def complete(self) -> bool:
        """Whether the dataset is finished."""
        return (self.path / MANIFEST_NAME).is_file()

    def read_config(self) -> dict[str, Any]:
        """Returns what `claim` wrote; empty when it cannot be read."""
        try:
            values = yaml.safe_load((self.path / CONFIG_NAME).read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError):
            return {}
        return values if isinstance(values, dict) else {}

    def write_part(self, part: Part) -> None:
        """Records a batch as done; its images must be written. Packs it, where that is asked for."""
        if self.packed is not None:
            self.packed.add(part.rows, part.layers)
        notes = [[entry.source_id, entry.reason] for entry in part.skipped]
        if part.layers:
            write_atomic(self._layers_path(part.batch), table_of(part.layers))
        schema = SCHEMA.with_metadata({"skipped": json.dumps(notes), "layers": str(len(part.layers))})
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(part.rows, schema=schema), buffer)
        write_atomic(self._part_path(part.batch), buffer.getvalue())
        if self.packed is not None:
            for path in _files_of(part.layers):
                (self.path / path).unlink(missing_ok=True)

    def read_part(self, batch: int) -> Part | None:
        """Returns a finished batch; None if it is not done, or its part or a file of it is gone."""
        try:
            table, skipped = self._read(batch)
            layers = self._read_layers(batch, table).to_pylist()
        except _UNREADABLE:
            return None
        rows = table.to_pylist()
        packed = self.packed is not None and self.packed.hold(rows, layers)
        listed = _files_of(rows) if packed else _files_of([*rows, *layers])
        if not all((self.path / path).is_file() for path in listed):
            return None
        return Part(batch, rows, skipped, layers)

    def join_parts(self, batches: Iterable[int]) -> tuple[pd.DataFrame, list[Skipped]]:
        """Returns the rows of finished batches and the sources that were left out.

        Raises:
            InvalidDataError: A part is gone or broken.
        """
        tables, skipped = [SCHEMA.empty_table()], []
        for batch in batches:
            try:
                table, notes = self._read(batch)
            except _UNREADABLE as error:
                raise InvalidDataError(
                    f"expected the finished batch {batch} in {self._part_path(batch)}, cannot read it; "
                    "run the same command again to make it anew"
                ) from error
            tables.append(table.replace_schema_metadata(None))
            skipped.extend(notes)
        return pa.concat_tables(tables).to_pandas(), skipped

    def join_layers(self, batches: Iterable[int]) -> pd.DataFrame:
        """Returns the layers of finished batches.

        Raises:
            InvalidDataError: A part is gone or broken.
        """
        tables = [LAYER_SCHEMA.empty_table()]
        for batch in batches:
            try:
                tables.append(self._read_layers(batch, self._read(batch)[0]))
            except _UNREADABLE as error:
                raise InvalidDataError(
                    f"expected the finished batch {batch} in {self._layers_path(batch)}, cannot read it; "
                    "run the same command again to make it anew"
                ) from error
        rows: pd.DataFrame = pa.concat_tables(tables).to_pandas()
        return rows

    def check_seen(self, config_hash: str) -> None:
        """Checks, where a batch is worked on, that this folder is the one that the build began.

        Raises:
            ConfigurationError: This machine sees another folder, or none.
        """
        found = self.read_config().get("config_hash")
        if found != config_hash:
            what = f"one of another build ({found})" if found else "none"
            raise ConfigurationError(
                f"expected {CONFIG_NAME} of this build ({config_hash}) in {self.path.absolute()} on "
                f"{platform.node()}, found {what}; put the dataset on storage that every machine sees"
            )

    def remove_strays(self) -> None:
        """Removes what writers that were killed left half written."""
        for stray in self.path.rglob(".*.partial"):
            stray.unlink(missing_ok=True)

    def remove_parts(self) -> None:
        """Removes the records of the batches, once the manifest holds them all."""
        shutil.rmtree(self.path / "parts", ignore_errors=True)
        if self.packed is not None:
            self.packed.remove_marks()

    def _read(self, batch: int) -> tuple[pa.Table, list[Skipped]]:
        """Reads a part file; raises one of `_UNREADABLE`."""
        table = pq.read_table(self._part_path(batch))
        notes = json.loads(table.schema.metadata[b"skipped"])
        return table, [Skipped(*note) for note in notes]

    def _read_layers(self, batch: int, part: pa.Table) -> pa.Table:
        """Reads the layers that a part file counts; raises one of `_UNREADABLE`."""
        count = int(part.schema.metadata.get(b"layers", b"0"))
        table = pq.read_table(self._layers_path(batch)) if count else LAYER_SCHEMA.empty_table()
        if len(table) != count:
            raise ValueError(f"expected {count} layers, got {len(table)}")
        return table

    def _layers_path(self, batch: int) -> Path:
        return self.path / "parts" / f"layers-{batch:05d}.parquet"

    def _part_path(self, batch: int) -> Path:
        return self.path / "parts" / f"batch-{batch:05d}.parquet"

    def _clear(self) -> None:
        """Removes what a build writes and nothing else; the manifest first, the configuration last."""
        for name in _FILES[:1]:
            (self.path / name).unlink(missing_ok=True)
        for name in _FOLDERS:
            shutil.rmtree(self.path / name, ignore_errors=True)
        for name in _FILES[1:]:
            (self.path / name).unlink(missing_ok=True)


def _files_of(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    columns = ("path", "region_path", "flaw_path")
    return {row[name] for row in rows for name in columns if row.get(name)}


_DERIVED = ("config_hash", "made_with")
"""Keys that follow from others, or that the images do not depend on."""


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Names the first keys that differ, so that the user sees what to change back."""
    old, new = dict(_flat(before)), dict(_flat(now))
    keys = [key for key in [*new, *old] if old.get(key) != new.get(key) and key.split(".")[0] not in _DERIVED]
    shown = [f"{key}: {old.get(key)} then, {new.get(key)} now" for key in dict.fromkeys(keys)][:2]
    return "; ".join(shown)


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
