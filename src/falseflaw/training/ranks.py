"""Which process of a training this is: as its trainer says, whatever a scheduler left in the environment.

Lightning decides by `RANK`, `LOCAL_RANK` or `SLURM_PROCID` who writes records, also where one device trains
alone. A shell inside an allocation or a container of an orchestrator has such variables for other reasons.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import lightning.pytorch as pl
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities import rank_zero_only

from falseflaw.errors import ConfigurationError
from falseflaw.training.quiet import quieten
from falseflaw.training.slurm import RequeuedJob

_BY_HAND = ("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE")
"""What a process that was started by hand or by another one of the same training has beside `LOCAL_RANK`."""


@dataclass(frozen=True)
class World:
    """The processes of a training.

    Attributes:
        size: How many.
        rank: Number of this one, from 0; process 0 writes and speaks.
        job: The job of SLURM that they belong to and that is put back when it is preempted; None for none.
    """

    size: int
    rank: int
    job: RequeuedJob | None = None

    @property
    def is_first(self) -> bool:
        """Whether this process writes what the training leaves."""
        return self.rank == 0


def find_world(make_trainer: Callable[..., pl.Trainer]) -> World:
    """Asks a trainer which process of how many this is, before anything is written.

    Args:
        make_trainer: As for `training.run.train`.

    Raises:
        ConfigurationError: There is no such device, or the environment contradicts the trainer.
    """
    trainer = build_trainer(make_trainer, logger=False, enable_checkpointing=False)
    environment = trainer._accelerator_connector.cluster_environment
    job = environment if isinstance(environment, RequeuedJob) else None
    return World(trainer.world_size, trainer.global_rank, job)


def build_trainer(make_trainer: Callable[..., pl.Trainer], **arguments: object) -> pl.Trainer:
    """Builds a trainer, has all records follow its ranks and checks them against the environment.

    Raises:
        ConfigurationError: There is no such device, or the environment contradicts the trainer.
    """
    quieten()
    try:
        trainer = make_trainer(**arguments)
    except (MisconfigurationException, RuntimeError, ValueError) as error:
        raise ConfigurationError(_worded(error, os.environ)) from error
    # A single device leaves there what the environment said.
    rank_zero_only.rank = trainer.global_rank  # type: ignore[attr-defined]
    if trainer.world_size > 1:
        _check(trainer, os.environ)
    return trainer


def _check(trainer: pl.Trainer, environment: Mapping[str, str]) -> None:
    """Refuses what would wait for other processes for ever."""
    size, rank = trainer.world_size, trainer.global_rank
    named = environment.get("WORLD_SIZE")
    started = isinstance(trainer.strategy.cluster_environment, LightningEnvironment)  # type: ignore[attr-defined]
    missing = [name for name in _BY_HAND if name not in environment]
    if started and "LOCAL_RANK" in environment and missing:
        raise ConfigurationError(
            f"expected no LOCAL_RANK in the environment, or {missing[0]} beside it as in each of the {size} "
            f"processes of one training, got LOCAL_RANK={environment['LOCAL_RANK']} alone; unset LOCAL_RANK"
        )
    if "LOCAL_RANK" in environment and named is not None and named != str(size):
        raise ConfigurationError(
            f"expected as many processes as trainer.devices and trainer.num_nodes say, {size}, "
            f"got WORLD_SIZE={named} in the environment; correct one of them"
        )
    if not 0 <= rank < size:
        raise ConfigurationError(
            f"expected this process as one of {size}, got number {rank} from LOCAL_RANK, NODE_RANK or "
            "GROUP_RANK in the environment; unset them"
        )


def _worded(error: Exception, environment: Mapping[str, str]) -> str:
    """Returns one line of a trainer's own error, with the way out."""
    text = " ".join(str(error).split()).rstrip(".")
    if re.search(r"backend found|not available|requested (gpu|cuda)", text, re.IGNORECASE):
        return f"expected a trainer for a device that this machine has, got none ({text}); pass trainer=cpu"
    slurm = sorted(name for name in environment if name.startswith("SLURM_NTASKS"))
    if slurm and "SLURM" in text:
        return f"{text}; start with srun, or without SLURM: unset {' '.join(slurm)}"
    return f"cannot build the trainer: {text}"
