"""What the detector is worth: beside baselines on the same photos, and beside what was released first."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.evaluation.figures.summary import ComparisonSummary
from falseflaw.evaluation.report.tables import scope_text
from falseflaw.imaging.codec import write_atomic
from falseflaw.provenance import file_sha256
from falseflaw.runtime.bundle import CARD_NAME, INFO_NAME, MODEL_NAME, SUMS_NAME
from falseflaw.statistics.text import figure_text, markdown_table

NOTE = (
    "Everything trained here had the same data, minutes and augmentation, and its thresholds were fitted on "
    "the validation fold; a bundle keeps those that it was released with. A whole-image classifier has no "
    "mask: its pixel F1 is that of its class activation map."
)


@dataclass(frozen=True)
class Entry:
    """A line of the table.

    Attributes:
        name: Of the detector or baseline.
        training: What went into it, in words.
        summary: Of its evaluation, all on the same photos.
    """

    name: str
    training: str
    summary: ComparisonSummary


def baselines_table(entries: Sequence[Entry]) -> str:
    """Returns a Markdown table, a line an entry: under the first laundering, and under all pooled.

    Raises:
        InvalidDataError: None is given, or two are of other photos or launderings.
    """
    if not entries:
        raise InvalidDataError("expected evaluations to set side by side, got none")
    first = entries[0].summary
    for entry in entries[1:]:
        _check_alike(entries[0], entry)
    under = first.launderings[0].name
    header = ["detector", "training"]
    for name in ("AUROC", "pixel F1", "TPR", "FPR on damage", "best TPR at FPR 1 %"):
        header += [f"{name}, {under}", f"{name}, pooled"]
    lines = []
    for entry in entries:
        cells = [entry.name, entry.training]
        both = (entry.summary.launderings[0], entry.summary.pooled)
        for figures in (
            [figure.headline.auroc for figure in both],
            [figure.pixel.f1 for figure in both],
            [figure.headline.tpr for figure in both],
            [figure.headline.fpr for figure in both],
            [figure.headline.oracle_tpr_at_fpr_1 for figure in both],
        ):
            cells += [figure_text(figure) for figure in figures]
        lines.append(cells)
    pooled = ", ".join(figures.name for figures in first.launderings)
    return f"{markdown_table(header, lines)}\n\n{scope_text(first)} Pooled: {pooled}. {NOTE}\n"


def _check_alike(first: Entry, other: Entry) -> None:
    sides = []
    for entry in (first, other):
        names = tuple(figures.name for figures in entry.summary.launderings)
        sides.append((entry.summary.fold, entry.summary.photos, names))
    if sides[0] != sides[1]:
        raise InvalidDataError(
            f"expected evaluations of the same photos and launderings, got others of {first.name} and "
            f"{other.name}; evaluate both again"
        )


def committed_bundle(repository: Path, revision: str, folder: str, sha256: str, target: Path) -> Path:
    """Takes a bundle out of the history of a repository, unless it is there already.

    Args:
        repository: A clone.
        revision: Commit that holds it.
        folder: The bundle's, relative to the repository.
        sha256: Of its model file.
        target: Folder to write it to.

    Returns:
        The target.

    Raises:
        MissingDataError: The clone does not have the commit.
        InvalidDataError: The commit holds another model there.
    """
    if (target / MODEL_NAME).is_file() and file_sha256(target / MODEL_NAME) == sha256:
        return target
    for name in (INFO_NAME, CARD_NAME, SUMS_NAME, MODEL_NAME):  # the model last: it tells that all is there
        command = ["git", "-C", str(repository), "show", f"{revision}:{folder}/{name}"]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            raise MissingDataError(
                f"expected {folder} at commit {revision[:12]} in {repository}, found none; "
                "a shallow clone gets it with: git fetch --unshallow"
            )
        write_atomic(target / name, done.stdout)
    if (found := file_sha256(target / MODEL_NAME)) != sha256:
        raise InvalidDataError(
            f"expected {MODEL_NAME} with sha256 {sha256[:12]}… at commit {revision[:12]}, got {found[:12]}…"
        )
    return target
