"""The evaluation that the repository commits: what its folder takes over, and how large it may get."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from falseflaw.dataset.folder import AUDIT_NAME
from falseflaw.dataset.manifest import MANIFEST_NAME, SCHEMA, read_manifest
from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.committed.compact import compacted
from falseflaw.evaluation.figures.calibration import OPERATING_POINT_NAME, read_operating_point
from falseflaw.evaluation.figures.decoding import decode
from falseflaw.evaluation.figures.summary import SUMMARY_NAME, ComparisonSummary, read_summary
from falseflaw.evaluation.prediction.predictions import PREDICTIONS_NAME, read_predictions
from falseflaw.evaluation.report.other_evaluations import read_other_evaluations
from falseflaw.imaging import codec
from falseflaw.provenance import file_sha256
from falseflaw.statistics.bootstrap import Estimate

FACTS_NAME = "dataset.parquet"
OTHERS_NAME = "other_evaluations"
LARGEST = 5_000_000
"""Bytes that the whole folder may have."""

LARGEST_PREDICTIONS = 3_500_000
"""Bytes that the predictions may have, so that everything else has its place."""

_LEFT_OUT = {"path", "sha256", "region_path", "mask_path", "prompt", "camera", "seed", "batch"}
FACTS = tuple(name for name in SCHEMA.names if name not in _LEFT_OUT)
"""Manifest columns that are committed: what can be counted, and nothing that names a file."""

_DIGEST = b"falseflaw.manifest"


@dataclass(frozen=True)
class DatasetAudit:
    """What the committed audit of the dataset tells.

    Attributes:
        passed: Whether no gate found anything.
        manifest: sha256 of the manifest that was audited.
        findings: Gate to what is wrong, one line each.
        probes: Probe to its AUROC.
    """

    passed: bool
    manifest: str
    findings: dict[str, tuple[str, ...]]
    probes: dict[str, Estimate]


def take_over(evaluation: Path, folder: Path) -> ComparisonSummary:
    """Copies the files that figures come from; the report stays behind, for it holds photos.

    Predictions of more than `LARGEST_PREDICTIONS` bytes are made smaller, see `compact`.

    Args:
        evaluation: Folder that `falseflaw evaluate` wrote, or `folder` itself.
        folder: Of the committed evaluation.

    Returns:
        The summary.

    Raises:
        InvalidDataError: The evaluation is not one of matched sets, or too large.
    """
    summary, predictions = read_summary(evaluation), read_predictions(evaluation)
    point, _ = read_operating_point(evaluation / OPERATING_POINT_NAME)
    source = evaluation / PREDICTIONS_NAME
    data = source.read_bytes()
    if len(data) > LARGEST_PREDICTIONS:
        data = compacted(predictions, point, LARGEST_PREDICTIONS)
    folder.mkdir(parents=True, exist_ok=True)
    codec.write_atomic(folder / PREDICTIONS_NAME, data)
    if evaluation.resolve() != folder.resolve():
        shutil.copyfile(evaluation / OPERATING_POINT_NAME, folder / OPERATING_POINT_NAME)
        shutil.copyfile(evaluation / SUMMARY_NAME, folder / SUMMARY_NAME)
    return summary


def take_over_dataset(dataset: Path, folder: Path) -> None:
    """Writes what can be counted in a dataset's manifest, and copies its audit.

    Raises:
        MissingDataError, InvalidDataError: It is no dataset, or has no audit of its manifest as it is.
    """
    rows = read_manifest(dataset)
    digest = file_sha256(dataset / MANIFEST_NAME)
    audit = _read_audit(dataset / AUDIT_NAME)
    if audit.manifest != digest:
        raise InvalidDataError(
            f"expected {dataset / AUDIT_NAME} to be of manifest {digest[:12]}, got {audit.manifest[:12]}; "
            f"run `falseflaw audit dataset={dataset}` again"
        )
    schema = pa.schema([SCHEMA.field(name) for name in FACTS], metadata={_DIGEST: digest.encode()})
    table = pa.Table.from_pandas(rows[list(FACTS)], schema=schema, preserve_index=False)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    codec.write_atomic(folder / FACTS_NAME, sink.getvalue().to_pybytes())
    shutil.copyfile(dataset / AUDIT_NAME, folder / AUDIT_NAME)


def take_over_other(evaluation: Path, folder: Path, name: str) -> None:
    """Copies the summary of an evaluation of other photos to `other_evaluations/<name>`, nothing else of it.

    Raises:
        MissingDataError, InvalidDataError: It is no evaluation.
    """
    read_other_evaluations([evaluation], folder)
    target = folder / OTHERS_NAME / name
    target.mkdir(parents=True, exist_ok=True)
    if target.resolve() != evaluation.resolve():
        shutil.copyfile(evaluation / SUMMARY_NAME, target / SUMMARY_NAME)


def others_of(folder: Path) -> list[Path]:
    """Returns the folders of the other evaluations that are committed with an evaluation, by name."""
    return sorted(path.parent for path in folder.glob(f"{OTHERS_NAME}/*/{SUMMARY_NAME}"))


def read_facts(folder: Path) -> tuple[pd.DataFrame, str] | None:
    """Returns the committed facts of the dataset and its manifest's sha256, or None if there are none.

    Raises:
        InvalidDataError: The file is broken.
    """
    path = folder / FACTS_NAME
    if not path.is_file():
        return None
    try:
        table = pq.read_table(path, columns=list(FACTS))
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidDataError(
            f"cannot read {path}: {reason}; run scripts/run refresh-results with dataset="
        ) from error
    return table.to_pandas(), (table.schema.metadata or {}).get(_DIGEST, b"").decode()


def read_audit(folder: Path) -> DatasetAudit | None:
    """Returns the committed audit of the dataset, or None if there is none.

    Raises:
        InvalidDataError: The file is broken.
    """
    path = folder / AUDIT_NAME
    return _read_audit(path) if path.is_file() else None


def _read_audit(path: Path) -> DatasetAudit:
    try:
        return decode(DatasetAudit, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InvalidDataError(
            f"expected the audit of the dataset at {path}, got none to be read ({type(error).__name__}); "
            f"run `falseflaw audit dataset={path.parent}`"
        ) from error


def check_size(folder: Path) -> int:
    """Returns the bytes of all files of the committed evaluation.

    Raises:
        InvalidDataError: They are more than `LARGEST`.
    """
    sizes = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    if (total := sum(sizes.values())) > LARGEST:
        worst = max(sizes, key=lambda path: sizes[path])
        raise InvalidDataError(
            f"expected at most {LARGEST / 1e6:.1f} MB in {folder}, got {total / 1e6:.1f} MB, of which "
            f"{sizes[worst] / 1e6:.1f} MB in {worst.name}; evaluate with limit_sources= or fewer launderings"
        )
    return total
