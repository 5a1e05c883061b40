"""`falseflaw synthesize`: builds a dataset of matched sets and says how long each stage took."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from falseflaw.paths import find_existing

EXTRAS: tuple[str, ...] = ("synthesis",)
RAW_KEYS = ("output", "cache")
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
    masker = instantiate(config.product_mask)
    report = synthesize(
        source,
        folds,
        instantiate(config.camera),
        instantiate(config.damage),
        masker,
        lambda: instantiate(config.inpainter),
        settings,
        output,
        config=recorded,
        mask_cache=cache / "product_masks" / _masker_name(masker, recorded["product_mask"]),
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


def _masker_name(masker: object, values: dict[str, Any]) -> str:
    """Name of a cache folder that no masker with other values uses."""
    digest = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
    return f"{type(masker).__name__}-{digest[:8]}"


def _command() -> list[str]:
    """Overrides of the command line, but for those that only steer."""
    given = HydraConfig.get().overrides.task
    return [text for text in given if text.split("=")[0].lstrip("+") not in _STEERING]
