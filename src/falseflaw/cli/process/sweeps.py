"""Gives every sweep a folder of its own, also where two begin in the same second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict

from falseflaw.claim import claim_new
from falseflaw.cli.configuration.overrides import quote


class OwnFolder(Callback):  # type: ignore[misc]
    """Makes a sweep's folder before Hydra does; jobs claim theirs below it, see `cli.train`."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Takes another name where a folder named after the time is there already."""
        named = OmegaConf.to_container(config.hydra.sweep, resolve=False)["dir"]  # type: ignore[index,call-overload]
        if "${now:" in str(named):
            folder = str(claim_new(Path(config.hydra.sweep.dir)))
            with open_dict(config):
                config.hydra.sweep.dir = folder
                # Hydra composes each job anew, from the overrides.
                config.hydra.overrides.hydra.append(f"hydra.sweep.dir={quote(folder)}")
