"""`falseflaw synthesize`: builds a dataset of matched sets and says how long each stage took."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from falseflaw.cli.mask_cache import mask_cache
from falseflaw.cli.overrides import without
from falseflaw.paths import find_existing

EXTRAS: tuple[str, ...] = ("synthesis",)
_STEERING = ("output", "cache", "overwrite", "progress")
"""Keys that do not change what the images look like."""


def run(config: DictConfig) -> None:
    """Builds the dataset that the configuration describes."""
    from falseflaw.dataset.build import synthesize
    from falseflaw.dataset.plan import select_sources
    from falseflaw.dataset.weights import check_not_learnt_from, weights_digest
    from falseflaw.photos.split import assign_folds

    recorded: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    cache, output = Path(config.cache).expanduser(), Path(config.output).expanduser()
    settings = instantiate(config.synthesis)
    source = instantiate(config.photos)
    folds = assign_folds(source, config.split.fractions, config.split.seed, cache)
    if config.inpainter.get("local", True):
        hint = "train one with `falseflaw train-inpainter`"
        weights = find_existing(config.inpainter.path, "an inpainting pipeline", hint)
        chosen = select_sources(source.photos(), folds, settings)
        check_not_learnt_from(weights, source.name, {photo.contributor for photo in chosen})
        recorded["inpainter"]["path"] = f"sha256:{weights_digest(weights)}"
    for key in _STEERING:
        recorded.pop(key)
    recorded["photos"].pop("folder", None)
    report = synthesize(
        source,
        folds,
        instantiate(config.camera),
        instantiate(config.damage),
        instantiate(config.product_mask),
        lambda: instantiate(config.inpainter),
        settings,
        output,
        config=recorded,
        mask_cache=mask_cache(cache, config.product_mask),
        overwrite=config.overwrite,
        command=_command(),
        progress=config.progress,
    )
    if report.built:
        stages = ", ".join(f"{name} {seconds / report.built:.2f}" for name, seconds in report.seconds.items())
        print(f"seconds a source: {stages}")
    already = report.sources - report.built
    print(
        f"{output}: {report.images} images of {report.sources} sources"
        f"{f', {already} of them there before' if already else ''}"
        f"{f', {len(report.skipped)} sources skipped' if report.skipped else ''}; see DATASHEET.md"
    )


def _command() -> list[str]:
    """Overrides of the command line, but for those that only steer."""
    return without(HydraConfig.get().overrides.task, _STEERING)
