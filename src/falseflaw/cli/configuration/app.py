"""How a verb meets Hydra: one primary config per verb, exceptions passed on unchanged."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import hydra
from omegaconf import DictConfig

from falseflaw import stopping
from falseflaw.claim import release
from falseflaw.cli.configuration.overrides import hydra_arguments
from falseflaw.paths import config_dir


def run_hydra(
    verb: str,
    run: Callable[[DictConfig], None],
    overrides: list[str],
    how_to_go_on: Callable[[DictConfig], str],
) -> int:
    """Composes `conf/<verb>.yaml` with the overrides and calls `run` with the result, once per sweep job.

    Args:
        verb: Its name.
        run: Does the work of a job. What it has claimed is given up afterwards.
        overrides: Of the command line.
        how_to_go_on: Says what is true once a job was stopped: what is kept, and what to call to go on. A
            stopped job's exception carries that as a note.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # raise instead of printing: the entry point words the error
    failures: list[Exception] = []

    def run_one(config: DictConfig) -> None:
        # Hydra reports a failed job in a line of its own; a single job needs no second line. In a sweep it
        # tells which job failed, and a launcher may use another process: there it stays as it is.
        try:
            run_job(config)
        except Exception as error:
            failures.append(error)

    def run_job(config: DictConfig) -> None:
        try:
            run(config)
        except (Exception, KeyboardInterrupt) as error:
            if isinstance(error, Exception) and stopping.received() is None:
                raise
            stop = KeyboardInterrupt()  # also where a signal ended a worker before it ended this process
            stop.add_note(how_to_go_on(config))
            raise stop from error
        finally:
            release()

    sweeping = bool({"-m", "--multirun"} & set(overrides))
    previous = sys.argv
    sys.argv = [f"falseflaw {verb}", *hydra_arguments(overrides)]
    try:
        name = verb.replace("-", "_")
        task = run_job if sweeping else run_one
        hydra.main(version_base="1.3", config_path=str(config_dir()), config_name=name)(task)()
    finally:
        sys.argv = previous
        release()
    if failures:
        raise failures[0]
    return 0
