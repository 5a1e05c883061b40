"""`falseflaw train`: trains a detector on a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from falseflaw.cli.process.training_run import (
    call_to_go_on,
    check_goes_on,
    claim_run_dir,
    make_loggers,
    own_command_line,
    plain,
    requeued_when_preempted,
    require_loggers,
)

EXTRAS: tuple[str, ...] = ("train",)


def run(config: DictConfig) -> None:
    """Builds what the configuration names, trains, and prints where the best checkpoint lies."""
    from falseflaw.training.detector.run import train
    from falseflaw.training.ranks import find_world
    from falseflaw.training.recording import record_run
    from falseflaw.training.resuming import check_unchanged, find_resume

    wanted = require_loggers(config)
    world = find_world(instantiate(config.trainer))
    if world.job is not None:
        check_goes_on(config, world.job)
    run_dir = claim_run_dir(config, world.is_first)
    config.run_dir = str(run_dir)
    checkpoint = find_resume(config.resume, run_dir / "checkpoints")  # before anything is written
    changes = [] if checkpoint is None else check_unchanged(checkpoint, plain(config))
    learnt = _learnt_from(config, checkpoint, run_dir)
    data = instantiate(config.data)
    make_trainer = instantiate(config.trainer)  # anew: a profiler may write into the folder that was claimed

    def record(step: int) -> None:
        if world.is_first:
            record_run(run_dir, config, config.seed, learnt, step, checkpoint, changes)

    with requeued_when_preempted(world.job, world.is_first), own_command_line("train", run_dir):
        result = train(
            detector=plain(config.model),
            loss=plain(config.loss),
            optimizer=plain(config.optimizer),
            data=data,
            make_trainer=make_trainer,
            loggers=make_loggers(wanted, config, run_dir),
            run_dir=run_dir,
            seed=config.seed,
            ema_decay=config.ema_decay,
            checkpoint_every=config.checkpoint_every,
            resume=config.resume,
            start=config.start,
            start_partly=config.start_partly,
            callbacks=[instantiate(callback) for callback in (config.get("callbacks") or {}).values()],
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
    saved = (Path(config.run_dir) / "checkpoints" / "last.ckpt").is_file()
    return call_to_go_on("train", config, saved)


def _learnt_from(config: DictConfig, checkpoint: Path | None, run_dir: Path) -> dict[str, Any]:
    from falseflaw.dataset.lineage import check_same, learnt_from, read_learnt_from
    from falseflaw.training.detector.starting import learnt_before

    if checkpoint is not None:
        earlier = read_learnt_from(checkpoint.parent.parent)
    else:
        earlier = learnt_before(config.start) if config.start is not None else {}
    further = [Path(folder) for folder in config.data.get("further_layers", ())]
    learnt = learnt_from(Path(config.data.dataset), earlier, further)
    if checkpoint is not None and checkpoint.parent.parent.resolve() == run_dir.resolve():
        check_same(earlier, learnt, run_dir)
    return learnt
