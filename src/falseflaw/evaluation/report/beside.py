"""Evaluations of other photos that a report shows beside its own, told apart from them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.evaluation.figures.summary import SUMMARY_NAME
from falseflaw.paths import find_existing
from falseflaw.types import Edit

Json = dict[str, Any]


@dataclass(frozen=True)
class Beside:
    """Another evaluation.

    Attributes:
        folder: As it was named.
        summary: Of `rates.summarize` or of `summary.summarize`.
    """

    folder: str
    summary: Json

    @property
    def compares(self) -> bool:
        """Whether it compares inpainted photos with simulated damage, in matched sets."""
        return "launderings" in self.summary

    @property
    def title(self) -> str:
        """The words for its photos."""
        photos = ", ".join(self.summary["provenance"]["photo_sets"]).replace("_", " ")
        return f"{photos}: matched sets" if self.compares else photos

    def differences(self, summary: Json) -> list[str]:
        """Says in sentences what keeps its figures from standing next to those of a summary."""
        mine, other = self.summary, summary
        texts = []
        if mine["provenance"]["model"]["sha256"] != other["provenance"]["model"]["sha256"]:
            texts.append(
                f"Measured with another model file ({mine['provenance']['model']['sha256'][:12]}, here "
                f"{other['provenance']['model']['sha256'][:12]})."
            )
        if mine["operating_point"] != other["operating_point"]:
            texts.append("Measured at other thresholds or another temperature.")
        if mine["fold"] != other["fold"]:
            texts.append(f"Measured on the {mine['fold']} fold.")
        return texts


def read_beside(folders: Sequence[str | Path], output: Path) -> list[Beside]:
    """Reads other evaluation folders.

    Args:
        folders: Each with a summary.json.
        output: Folder of the evaluation at hand, which is none of them.

    Raises:
        ConfigurationError: A folder is named twice, or is the output.
        MissingDataError: A folder does not exist.
        InvalidDataError: Its summary is missing or not one.
    """
    found, seen = [], {output.resolve()}
    for folder in folders:
        path = find_existing(folder, "an evaluation folder (beside)", "run `falseflaw evaluate` on it first")
        if path.resolve() in seen:
            raise ConfigurationError(
                f"expected beside= as distinct folders of other evaluations, got {folder} twice or as output"
            )
        seen.add(path.resolve())
        found.append(Beside(str(folder), _read(path / SUMMARY_NAME)))
    return found


def rates_of(besides: Sequence[Beside], edit: Edit) -> list[tuple[Beside, Json]]:
    """Returns the rate of an edit in each evaluation that has it: first laundering, all products."""
    found = []
    for beside in besides:
        rates = beside.summary.get("rates", [])
        entries = [
            entry
            for entry in rates
            if entry["edit"] == edit and entry["laundering"] == rates[0]["laundering"]
        ]
        if entries:
            found.append((beside, entries[-1]))  # all products stand last
    return found


def _read(path: Path) -> Json:
    """Reads a summary of either sort as far as the report looks at it."""
    try:
        summary: Json = json.loads(path.read_text(encoding="utf-8"))
        entry = summary["rates"][0] if "rates" in summary else summary["launderings"][0]["headline"]
        entry["flagged" if "rates" in summary else "fpr"]["value"]
        summary["operating_point"], summary["fold"], summary["sources"]
        summary["provenance"]["model"]["sha256"], summary["provenance"]["photo_sets"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InvalidDataError(
            f"expected the summary of an evaluation at {path}, got none to be read "
            f"({type(error).__name__}: {error}); run `falseflaw evaluate` there again"
        ) from error
    return summary
