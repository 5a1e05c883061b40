"""`falseflaw train-inpainter`: trains a generator on photos of the inpainter's fold."""

from __future__ import annotations

from collections.abc import Mapping
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
from falseflaw.machine import available_cores

EXTRAS: tuple[str, ...] = ("synthesis", "train")


def run(config: DictConfig) -> None:
    """Trains, or goes on with what `run_dir` holds, and prints where the weights lie."""
    import torch

    from falseflaw.photos.folds import assign_folds
    from falseflaw.photos.product.masks import mask_folder
    from falseflaw.training.generators.run import train_inpainter
    from falseflaw.training.generators.stages import Stages
    from falseflaw.training.ranks import find_world
    from falseflaw.training.recording import record_run

    cores = available_cores()
    torch.set_num_threads(int(config.threads or cores))
    loggers = require_loggers(config)
    world = find_world(instantiate(config.trainer))
    if world.job is not None:
        check_goes_on(config, world.job)
    run_dir = claim_run_dir(config, world.is_first)
    config.run_dir = str(run_dir)
    stages = Stages(
        run_dir=run_dir,
        make_trainer=instantiate(config.trainer),
        make_loggers=lambda folder: make_loggers(loggers, config, folder),
        checkpoint_every=int(config.checkpoint_every),
        resume=config.resume,
        max_steps=int(config.trainer.max_steps),
        max_time=config.trainer.max_time,
        workers=int(config.batch_workers),
        progress=bool(config.progress),
    )
    changes = stages.check(plain(config))  # before anything is written
    recipe = instantiate(config.recipe)
    source = instantiate(config.photos)
    cache = Path(str(config.cache)).expanduser()
    split = plain(config.split)

    def record(learnt: Mapping[str, Any]) -> None:
        if world.is_first:
            checkpoint, step = stages.position()
            record_run(run_dir, config, int(config.seed), learnt, step, checkpoint, changes)

    with requeued_when_preempted(world.job, world.is_first), own_command_line("train-inpainter", run_dir):
        pipeline = train_inpainter(
            source=source,
            folds=assign_folds(source, split["fractions"], int(split["seed"]), cache, config.progress),
            split={str(key): value for key, value in split.items()},
            camera=instantiate(config.camera),
            engine=instantiate(config.damage),
            masker=instantiate(config.product_mask),
            masks=mask_folder(cache, plain(config.product_mask)),
            recipe=recipe,
            stages=stages,
            seed=int(config.seed),
            workers=cores if config.workers is None else int(config.workers),
            settings={name: plain(config[name]) for name in ("camera", "damage", "product_mask")},
            record=record,
        )
    if world.is_first:
        print(pipeline)


def how_to_go_on(config: DictConfig) -> str:
    """Returns what is true of a training that was stopped: the very call that goes on with it."""
    saved = any(Path(config.run_dir).glob("*/checkpoints/last.ckpt"))
    return call_to_go_on("train-inpainter", config, saved)
