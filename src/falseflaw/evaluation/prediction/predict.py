"""One pass over images and launderings that writes every prediction; figures come later, from the file."""

from __future__ import annotations

import hashlib
import shutil
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from tqdm import tqdm

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.evaluation.prediction.cut import Cut
from falseflaw.evaluation.prediction.laundered import laundered
from falseflaw.evaluation.prediction.predictions import (
    COPIED,
    PREDICTIONS_NAME,
    SCHEMA,
    read_if_current,
    write,
)
from falseflaw.evaluation.prediction.scorers import Scorer, evidence_of, lanes_of
from falseflaw.evaluation.prediction.selection import Selection
from falseflaw.imaging.laundering.base import Laundering, versions_of
from falseflaw.machine import Budget, StageTimer, return_freed_memory
from falseflaw.provenance import code_digest, package_versions
from falseflaw.runtime.verdict import SMALLEST_SIDE
from falseflaw.types import HeatMap, Image, Mask

_CHUNK = 32  # images between two part files: what a kill can cost
_PARTS = ".parts"
_CUT = "cut short"  # keeps the key of some parts from being that of a whole
_BATCH_PIXELS = 4_000_000  # of all photos of a batch, unless one alone has more: bounds the model's memory
_SCORING_CODE = (
    "imaging",
    "models",
    "runtime",
    "evaluation/prediction",
)
_SCORING_PACKAGES = ("pillow", "numpy", "opencv-python-headless", "timm", "torch", "onnxruntime")

_Key = tuple[str, str]  # path and laundering
_Record = dict[str, Any]


@dataclass(frozen=True)
class _Job:
    """One photo under one laundering, waiting for its score."""

    row: _Record
    laundering: Laundering
    image: Image
    mask: Mask

    @property
    def key(self) -> _Key:
        return self.row["path"], self.laundering.name


