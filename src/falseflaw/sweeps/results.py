"""What a sweep leaves: a table of its trials, plots, and the best configuration as an experiment."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from optuna import visualization
from optuna.study import Study
from optuna.trial import FrozenTrial

from falseflaw.imaging.codec import write_atomic
from falseflaw.sweeps.loop import counted
from falseflaw.sweeps.study import best_of
from falseflaw.training.changes import differences
from falseflaw.training.monitor import MONITOR

BEST_NAME = "best"
EXPERIMENT_FOLDER = "experiment"
"""As Hydra's group is called: the sweep's folder can be given as `--config-dir`."""

_PLOTS: Mapping[str, Callable[[Study], Any]] = {
    "history": visualization.plot_optimization_history,
    "importance": visualization.plot_param_importances,
    "parallel_coordinates": visualization.plot_parallel_coordinate,
}
_OWN = frozenset({"run_dir", "resume", "logger", "callbacks"})
"""Keys that are a run's own and no part of an experiment."""


def write_table(study: Study, folder: Path) -> None:
    """Writes `trials.csv` and `trials.md`, the best trial first, then those without a score."""
    rows = list(_rows(study))
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_atomic(folder / "trials.csv", text.getvalue().encode())
    lines = [" | ".join(names), " | ".join("---" for _ in names)]
    lines += [" | ".join(_shown(row.get(name, "")) for name in names) for row in rows]
    write_atomic(folder / "trials.md", "".join(f"| {line} |\n" for line in lines).encode())


def write_plots(study: Study, folder: Path) -> list[str]:
    """Writes Optuna's plots as HTML pages into `plots/`, which need no network.

    Returns:
        The names of those for which the complete trials do not suffice.
    """
    if sum(trial.value is not None for trial in counted(study)) < 2:
        return list(_PLOTS)
    (folder / "plots").mkdir(exist_ok=True)
    missing = []
    for name, plot in _PLOTS.items():
        try:
            page = plot(study).to_html(include_plotlyjs="directory")
        except (ValueError, RuntimeError):  # importance: all of one value
            missing.append(name)
            continue
        write_atomic(folder / "plots" / f"{name}.html", page.encode())
    if len(missing) < len(_PLOTS):
        from plotly.offline import get_plotlyjs

        write_atomic(folder / "plots" / "plotly.min.js", get_plotlyjs().encode())
    return missing


def write_best(
    study: Study,
    folder: Path,
    winner: Mapping[str, Any],
    plain: Mapping[str, Any],
    choices: Mapping[str, str | None],
) -> Path | None:
    """Writes `experiment/best.yaml`, with which `falseflaw train` makes the best trial again.

    Args:
        study: The study.
        folder: Of the sweep.
        winner: Resolved configuration of the best trial's training.
        plain: The same of `falseflaw train` with nothing but `choices`.
        choices: Group → option, of groups in which the winner's choice is not the default.

    Returns:
        The file, None where no trial is complete.
    """
    best = best_of(study)
    if best is None:
        return None
    overridden = [{f"override /{group}": option} for group, option in choices.items()]
    values: dict[str, Any] = {"defaults": [*overridden, "_self_"]} if overridden else {}
    for key, _, new in differences(plain, winner):
        if key.partition(".")[0] in _OWN or new == "absent":
            continue
        at = values
        *parts, last = key.split(".")
        for part in parts:
            at = at.setdefault(part, {})
        at[last] = new
    heading = (
        "# @package _global_\n"
        f"# Trial {best.number}, the best of {len(counted(study))} of the sweep {study.study_name}: "
        f"{MONITOR} {best.value:.4f}.\n"
    )
    path = folder / EXPERIMENT_FOLDER / f"{BEST_NAME}.yaml"
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, (heading + yaml.safe_dump(values, sort_keys=False, allow_unicode=True)).encode())
    return path


def _rows(study: Study) -> Iterator[dict[str, Any]]:
    for trial in sorted(counted(study), key=_place):
        seconds = None if trial.duration is None else round(trial.duration.total_seconds(), 1)
        score = trial.value
        if score is None and trial.intermediate_values:
            score = max(trial.intermediate_values.values())
        yield {
            "trial": trial.number,
            "state": trial.state.name.lower(),
            MONITOR: "" if score is None else score,
            "step": "" if trial.last_step is None else trial.last_step,
            "seconds": "" if seconds is None else seconds,
            **trial.params,
        }


def _place(trial: FrozenTrial) -> tuple[bool, float, int]:
    return trial.value is None, -(trial.value or 0.0), trial.number


def _shown(cell: Any) -> str:
    return f"{cell:.5g}" if isinstance(cell, float) else str(cell).replace("|", "\\|")
