"""`falseflaw train-inpainter`: trains the bundled inpainting pipeline on photos of the inpainter's fold."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from falseflaw.claim import claim

EXTRAS: tuple[str, ...] = ("synthesis",)


def run(config: DictConfig) -> None:
    """Trains, or goes on with what `output` holds, and prints where the pipeline lies."""
    import torch
    from hydra.utils import instantiate

    from falseflaw.photos.folds import assign_folds
    from falseflaw.photos.product.masks import mask_folder
    from falseflaw.training.generators.run import train_inpainter

    output = Path(str(config.output)).expanduser()
    claim(output)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    torch.set_num_threads(int(config.threads or cores))
    recipe = instantiate(config.recipe)
    source = instantiate(config.photos)
    cache = Path(str(config.cache)).expanduser()
    split = OmegaConf.to_container(config.split, resolve=True)
    masker: dict[str, Any] = OmegaConf.to_container(config.product_mask, resolve=True)  # type: ignore[assignment]
    assert isinstance(split, dict)
    pipeline = train_inpainter(
        source=source,
        folds=assign_folds(source, split["fractions"], int(split["seed"]), cache),
        split={str(key): value for key, value in split.items()},
        camera=instantiate(config.camera),
        engine=instantiate(config.damage),
        masker=instantiate(config.product_mask),
        masks=mask_folder(cache, masker),
        recipe=recipe,
        output=output,
        seed=int(config.seed),
        workers=cores if config.workers is None else int(config.workers),
        progress=bool(config.progress),
        settings={
            name: OmegaConf.to_container(config[name], resolve=True)
            for name in ("camera", "damage", "product_mask")
        },
    )
    print(pipeline)


def how_to_go_on(config: DictConfig) -> str:
    """Returns what is true of a training that was stopped."""
    return f"what was saved is kept in {config.output}; run the same command again to go on"
