"""The evaluations that a release rests on: the one that fixed its thresholds, and the one its card tells."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from falseflaw.errors import InvalidDataError
from falseflaw.evaluation.committed.committed import others_of
from falseflaw.evaluation.figures.calibration import OPERATING_POINT_NAME, read_operating_point
from falseflaw.evaluation.figures.summary import SUMMARY_NAME, ComparisonSummary, read_summary
from falseflaw.evaluation.report.other_evaluations import OtherEvaluation, read_other_evaluations
from falseflaw.runtime.bundle import BundleInfo
from falseflaw.types import OperatingPoint

COMMITTED = "notebooks/reference"
"""Where the repository keeps the evaluation of the reference detector."""


@dataclass(frozen=True)
class Measured:
    """What a model card tells of a detector.

    Attributes:
        summary: Of matched sets.
        others: Evaluations of other photos by the same detector, such as real damage.
    """

    summary: ComparisonSummary
    others: Sequence[OtherEvaluation] = ()


def read_evaluation(folder: Path) -> ComparisonSummary:
    """Reads an evaluation whose summary and operating point agree.

    Raises:
        MissingDataError: The folder or its summary is not there.
        InvalidDataError: A file is damaged, or summary and operating point contradict each other.
    """
    summary = read_summary(folder)
    point, _ = read_operating_point(folder / OPERATING_POINT_NAME)
    if summary.operating_point != point:
        raise InvalidDataError(
            f"expected {OPERATING_POINT_NAME} and {SUMMARY_NAME} in {folder} to hold one operating point, "
            "got two; run `falseflaw evaluate` again"
        )
    return summary


def read_measured(folder: Path) -> Measured:
    """Reads an evaluation with the other ones that are committed beside it.

    Raises:
        MissingDataError, InvalidDataError: See `read_evaluation`; or another evaluation cannot be read.
    """
    return Measured(read_evaluation(folder), tuple(read_other_evaluations(others_of(folder), folder)))


def check_measured(measured: Measured, info: BundleInfo, networks: Collection[str], folder: Path) -> None:
    """Checks that an evaluation is of a bundle, at the bundle's own thresholds.

    Args:
        measured: What was read.
        info: Of the bundle.
        networks: sha256 of the network files that stand for it: its own, of a variant the fp32 one as well.
        folder: Of the evaluation, for the message.

    Raises:
        InvalidDataError: It is of another model, or at other thresholds.
    """
    evaluations = [
        (str(folder), measured.summary),
        *((other.folder, other.summary) for other in measured.others),
    ]
    for where, summary in evaluations:
        if not is_of(summary.provenance.model, info, networks):
            raise InvalidDataError(
                f"expected an evaluation of the bundle {info.name} in {where}, got one of another model "
                f"({summary.provenance.model['sha256'][:12]}); run `falseflaw evaluate bundle=` again"
            )
        _check_point(summary.operating_point, info, where)


def is_of(model: dict[str, str], info: BundleInfo, networks: Collection[str]) -> bool:
    """Returns whether the provenance of an evaluation names a bundle's network or its checkpoint."""
    return model["sha256"] in {*networks, info.checkpoint_sha256} - {""}


def _check_point(point: OperatingPoint, info: BundleInfo, where: str) -> None:
    if point != info.operating_point:
        raise InvalidDataError(
            f"expected the evaluation in {where} at the thresholds of the bundle {info.name}, got others; "
            "run `falseflaw evaluate bundle=` again"
        )
