"""What the verbs that train have in common: the folder of a run, its further processes, how it goes on."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from falseflaw import stopping
from falseflaw.claim import claim, claim_new
from falseflaw.cli.configuration.overrides import quote, without
from falseflaw.cli.main import require_extras

if TYPE_CHECKING:
    from falseflaw.training.slurm import RequeuedJob


def claim_run_dir(config: DictConfig, first: bool) -> Path:
    """Returns the folder of this job, claimed if this is the first process of its training.

    A folder named after the time gets another name where another training took it in the same second.
    """
    if in_sweep():  # each of its jobs has a folder below the sweep's
        named, folder = "", HydraConfig.get().runtime.output_dir
    else:
        named, folder = str(OmegaConf.to_container(config)["run_dir"]), config.run_dir  # type: ignore[index,call-overload]
    run_dir = Path(folder).expanduser().absolute()
    if first and "${now:" in named:
        return claim_new(run_dir)
    if first:
        claim(run_dir, "run_dir")
    return run_dir


def check_goes_on(config: DictConfig, job: RequeuedJob) -> None:
    """Checks that a job of SLURM, put back, goes on with its training.

    Raises:
        ConfigurationError: The same command would begin anew, or be refused.
    """
    named = "" if in_sweep() else str(OmegaConf.to_container(config)["run_dir"])  # type: ignore[index,call-overload]
    job.check_same_again(config.resume, named)


@contextmanager
def requeued_when_preempted(job: RequeuedJob | None, first: bool) -> Iterator[None]:
    """Puts a job of SLURM back once a signal has ended what stands in the `with` block, and all is saved.

    Args:
        job: None for what is no job of SLURM.
        first: Whether this process is the one to do so.
    """
    from falseflaw.training.slurm import PREEMPTING

    try:
        yield
    except BaseException:
        if job is not None and first and stopping.received() in PREEMPTING:
            print(f"falseflaw: {job.requeue(os.environ)}", file=sys.stderr)
        raise


def in_sweep() -> bool:
    """Returns whether this is a job of a sweep."""
    return bool(HydraConfig.get().mode == RunMode.MULTIRUN)


def call_to_go_on(verb: str, config: DictConfig, saved: bool) -> str:
    """Returns what is true of a training that was stopped: the very call that goes on with it.

    Args:
        verb: Its name.
        config: Of the job.
        saved: Whether there is a checkpoint.
    """
    if not saved:
        return "nothing was saved yet; run the same command again"
    words = without(HydraConfig.get().overrides.task, ("resume", "run_dir"))
    words = [*own_configs(), *words, "resume=auto", f"run_dir={config.run_dir}"]
    call = shlex.join(["falseflaw", verb, *words])
    rest = "; jobs of the sweep after this one were not begun" if in_sweep() else ""
    return f"the last step is saved; go on with: {call}{rest}"


def require_loggers(config: DictConfig) -> DictConfig | dict[str, Any]:
    """Returns the configurations of the loggers, by name.

    Raises:
        MissingExtraError: The package of one is not there.
    """
    wanted: DictConfig | dict[str, Any] = config.get("logger") or {}  # `~logger` takes the group away
    if any(is_wandb(logger) for logger in wanted.values()):
        require_extras(("wandb",))
    return wanted


def is_wandb(logger: Mapping[str, Any]) -> bool:
    """Returns whether a logger's configuration is one of W&B's."""
    return "wandb" in str(logger.get("_target_", "")).lower()


def make_loggers(wanted: Mapping[str, Any], config: DictConfig, folder: Path) -> list[Any]:
    """Returns the loggers; W&B also gets the resolved configuration, and shows the jobs of a sweep together.

    Args:
        wanted: As `require_loggers` returns them.
        config: Of the job.
        folder: What they write goes there.
    """
    made = []
    for logger in wanted.values():
        more: dict[str, Any] = {}
        if is_wandb(logger):
            more["config"] = plain(config)
            if in_sweep() and not logger.get("group"):
                more["group"] = Path(HydraConfig.get().sweep.dir).name
        make = instantiate(logger, save_dir=str(folder), _partial_=True)  # itself it has an argument config
        made.append(make(**more))
    return made


@contextmanager
def own_command_line(verb: str, run_dir: Path) -> Iterator[None]:
    """Lets Lightning start further processes of a distributed training, and clears up behind them.

    They get this process's own command with the overrides of this very job, and its folder; afterwards the
    next job of a sweep must not take what Lightning left in the environment for a launcher's orders.
    """
    from torch import distributed

    import __main__

    arguments, environment = sys.argv, dict(os.environ)
    script = getattr(__main__, "__file__", None) or arguments[0]
    own = f"run_dir={quote(str(run_dir))}"
    sys.argv = [str(script), verb, *own_configs(), *HydraConfig.get().overrides.task, own]
    try:
        yield
    finally:
        sys.argv = arguments
        os.environ.clear()
        os.environ.update(environment)
        if distributed.is_available() and distributed.is_initialized():
            distributed.destroy_process_group()


def own_configs() -> list[str]:
    """Returns the words of the call that are no overrides: its folder of configurations, if it names one."""
    sources = HydraConfig.get().runtime.config_sources
    return [f"--config-dir={source.path}" for source in sources if source.provider == "command-line"]


def plain(section: DictConfig) -> dict[str, Any]:
    """Returns a part of the configuration, resolved, of plain types."""
    values: dict[str, Any] = OmegaConf.to_container(section, resolve=True)  # type: ignore[assignment]
    return values
