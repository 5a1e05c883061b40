"""One pass over images and launderings that writes every prediction; figures come later, from the file."""

from __future__ import annotations

import hashlib
import shutil
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import PIL.Image
import pyarrow as pa
from tqdm import tqdm

from falseflaw.errors import InvalidDataError, UnreadableImageError
from falseflaw.evaluation.predictions import COPIED, PREDICTIONS_NAME, SCHEMA, read_if_current, write
from falseflaw.evaluation.scorers import Scorer
from falseflaw.imaging import codec
from falseflaw.imaging.laundering.base import Laundering, check_suite, launder
from falseflaw.provenance import code_digest, package_versions
from falseflaw.seeding import unit_interval
from falseflaw.types import Image, Mask

_CHUNK = 32  # images between two part files: what a kill can cost
_SCORING_CODE = (
    "imaging",
    "models",
    "runtime",
    "evaluation/predict.py",
    "evaluation/predictions.py",
    "evaluation/scorers.py",
)
_SCORING_PACKAGES = ("pillow", "numpy", "opencv-python-headless", "timm", "torch", "onnxruntime")


@dataclass(frozen=True)
class _Job:
    """One photo under one laundering, waiting for its score."""

    row: dict[str, Any]
    laundering: Laundering
    image: Image
    mask: Mask