def predict(
    selection: Selection,
    scorer: Scorer,
    output: Path,
    *,
    batch_size: int = 8,
    threads: int | None = None,
    workers: int = 0,
    progress: bool = True,
    timer: StageTimer | None = None,
    budget: Budget | None = None,
) -> pd.DataFrame:
    """Scores every selected photo under its launderings and writes `predictions.parquet` into `output`.

    Killed and called again, it goes on where it stopped; called again when done, it reads the file. Both
    hold only while images, launderings, model and scoring code are the same ones.

    Once a budget is over, sources of the measured fold that are not predicted whole are left out. The other
    folds are always finished, and so are two sources of this one. A later call goes on with the rest.

    Args:
        selection: What to score.
        scorer: The model.
        output: Folder for the result and, until it is complete, for part files.
        batch_size: Most photos scored at once; they are of one size.
        threads: Batches in the model at once; None leaves it to the scorer.
        workers: Processes that decode and launder ahead of the model; 0: none.
        progress: Show a bar.
        timer: Gets the seconds of `decode`, `launder`, `score`, `histogram` and `write`, each summed over
            all that work on it.
        budget: Minutes; None: as many as it takes.

    Returns:
        Columns of `SCHEMA`, one row per image and laundering of its fold, in the order of the selection; the
        same for any number of threads and workers. Sources that a budget
        leaves out are missing.

    Raises:
        ConfigurationError: `threads` or `workers` is out of range.
        InvalidDataError: No rows, one twice, or a file is missing, broken or not the one of the manifest.
        WorkerLostError: A worker was killed.
    """
    rows, suite = selection.rows, selection.suite
    _check_counts(threads, workers)
    if rows.empty:
        raise InvalidDataError(
            f"expected images to evaluate in {selection.dataset}, got none; choose other folds"
        )
    if (twice := rows["path"].duplicated()).any():
        raise InvalidDataError(f"expected every image once, got {rows.loc[twice, 'path'].iloc[0]} twice")
    timer, budget = timer or StageTimer(), budget or Budget(None)
    chunks = [rows.iloc[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
    common = _common_key(selection, scorer, batch_size)
    columns = ("path", "sha256", "mask_path", "group", "fold")
    keys = [_digest(common, *(word for name in columns for word in chunk[name])) for chunk in chunks]
    whole = _digest(*keys)
    target = output / PREDICTIONS_NAME
    if (done := read_if_current(target, whole)) is not None:
        return _frame(done)
    parts = output / _PARTS
    tables = [read_if_current(parts / f"{key}.parquet", key) for key in keys]
    todo = {index: _records(chunks[index]) for index, table in enumerate(tables) if table is None}
    missing = [record for records in todo.values() for record in records]
    by_fold = {fold: selection.positions(fold) for fold in rows["fold"].unique()}
    chosen = [by_fold[record["fold"]] for record in missing]
    total = sum(len(by_fold[fold]) for fold in rows["fold"])
    bar = tqdm(
        total=total,
        initial=total - sum(map(len, chosen)),
        unit="photo",
        desc="predict",
        mininterval=0.5,
        disable=not progress,
    )
    lanes = threads or lanes_of(scorer)
    cut = Cut(selection, {index: set(chunks[index]["source_id"]) for index in todo}, budget, bar.write)
    with (
        bar,
        closing(
            laundered(selection.dataset, missing, suite, chosen, min(workers, len(missing)), timer)
        ) as ahead,
        ThreadPoolExecutor(lanes) as pool,
    ):
        scoring = _Lanes(scorer, pool, lanes, timer, bar)
        for index, records in todo.items():
            table = _predict_chunk(records, ahead, suite, by_fold, batch_size, scoring)
            with timer("write"):
                write(table, parts / f"{keys[index]}.parquet", keys[index])
            tables[index] = table
            if cut.stops_after(index):
                break
    with timer("write"):
        result = cut.without_left(pa.concat_tables([table for table in tables if table is not None]))
        done = [key for key, table in zip(keys, tables, strict=True) if table is not None]
        write(result, target, whole if done == keys else _digest(_CUT, *done))
    if done == keys:
        shutil.rmtree(parts, ignore_errors=True)
    return _frame(result)


def under_way(output: Path) -> bool:
    """Returns whether a folder holds predictions already, all of them or the parts of a killed run."""
    return (output / PREDICTIONS_NAME).exists() or any((output / _PARTS).glob("*.parquet"))


def _check_counts(threads: int | None, workers: int) -> None:
    if threads is not None and not (isinstance(threads, int) and threads >= 1):
        raise ConfigurationError(f"expected threads of at least 1 or null, got {threads!r}")
    if not (isinstance(workers, int) and workers >= 0):
        raise ConfigurationError(f"expected workers of at least 0, got {workers!r}")


def _records(rows: pd.DataFrame) -> list[_Record]:
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict("records")]


class _Lanes:
    """Scores batches, several at once, and keeps the records; their order of arrival changes nothing."""

    def __init__(
        self, scorer: Scorer, pool: ThreadPoolExecutor, lanes: int, timer: StageTimer, bar: Any
    ) -> None:
        self._scorer, self._pool, self._timer, self._bar = scorer, pool, timer, bar
        self._most = lanes + 1  # one waits, so that no lane does
        self._under_way: deque[Future[list[tuple[_Key, _Record]]]] = deque()
        self._scored: dict[_Key, _Record] = {}

    def put(self, jobs: list[_Job]) -> None:
        """Has a batch scored; waits while as many as there may be are under way."""
        self._under_way.append(self._pool.submit(self._score, jobs))
        while len(self._under_way) > self._most:
            self._collect()

    def take(self) -> dict[_Key, _Record]:
        """Waits for all batches and returns the records since the last call."""
        while self._under_way:
            self._collect()
        scored, self._scored = self._scored, {}
        return scored

    def _collect(self) -> None:
        records = self._under_way.popleft().result()
        self._scored.update(records)
        self._bar.update(len(records))

    def _score(self, jobs: list[_Job]) -> list[tuple[_Key, _Record]]:
        with self._timer("score"):
            found = evidence_of(self._scorer, np.stack([job.image for job in jobs]))
            return_freed_memory()  # laundered photos have a hundred sizes: a quarter of the largest process
        with self._timer("histogram"):
            return [
                (
                    job.key,
                    _record(job, float(found.logits[index]), found.heat_maps[index])
                    | {"features": found.features[index], "distance": float(found.distances[index])},
                )
                for index, job in enumerate(jobs)
            ]


def _predict_chunk(
    records: Sequence[_Record],
    ahead: Iterator[list[tuple[Image, Mask]]],
    suite: Sequence[Laundering],
    by_fold: Mapping[str, Sequence[int]],
    batch_size: int,
    lanes: _Lanes,
) -> pa.Table:
    """Scores a chunk in batches of one size.

    The batches follow from the chunk alone: whatever was done before, it gives the same scores.
    """
    waiting: dict[tuple[int, ...], list[_Job]] = defaultdict(list)
    launderings = {fold: [suite[index] for index in positions] for fold, positions in by_fold.items()}
    for record in records:
        for item, (image, mask) in zip(launderings[record["fold"]], next(ahead), strict=True):
            group = waiting[image.shape]
            group.append(_Job(record, item, image, mask))
            if len(group) >= min(batch_size, _BATCH_PIXELS // mask.size):
                lanes.put(waiting.pop(image.shape))
    for group in sorted(waiting.values(), key=lambda jobs: -len(jobs) * jobs[0].mask.size):
        lanes.put(group)  # the longest first, so that all lanes end together
    scored = lanes.take()
    ordered = [
        scored[record["path"], item.name] for record in records for item in launderings[record["fold"]]
    ]
    return pa.Table.from_pylist(ordered, schema=SCHEMA)


def _record(job: _Job, logit: float, heat: HeatMap) -> _Record:
    severity = job.laundering.severity
    inside = np.bincount(heat[job.mask], minlength=256)
    total = np.bincount(heat.reshape(-1), minlength=256)
    return {name: job.row[name] for name in COPIED} | {
        "laundering": job.laundering.name,
        "severity": f"{severity:g}" if isinstance(severity, float) else str(severity),
        "unseen": job.laundering.unseen,
        "too_small": min(heat.shape) < SMALLEST_SIDE,
        "logit": logit,
        "positive_histogram": inside,
        "negative_histogram": total - inside,
        "pixels": int(job.row["width"]) * int(job.row["height"]),
    }


def _common_key(selection: Selection, scorer: Scorer, batch_size: int) -> str:
    """Digests what all parts depend on; the code counts, so that an old file never passes for a new one."""
    versions = package_versions(_SCORING_PACKAGES) | versions_of(selection.suite)
    some = sorted((fold, *names) for fold, names in selection.only.items())
    return _digest(
        scorer.fingerprint,
        *map(repr, selection.suite),
        repr(some),
        str(batch_size),
        repr(versions),
        code_digest(_SCORING_CODE),
    )


def _digest(*keys: str) -> str:
    return hashlib.sha256("\x1f".join(keys).encode()).hexdigest()


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    return frame
