"""Evaluations of other photos that a report shows besides its own, told apart from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from falseflaw.errors import ConfigurationError
from falseflaw.evaluation.figures.summary import (
    ComparisonSummary,
    Rate,
    RatesSummary,
    Summary,
    read_any_summary,
)
from falseflaw.paths import find_existing
from falseflaw.types import Edit


@dataclass(frozen=True)
class OtherEvaluation:
    """An evaluation of other photos.

    Attributes:
        folder: As it was named.
        summary: What it found.
    """

    folder: str
    summary: ComparisonSummary | RatesSummary

    @property
    def compares(self) -> bool:
        """Whether it compares inpainted photos with simulated damage, in matched sets."""
        return isinstance(self.summary, ComparisonSummary)

    @property
    def title(self) -> str:
        """The words for its photos."""
        photos = ", ".join(self.summary.provenance.photo_sets).replace("_", " ")
        return f"{photos}: matched sets" if self.compares else photos

    def differences(self, summary: Summary) -> list[str]:
        """Says in sentences what keeps its figures from standing next to those of a summary."""
        mine, other = self.summary, summary
        texts = []
        if mine.provenance.model["sha256"] != other.provenance.model["sha256"]:
            texts.append(
                f"Measured with another model file ({mine.provenance.model['sha256'][:12]}, here "
                f"{other.provenance.model['sha256'][:12]})."
            )
        if mine.operating_point != other.operating_point:
            texts.append("Measured at other thresholds or another temperature.")
        if mine.fold != other.fold:
            texts.append(f"Measured on the {mine.fold} fold.")
        return texts


def read_other_evaluations(folders: Sequence[str | Path], output: Path) -> list[OtherEvaluation]:
    """Reads other evaluation folders.

    Args:
        folders: Each with a summary.json.
        output: Folder of the evaluation at hand, which is none of them.

    Raises:
        ConfigurationError: A folder is named twice, or is the output.
        MissingDataError: A folder does not exist, or has no summary.
        InvalidDataError: Its summary is not one.
    """
    found, seen = [], {output.resolve()}
    for folder in folders:
        path = find_existing(
            folder, "an evaluation folder (other_evaluations)", "run `falseflaw evaluate` on it first"
        )
        if path.resolve() in seen:
            raise ConfigurationError(
                "expected other_evaluations= as distinct folders of other evaluations, "
                f"got {folder} twice or as output"
            )
        seen.add(path.resolve())
        found.append(OtherEvaluation(str(folder), read_any_summary(path)))
    return found


def rates_of(others: Sequence[OtherEvaluation], edit: Edit) -> list[tuple[OtherEvaluation, Rate]]:
    """Returns the rate of an edit in each evaluation that has it: first laundering, all products."""
    found = []
    for other in others:
        rates = other.summary.rates if isinstance(other.summary, RatesSummary) else ()
        entries = [entry for entry in rates if entry.edit == edit and entry.laundering == rates[0].laundering]
        if entries:
            found.append((other, entries[-1]))  # all products stand last
    return found