def predict(
    dataset: Path,
    rows: pd.DataFrame,
    launderings: Iterable[Laundering],
    scorer: Scorer,
    output: Path,
    *,
    batch_size: int = 8,
    threads: int = 2,
    progress: bool = True,
) -> pd.DataFrame:
    """Scores every row under every laundering and writes `predictions.parquet` into `output`.

    Killed and called again, it goes on where it stopped; called again when done, it reads the file. Both
    hold only while images, launderings, model and scoring code are the same ones.

    Args:
        dataset: Folder that the rows' paths are relative to.
        rows: Of the manifest, in the order to predict in.
        launderings: Of distinct names.
        scorer: The model.
        output: Folder for the result and, until it is complete, for part files.
        batch_size: Most photos scored at once; they are of one size.
        threads: That decode and launder ahead of the model.
        progress: Show a bar.

    Returns:
        Columns of `SCHEMA`, one row per image and laundering, in the order of `rows`.

    Raises:
        InvalidDataError: No rows, or a file is missing, broken or not the one of the manifest.
    """
    suite = check_suite(launderings)
    if rows.empty:
        raise InvalidDataError(f"expected images to evaluate in {dataset}, got none; choose other folds")
    chunks = [rows.iloc[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
    common = _common_key(suite, scorer, batch_size)
    columns = ("path", "sha256", "mask_path", "group")
    keys = [_digest(common, *(word for name in columns for word in chunk[name])) for chunk in chunks]
    whole = _digest(*keys)
    target = output / PREDICTIONS_NAME
    if (done := read_if_current(target, whole)) is not None:
        return _frame(done)
    PIL.Image.init()  # Pillow registers its formats lazily, which two threads at once get wrong
    parts = output / ".parts"
    tables = []
    bar = tqdm(
        total=len(rows) * len(suite), unit="photo", desc="predict", mininterval=0.5, disable=not progress
    )
    with bar, ThreadPoolExecutor(max(1, threads)) as pool:
        for chunk, key in zip(chunks, keys, strict=True):
            part = parts / f"{key}.parquet"
            table = read_if_current(part, key)
            if table is None:
                table = _predict_chunk(dataset, chunk, suite, scorer, batch_size, pool, threads, bar)
                write(table, part, key)
            else:
                bar.update(table.num_rows)
            tables.append(table)
    result = pa.concat_tables(tables)
    write(result, target, whole)
    shutil.rmtree(parts, ignore_errors=True)
    return _frame(result)


def select_sources(rows: pd.DataFrame, limit: int | None) -> pd.DataFrame:
    """Returns the rows of at most `limit` sources of each fold, drawn by a hash of their names."""
    if limit is None:
        return rows
    sources = rows[["fold", "source_id"]].drop_duplicates()
    sources = sources.assign(draw=[unit_interval("limit", source) for source in sources["source_id"]])
    kept = sources.sort_values("draw").groupby("fold").head(limit)["source_id"]
    limited: pd.DataFrame = rows[rows["source_id"].isin(set(kept))]
    return limited


def _predict_chunk(
    dataset: Path,
    chunk: pd.DataFrame,
    suite: Sequence[Laundering],
    scorer: Scorer,
    batch_size: int,
    pool: ThreadPoolExecutor,
    threads: int,
    bar: Any,
) -> pa.Table:
    """Scores a chunk in batches of one size; the order of work is fixed, so are the scores."""
    waiting: dict[tuple[int, ...], list[_Job]] = defaultdict(list)
    scored: dict[tuple[str, str], dict[str, Any]] = {}

    def flush(jobs: list[_Job]) -> None:
        logits, heats = scorer.score(np.stack([job.image for job in jobs]))
        for job, logit, heat in zip(jobs, logits, heats, strict=True):
            scored[job.row["path"], job.laundering.name] = _record(job, float(logit), heat)
        bar.update(len(jobs))

    records = [{str(name): value for name, value in row.items()} for row in chunk.to_dict("records")]
    for jobs in _ahead(pool, threads, dataset, records, suite):
        for job in jobs:
            group = waiting[job.image.shape]
            group.append(job)
            if len(group) == batch_size:
                flush(group)
                group.clear()
    for group in waiting.values():
        if group:
            flush(group)
    ordered = [scored[record["path"], item.name] for record in records for item in suite]
    return pa.Table.from_pylist(ordered, schema=SCHEMA)


def _ahead(
    pool: ThreadPoolExecutor,
    threads: int,
    dataset: Path,
    records: list[dict[str, Any]],
    suite: Sequence[Laundering],
) -> Iterator[list[_Job]]:
    """Yields the jobs of each image in order, a bounded number of images prepared in advance."""
    pending: deque[Future[list[_Job]]] = deque()
    try:
        for record in records:
            pending.append(pool.submit(_prepare, dataset, record, suite))
            if len(pending) > 2 * threads:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        for future in pending:
            future.cancel()


def _prepare(dataset: Path, row: dict[str, Any], suite: Sequence[Laundering]) -> list[_Job]:
    image, mask = load_row(dataset, row)
    return [_Job(row, item, *launder(item, image, mask, row["sha256"])) for item in suite]


def load_row(dataset: Path, row: dict[str, Any]) -> tuple[Image, Mask]:
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


def _record(job: _Job, logit: float, heat: np.ndarray) -> dict[str, Any]:
    severity = job.laundering.severity
    inside = np.bincount(heat[job.mask], minlength=256)
    total = np.bincount(heat.reshape(-1), minlength=256)
    return {name: job.row[name] for name in COPIED} | {
        "laundering": job.laundering.name,
        "severity": f"{severity:g}" if isinstance(severity, float) else str(severity),
        "unseen": job.laundering.unseen,
        "logit": logit,
        "positive_histogram": inside.tolist(),
        "negative_histogram": (total - inside).tolist(),
    }


def _common_key(suite: Sequence[Laundering], scorer: Scorer, batch_size: int) -> str:
    """Digests what all parts depend on; the code counts, so that an old file never passes for a new one."""
    versions = package_versions(_SCORING_PACKAGES)
    return _digest(
        scorer.fingerprint, *map(repr, suite), str(batch_size), repr(versions), code_digest(_SCORING_CODE)
    )


def _digest(*keys: str) -> str:
    return hashlib.sha256("\x1f".join(keys).encode()).hexdigest()


def _frame(table: pa.Table) -> pd.DataFrame:
    frame: pd.DataFrame = table.to_pandas()
    return frame
