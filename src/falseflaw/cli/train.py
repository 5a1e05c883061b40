"""`falseflaw train`: trains a detector on a dataset."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf, read_write

from falseflaw.cli.configuration.overrides import escape, quote
from falseflaw.cli.main import require_extras

EXTRAS: tuple[str, ...] = ("train",)


def run(config: DictConfig) -> None:
    """Builds what the configuration names, trains, and prints where the best checkpoint lies."""
    from lightning.pytorch.utilities import rank_zero_only

    from falseflaw.training.recording import record_run
    from falseflaw.training.run import find_resume, train

    run_dir = Path(HydraConfig.get().runtime.output_dir)
    config.run_dir = str(run_dir)  # a job of a sweep has a folder of its own
    wanted = config.logger or {}
    if any("wandb" in str(logger.get("_target_", "")).lower() for logger in wanted.values()):
        require_extras(("wandb",))
    checkpoint = find_resume(config.resume, run_dir / "checkpoints")  # before anything is written
    learnt = _learnt_from(Path(config.data.dataset), checkpoint, run_dir)
    data = instantiate(config.data)
    make_trainer = instantiate(config.trainer)
    rank_zero_only(record_run)(run_dir, config, config.seed, learnt)
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
        )
    if getattr(rank_zero_only, "rank", 0) != 0:  # several processes ran this; one of them speaks
        return
    named = {name.removeprefix("val/"): value for name, value in result.figures.items()}
    shown = ", ".join(f"{name} {named[name]:.3f}" for name in ("score", "auroc", "ap", "f1") if name in named)
    print(f"best checkpoint: {result.best}")
    print(f"validation: {shown or 'none ran'} ({result.steps} steps, {result.seconds:.0f} s)")


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
    sys.argv = [str(script), "train", *HydraConfig.get().overrides.task]
    settings = HydraConfig.get()
    with read_write(settings):
        # Lightning puts it between quotes and no more.
        settings.run.dir = escape(quote(str(run_dir), mark='"')[1:-1])
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
