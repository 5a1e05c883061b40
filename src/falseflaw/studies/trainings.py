"""Trainings that a study sets side by side: called once, gone on with after a stop, never mixed up."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from falseflaw.errors import ConfigurationError
from falseflaw.imaging.codec import write_atomic

EDITS = (
    *("authentic", "null_edit", "simulated_damage", "local_edit", "inpainted_spliced", "inpainted_feathered"),
    *("inpainted_regenerated", "refilled", "autoencoded"),
)
"""Members that studies measure; hand edits and round trips are neither fakes nor false alarms."""

DONE_NAME = "trained.json"


def falseflaw(*words: str) -> None:
    """Runs a verb in a process of its own.

    Raises:
        SystemExit: It failed, with its exit code; it has told why.
    """
    done = subprocess.run([sys.executable, "-m", "falseflaw.cli.main", *words], check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


def minutes_of(minutes: float) -> list[str]:
    """Returns overrides of `train` that end it after so many minutes, its learning rate falling until then.

    Raises:
        ConfigurationError: Not above 0.
    """
    seconds = round(60 * minutes)
    if seconds < 1:
        raise ConfigurationError(f"expected minutes of training above 0, got {minutes:g}")
    days, rest = divmod(seconds, 86_400)
    time = f"{days:02d}:{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return [f"trainer.max_time='{time}'", "trainer.max_steps=1000000", "optimizer.schedule=time"]


def train(run: Path, words: Sequence[str]) -> None:
    """Trains into a folder unless that was done; goes on with a training that was stopped.

    Args:
        run: The folder.
        words: Overrides of `falseflaw train`.

    Raises:
        ConfigurationError: It was done with other words.
        SystemExit: See `falseflaw`.
    """
    done = run / DONE_NAME
    if not done.is_file():
        falseflaw("train", *words, f"run_dir={run}", "resume=auto")
        write_atomic(done, json.dumps(list(words)).encode())
    elif json.loads(done.read_text(encoding="utf-8")) != list(words):
        raise ConfigurationError(
            f"expected the training in {run} to be called as before, got {' '.join(words)}; "
            "name another folder for it, or remove that one"
        )


def dataset_of(overrides: Sequence[str]) -> str | None:
    """Returns the dataset that overrides name, the last where there are several; None without one."""
    named = [word.partition("=")[2] for word in overrides if word.startswith("dataset=")]
    return named[-1] if named else None
