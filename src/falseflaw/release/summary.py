"""Reads from an evaluation folder what a release needs: the operating point and the figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.types import OperatingPoint

OPERATING_POINT_NAME = "operating_point.json"
SUMMARY_NAME = "summary.json"


@dataclass(frozen=True)
class Figure:
    """A measured figure: value, 95 % interval, and how many photos it rests on; None where undefined."""

    value: float | None
    lo: float | None
    hi: float | None
    n: int

    def __str__(self) -> str:
        """Writes it as `.912 [.880, .940]`."""
        if self.value is None:
            return "n/a"
        text = f"{self.value:.3f}"
        return text if self.lo is None or self.hi is None else f"{text} [{self.lo:.3f}, {self.hi:.3f}]"


@dataclass(frozen=True)
class LaunderingFigures:
    """Figures under one laundering.

    Attributes:
        name: Of the laundering.
        unseen: Whether it was kept out of training.
        auroc: Inpainted against simulated damage.
        tpr: Inpainted photos at or above the image threshold.
        fpr: Simulated damage at or above it.
        pixel_f1: Of the heat map at the mask threshold, mean over inpainted photos.
        flagged: Share at or above the image threshold by edit.
    """

    name: str
    unseen: bool
    auroc: Figure
    tpr: Figure
    fpr: Figure
    pixel_f1: Figure
    flagged: Mapping[str, Figure]


@dataclass(frozen=True)
class Evaluation:
    """What `falseflaw evaluate` measured.

    Attributes:
        operating_point: Fitted on the val fold.
        fitted: How, in words and numbers.
        comparison: What against what the headline is.
        sources: Clean photos behind the test figures.
        photos: Test photos by edit.
        launderings: One entry a laundering.
        pooled: All launderings together.
        provenance: Dataset, model, versions.
    """

    operating_point: OperatingPoint
    fitted: Mapping[str, Any]
    comparison: str
    sources: int
    photos: Mapping[str, int]
    launderings: tuple[LaunderingFigures, ...]
    pooled: LaunderingFigures
    provenance: Mapping[str, Any]

    @property
    def model_sha256(self) -> str:
        """Of the model file that was measured, "" if not recorded."""
        model = self.provenance.get("model")
        return str(model.get("sha256", "")) if isinstance(model, Mapping) else ""

    @property
    def dataset(self) -> str:
        """Folder of the dataset, "" if not recorded."""
        return str(self.provenance.get("dataset", ""))


def read_evaluation(folder: Path) -> Evaluation:
    """Reads `operating_point.json` and `summary.json` of an evaluation folder.

    Raises:
        MissingDataError: The folder or one of the files is not there.
        InvalidDataError: They are damaged, of another version, or contradict each other.
    """
    point_json, summary = (_read_json(folder / name) for name in (OPERATING_POINT_NAME, SUMMARY_NAME))
    path = folder / OPERATING_POINT_NAME
    try:
        point = _point(point_json)
        path = folder / SUMMARY_NAME
        evaluation = Evaluation(
            operating_point=point,
            fitted=dict(summary["fitted"]),
            comparison=str(summary["comparison"]),
            sources=int(summary["sources"]),
            photos={str(edit): int(count) for edit, count in summary["photos"].items()},
            launderings=tuple(_laundering(entry) for entry in summary["launderings"]),
            pooled=_laundering(summary["pooled"]),
            provenance=dict(summary["provenance"]),
        )
        measured_at = _point(summary["operating_point"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise InvalidDataError(f"cannot use {path}: {reason}; run `falseflaw evaluate` again") from error
    if measured_at != point:
        raise InvalidDataError(
            f"expected {OPERATING_POINT_NAME} and {SUMMARY_NAME} in {folder} to hold one operating point, "
            "got two; run `falseflaw evaluate` again"
        )
    return evaluation


def _read_json(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingDataError(
            f"expected an evaluation with {path.name} in {path.parent}, found none; "
            "run `falseflaw evaluate` first"
        ) from error
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidDataError(f"cannot read {path}: {reason}; run `falseflaw evaluate` again") from error
    if not isinstance(values, dict):
        raise InvalidDataError(f"cannot read {path}: expected a JSON object; run `falseflaw evaluate` again")
    return values


def _point(values: Mapping[str, Any]) -> OperatingPoint:
    return OperatingPoint(**{name: values[name] for name in OperatingPoint.__dataclass_fields__})


def _laundering(entry: Mapping[str, Any]) -> LaunderingFigures:
    return LaunderingFigures(
        name=str(entry["name"]),
        unseen=bool(entry.get("unseen", False)),
        auroc=_figure(entry["headline"]["auroc"]),
        tpr=_figure(entry["headline"]["tpr"]),
        fpr=_figure(entry["headline"]["fpr"]),
        pixel_f1=_figure(entry["pixel"]["f1"]),
        flagged={str(edit): _figure(value) for edit, value in entry["flagged"].items()},
    )


def _figure(entry: Mapping[str, Any]) -> Figure:
    value, lo, hi = (None if entry.get(key) is None else float(entry[key]) for key in ("value", "lo", "hi"))
    return Figure(value, lo, hi, int(entry["n"]))
