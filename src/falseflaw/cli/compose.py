"""Matched sets up to the inpainter, as `falseflaw synthesize` prepares them, for benchmarks and the like."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

if TYPE_CHECKING:
    from falseflaw.synthesis.prepare import PreparedSet


def compose_synthesis(overrides: Sequence[str]) -> DictConfig:
    """Returns the configuration of `falseflaw synthesize` with overrides; flaws as generators learnt them."""
    from hydra import compose, initialize_config_dir

    from falseflaw.cli.configuration.overrides import quote_paths
    from falseflaw.paths import config_dir

    given = list(overrides)
    if not any(text.startswith("damage=") for text in given):
        given.append("damage=small")
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        # Their output is named after the photos by the running verb alone, and is not written here.
        config: DictConfig = compose("synthesize", [*quote_paths(given), "output=unused"])
    return config


def prepare_sets(config: DictConfig, grid: int, factor: int, progress: bool = True) -> list[PreparedSet]:
    """Returns the sets that a build with this configuration would give its inpainter, in its order.

    Args:
        config: As `compose_synthesis` returns it; `folds` and `limit_sources` say which sources.
        grid: Of the inpainter: crop sides are multiples of this.
        factor: Of the inpainter: photo pixels per latent pixel.
        progress: Whether to show a bar.

    Raises:
        InvalidDataError: No source could be used, or the inpainter learnt from some of them.
    """
    from hydra.utils import instantiate
    from tqdm import tqdm

    from falseflaw.cli.mask_cache import mask_cache
    from falseflaw.dataset.lineage import check_unseen_photos
    from falseflaw.errors import ConfigurationError, FalseFlawError, InvalidDataError
    from falseflaw.machine import StageTimer
    from falseflaw.paths import find_existing
    from falseflaw.photos.folds import assign_folds
    from falseflaw.photos.product.masks import ProductMasks
    from falseflaw.synthesis.plan import Networks, make_plan
    from falseflaw.synthesis.prepare import SetMaker

    if "inpainters" in config.inpainter:
        raise ConfigurationError("expected one inpainter, such as inpainter=latent, got several")
    cache = Path(config.cache).expanduser()
    source, settings = instantiate(config.photos), instantiate(config.synthesis)
    folds = assign_folds(source, config.split.fractions, config.split.seed, cache)
    masks = ProductMasks(source, instantiate(config.product_mask), mask_cache(cache, config.product_mask))
    maker = SetMaker(source, masks, instantiate(config.damage), settings, grid, factor)
    networks = Networks((config.inpainter.name,), ("none",))
    plans = make_plan(source.photos(), folds, instantiate(config.camera), settings, networks)
    if config.inpainter.get("local", True):
        weights = find_existing(
            config.inpainter.path, "an inpainting pipeline", "name another inpainter.path"
        )
        check_unseen_photos(weights, [plan.photo for plan in plans])
    timer, sets, reason = StageTimer(), [], "no photo"
    for plan in tqdm(plans, desc="preparing photos", unit="photo", disable=not progress):
        try:
            sets.append(maker.prepare(plan, timer))
        except FalseFlawError as error:
            reason = str(error)
    if not sets:
        raise InvalidDataError(f"expected a usable photo, found none among {len(plans)}; last: {reason}")
    return sets
