"""Which run of a sweep is exported: the best by the figure that its checkpoints were chosen by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.models.checkpoint import read_checkpoint
from falseflaw.statistics.text import aligned
from falseflaw.training.callbacks import MONITOR, BestAndLast

_CONFIG = "config.yaml"
_OWN = ("run_dir", "resume", "logger")
"""Keys that every run of a sweep has values of its own for, without learning anything else."""

_MEASURED_ON = "data.dataset"
_SHOWN = 10  # runners-up that are told


@dataclass(frozen=True)
class Candidate:
    """A run of a sweep.

    Attributes:
        folder: Of the run.
        score: Best value of the monitored figure on validation; higher is better.
        settings: Its configuration, by dotted key.
    """

    folder: Path
    score: float
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Choice:
    """The run that is exported.

    Attributes:
        candidates: All that can be, the best first.
        left_out: Folders of runs that cannot be, and why.
    """

    candidates: Sequence[Candidate]
    left_out: Mapping[str, str]

    @property
    def best(self) -> Candidate:
        """The one with the highest score; of equals, the first by name."""
        return self.candidates[0]

    @property
    def text(self) -> str:
        """Which run, why, and the runners-up, in lines."""
        best, others = self.best, self.candidates[1:]
        lead = f", {best.score - others[0].score:.4f} above the next" if others else ", the only one"
        lines = [f"best run: {best.folder} ({MONITOR} {best.score:.4f}{lead})"]
        keys = differing([candidate.settings for candidate in self.candidates])
        rows = [("run", MONITOR, *keys)]
        for candidate in self.candidates[: _SHOWN + 1]:
            values = (str(candidate.settings.get(key, "absent")) for key in keys)
            rows.append((candidate.folder.name, f"{candidate.score:.4f}", *values))
        lines.append(aligned(rows))
        if (more := len(self.candidates) - 1 - _SHOWN) > 0:
            lines.append(f"and {more} below")
        lines += [f"left out: {name}: {reason}" for name, reason in self.left_out.items()]
        return "\n".join(lines)


def choose(sweep: Path) -> Choice:
    """Finds the best run below a sweep's folder.

    Runs whose best checkpoint is missing, unreadable or never validated are left out, and told.

    Raises:
        MissingDataError: There is no run that can be exported.
        InvalidDataError: The runs were validated on different datasets: their scores do not compare.
    """
    found, left_out = [], {}
    for config in sorted(sweep.glob(f"*/{_CONFIG}")) or sorted(sweep.rglob(_CONFIG)):
        folder = config.parent
        try:
            found.append(Candidate(folder, _score(folder / "checkpoints" / "best.ckpt"), _settings(config)))
        except (MissingDataError, InvalidDataError) as error:
            left_out[str(folder.relative_to(sweep))] = str(error)
    if not found:
        told = "; ".join(left_out.values()) or "no folder with config.yaml"
        raise MissingDataError(
            f"expected a finished training below {sweep}, found none ({told}); make one with "
            "`falseflaw train -m`"
        )
    datasets = sorted({str(candidate.settings.get(_MEASURED_ON)) for candidate in found})
    if len(datasets) > 1:
        raise InvalidDataError(
            f"expected runs validated on one dataset in {sweep}, got {' and '.join(datasets[:2])}: their "
            f"{MONITOR} do not compare; pass run=FOLDER"
        )
    return Choice(sorted(found, key=lambda candidate: -candidate.score), left_out)


def differing(settings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns the keys that not all have the same value of, but for those that say where a run lies."""
    keys = dict.fromkeys(key for values in settings for key in values)
    absent = object()
    return [
        key
        for key in keys
        if key.split(".")[0] not in _OWN
        and any(values.get(key, absent) != settings[0].get(key, absent) for values in settings)
    ]


def _score(checkpoint: Path) -> float:
    """Returns the score that a best checkpoint was saved for.

    Raises:
        MissingDataError, InvalidDataError: It is not there, broken, or was saved without a validation.
    """
    for key, state in read_checkpoint(checkpoint).get("callbacks", {}).items():
        if str(key).startswith(BestAndLast.__qualname__) and state.get("best_score") is not None:
            return float(state["best_score"])
    raise InvalidDataError(f"expected {MONITOR} in {checkpoint}, got a checkpoint that was never validated")


def _settings(path: Path) -> dict[str, Any]:
    try:
        values = OmegaConf.to_container(OmegaConf.load(path))
    except (OSError, ValueError, YAMLError, OmegaConfBaseException) as error:
        raise InvalidDataError(f"cannot read {path}: {str(error).splitlines()[0]}") from error
    return dict(_flat("", values))


def _flat(prefix: str, value: Any) -> list[tuple[str, Any]]:
    if not isinstance(value, dict):
        return [(prefix, value)]
    dot = f"{prefix}." if prefix else ""
    return [pair for key, inner in value.items() for pair in _flat(f"{dot}{key}", inner)]
