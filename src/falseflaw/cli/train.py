"""`falseflaw train`: trains a detector on a dataset."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from falseflaw.claim import claim, claim_new
from falseflaw.cli.configuration.overrides import quote, without
from falseflaw.cli.main import require_extras

EXTRAS: tuple[str, ...] = ("train",)


def run(config: DictConfig) -> None:
    """Builds what the configuration names, trains, and prints where the best checkpoint lies."""
    from falseflaw.training.ranks import find_world
    from falseflaw.training.recording import record_run
    from falseflaw.training.resuming import check_unchanged, find_resume
    from falseflaw.training.run import train

    wanted = config.logger or {}
    if any("wandb" in str(logger.get("_target_", "")).lower() for logger in wanted.values()):
        require_extras(("wandb",))
    world = find_world(instantiate(config.trainer))
    run_dir = _claim_run_dir(config, world.is_first)
    config.run_dir = str(run_dir)
    checkpoint = find_resume(config.resume, run_dir / "checkpoints")  # before anything is written
    changes = [] if checkpoint is None else check_unchanged(checkpoint, _plain(config))
    learnt = _learnt_from(Path(config.data.dataset), checkpoint, run_dir)
    data = instantiate(config.data)
    make_trainer = instantiate(config.trainer)  # anew: a profiler may write into the folder that was claimed

    def record(step: int) -> None:
        if world.is_first:
            record_run(run_dir, config, config.seed, learnt, step, checkpoint, changes)

    with _own_command_line(run_dir):
        result = train(
            detector=_plain(config.model),
            loss=_plain(config.loss),
            optimizer=_plain(config.optimizer),
            data=data,
            make_trainer=make_trainer,
            loggers=[instantiate(logger, save_dir=str(run_dir)) for logger in wanted.values()],
            run_dir=run_dir,
            seed=config.seed,
            ema_decay=config.ema_decay,
            checkpoint_every=config.checkpoint_every,
            resume=config.resume,
            record=record,
        )
    if not world.is_first:  # several processes ran this; one of them speaks
        return
    named = {name.removeprefix("val/"): value for name, value in result.figures.items()}
    shown = ", ".join(f"{name} {named[name]:.3f}" for name in ("score", "auroc", "ap", "f1") if name in named)
    print(f"best checkpoint: {result.best}")
    print(f"validation: {shown or 'none ran'} ({result.steps} steps, {result.seconds:.0f} s)")


def how_to_go_on(config: DictConfig) -> str:
    """Returns what is true of a training that was stopped: the very call that goes on with it."""
    if not (Path(config.run_dir) / "checkpoints" / "last.ckpt").is_file():
        return "nothing was saved yet; run the same command again"
    words = without(HydraConfig.get().overrides.task, ("resume", "run_dir"))
    call = shlex.join(["falseflaw", "train", *words, "resume=auto", f"run_dir={config.run_dir}"])
    rest = "; jobs of the sweep after this one were not begun" if _in_sweep() else ""
    return f"the last step is saved; go on with: {call}{rest}"


def _claim_run_dir(config: DictConfig, first: bool) -> Path:
    """Returns the folder of this job, claimed if this is the first process of its training.

    A folder named after the time gets another name where another training took it in the same second.
    """
    if _in_sweep():  # each of its jobs has a folder below the sweep's
        named, folder = "", HydraConfig.get().runtime.output_dir
    else:
        named, folder = str(OmegaConf.to_container(config)["run_dir"]), config.run_dir  # type: ignore[index,call-overload]
    run_dir = Path(folder).absolute()
    if first and "${now:" in named:
        return claim_new(run_dir)
    if first:
        claim(run_dir, "run_dir")
    return run_dir


def _in_sweep() -> bool:
    return bool(HydraConfig.get().mode == RunMode.MULTIRUN)


def _learnt_from(dataset: Path, checkpoint: Path | None, run_dir: Path) -> dict[str, Any]:
    from falseflaw.dataset.lineage import check_same, learnt_from, read_learnt_from

    earlier = read_learnt_from(checkpoint.parent.parent) if checkpoint is not None else {}
    learnt = learnt_from(dataset, earlier)
    if checkpoint is not None and checkpoint.parent.parent.resolve() == run_dir.resolve():
        check_same(earlier, learnt, run_dir)
    return learnt


@contextmanager
def _own_command_line(run_dir: Path) -> Iterator[None]:
    """Lets Lightning start further processes of a distributed training, and clears up behind them.

    They get this process's own command with the overrides of this very job, and its folder; afterwards the
    next job of a sweep must not take what Lightning left in the environment for a launcher's orders.
    """
    from torch import distributed

    import __main__

    arguments, environment = sys.argv, dict(os.environ)
    script = getattr(__main__, "__file__", None) or arguments[0]
    sys.argv = [str(script), "train", *HydraConfig.get().overrides.task, f"run_dir={quote(str(run_dir))}"]
    try:
        yield
    finally:
        sys.argv = arguments
        os.environ.clear()
        os.environ.update(environment)
        if distributed.is_available() and distributed.is_initialized():
            distributed.destroy_process_group()


def _plain(section: DictConfig) -> dict[str, Any]:
    values: dict[str, Any] = OmegaConf.to_container(section, resolve=True)  # type: ignore[assignment]
    return values
