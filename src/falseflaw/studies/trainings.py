"""Trainings that a study sets side by side: called once, gone on with after a stop, never mixed up."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import TypeVar

from falseflaw.dataset.layers import LAYERS_NAME, read_layers
from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import ConfigurationError
from falseflaw.imaging.codec import write_atomic
from falseflaw.machine import available_cores

_Name = TypeVar("_Name")
_Result = TypeVar("_Result")

EDITS = (
    *("authentic", "null_edit", "simulated_damage", "local_edit", "inpainted_spliced", "inpainted_feathered"),
    *("inpainted_regenerated", "refilled", "autoencoded"),
)
"""Members that studies measure; hand edits and round trips are neither fakes nor false alarms."""

DONE_NAME = "trained.json"

CLOCKS = ("wall", "processor")
"""What a training's minutes are read from: `processor` counts those of its own threads."""


def falseflaw(*words: str) -> None:
    """Runs a verb in a process of its own.

    Raises:
        SystemExit: It failed, with its exit code; it has told why.
    """
    done = subprocess.run([sys.executable, "-m", "falseflaw.cli.main", *words], check=False)
    if done.returncode:
        raise SystemExit(done.returncode)


def at_once(jobs: int, calls: Mapping[_Name, Callable[[], _Result]]) -> dict[_Name, _Result]:
    """Makes calls that start processes, several at a time, each with its share of the cores.

    Args:
        jobs: Most of them at a time.
        calls: By name, in the order in which they are begun.

    Returns:
        What each returned, in the same order.

    Raises:
        ConfigurationError: `jobs` is below 1.
        SystemExit: One of them failed; those that had begun are ended first, others are not begun.
    """
    if jobs < 1:
        raise ConfigurationError(f"expected trainings at once of at least 1, got {jobs}")
    if jobs > 1:  # threads of several trainings on the same core only get in each other's way
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, available_cores() // jobs)))
    failed = Event()

    def begin(call: Callable[[], _Result]) -> _Result:
        if failed.is_set():
            raise SystemExit(1)  # nobody sees it: the one that failed is told
        try:
            return call()
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(jobs) as pool:
        begun = {name: pool.submit(begin, call) for name, call in calls.items()}
        try:
            return {name: future.result() for name, future in begun.items()}
        except BaseException:
            failed.set()
            raise


def minutes_of(minutes: float, clock: str = "wall") -> list[str]:
    """Returns overrides of `train` that end it after so many minutes, its learning rate falling until then.

    Args:
        minutes: Of all parts of the training, if it is stopped and gone on with.
        clock: One of `CLOCKS`.

    Raises:
        ConfigurationError: Less than a second, or another clock.
    """
    seconds = round(60 * minutes)
    if seconds < 1:
        raise ConfigurationError(f"expected minutes of training above 0, got {minutes:g}")
    endless = ["trainer.max_steps=1000000", "optimizer.schedule=time"]
    if clock == "processor":
        timer = f"{{_target_:falseflaw.training.processor_time.ProcessorTimer,minutes:{float(minutes)}}}"
        return ["trainer.max_time=null", f"+callbacks.minutes={timer}", *endless]
    if clock != "wall":
        raise ConfigurationError(f"expected a clock of {', '.join(CLOCKS)}, got {clock!r}")
    days, rest = divmod(seconds, 86_400)
    time = f"{days:02d}:{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return [f"trainer.max_time='{time}'", *endless]


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


def train_and_measure(run: Path, words: Sequence[str], asked: Sequence[str]) -> Path:
    """Trains, and evaluates on fold val, what of it is not done; returns the evaluation's folder.

    Args:
        run: Folder of the training.
        words: Overrides of `falseflaw train`.
        asked: Overrides of `falseflaw evaluate`.

    Raises:
        ConfigurationError, SystemExit: See `train`.
    """
    train(run, words)
    folder = run / "evaluation"
    if not (folder / "summary.json").is_file():
        # Few replicates: studies have intervals of their own.
        chosen = ["fold=val", "workers=0", "replicates=20", "examples=0"]
        falseflaw("evaluate", f"run={run}", f"output={folder}", "device=onnx", *chosen, *asked)
    return folder


def add_arguments(parser: argparse.ArgumentParser, runs: str, minutes: float, seeds: int) -> None:
    """Adds what all studies of trainings in equal minutes take."""
    parser.add_argument("--minutes", type=float, default=minutes)
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--limit", type=int, default=150)
    parser.add_argument("--clock", choices=CLOCKS, default=CLOCKS[0])
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--runs", default=runs)


def begin(root: Path, options: argparse.Namespace, overrides: list[str]) -> tuple[str, Path]:
    """Checks what was asked for and makes the folder of the runs.

    Args:
        root: What relative folders lie in.
        options: Of `add_arguments`.
        overrides: Of `falseflaw train`; the dataset that all learn from is added where none is named.

    Returns:
        The dataset, and the folder.

    Raises:
        ConfigurationError: Fewer than one seed.
    """
    if options.seeds < 1:
        raise ConfigurationError(f"expected --seeds of at least 1, got {options.seeds}")
    dataset = dataset_of(overrides)
    if dataset is None:
        dataset = "data/datasets/reference"
        overrides.append(f"dataset={dataset}")
    runs: Path = root / options.runs
    runs.mkdir(parents=True, exist_ok=True)
    return dataset, runs


def spoken_minutes(minutes: float, clock: str) -> str:
    """Returns the minutes of a training in words."""
    return f"{minutes:g} {'minutes' if clock == CLOCKS[0] else 'minutes of the processor'}"


def dataset_of(overrides: Sequence[str]) -> str | None:
    """Returns the dataset that overrides name, the last where there are several; None without one."""
    named = [word.partition("=")[2] for word in overrides if word.startswith("dataset=")]
    return named[-1] if named else None


def networks_of(dataset: Path) -> set[str]:
    """Returns the networks whose pixels a dataset has, in members and in layers.

    Raises:
        MissingDataError, InvalidDataError: There is no dataset, or a broken one.
    """
    present = set(read_manifest(dataset)["generator"])
    if (dataset / LAYERS_NAME).is_file():
        present |= set(read_layers(dataset)["writer"])
    return present - {""}
