"""How a verb meets Hydra: one primary config per verb, exceptions passed on unchanged."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import hydra
from omegaconf import DictConfig

from falseflaw.paths import config_dir


def run_hydra(verb: str, run: Callable[[DictConfig], None], overrides: list[str]) -> int:
    """Composes `conf/<verb>.yaml` with the overrides and calls `run` with the result, once per sweep job."""
    os.environ["HYDRA_FULL_ERROR"] = "1"  # raise instead of printing: the entry point words the error
    previous = sys.argv
    sys.argv = [f"falseflaw {verb}", *overrides]
    try:
        name = verb.replace("-", "_")
        hydra.main(version_base="1.3", config_path=str(config_dir()), config_name=name)(run)()
    finally:
        sys.argv = previous
    return 0
