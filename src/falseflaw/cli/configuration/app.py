"""How a verb meets Hydra: one primary config per verb, exceptions passed on unchanged."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import hydra
from omegaconf import DictConfig

from falseflaw.cli.configuration.overrides import hydra_arguments
from falseflaw.paths import config_dir


def run_hydra(verb: str, run: Callable[[DictConfig], None], overrides: list[str]) -> int:
    """Composes `conf/<verb>.yaml` with the overrides and calls `run` with the result, once per sweep job."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # raise instead of printing: the entry point words the error
    failures: list[Exception] = []

    def run_one(config: DictConfig) -> None:
        # Hydra reports a failed job in a line of its own; a single job needs no second line. In a sweep it
        # tells which job failed, and a launcher may use another process: there it stays as it is.
        try:
            run(config)
        except Exception as error:
            failures.append(error)

    sweeping = bool({"-m", "--multirun"} & set(overrides))
    previous = sys.argv
    sys.argv = [f"falseflaw {verb}", *hydra_arguments(overrides)]
    try:
        name = verb.replace("-", "_")
        task = run if sweeping else run_one
        hydra.main(version_base="1.3", config_path=str(config_dir()), config_name=name)(task)()
    finally:
        sys.argv = previous
    if failures:
        raise failures[0]
    return 0
