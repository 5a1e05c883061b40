"""`falseflaw synthesize`: builds a dataset of matched sets and says how long each stage took."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from falseflaw.cli.audit import audit_dataset
from falseflaw.cli.configuration.overrides import without
from falseflaw.cli.mask_cache import mask_cache
from falseflaw.paths import find_existing

if TYPE_CHECKING:
    from falseflaw.photos.source import Photo
    from falseflaw.synthesis.build import BuildReport

EXTRAS: tuple[str, ...] = ("synthesis",)
_STEERING = ("output", "cache", "overwrite", "progress", "audit", "engine")
"""Keys that do not change what the images look like."""


def run(config: DictConfig) -> None:
    """Builds the dataset that the configuration describes."""
    from falseflaw.dataset.folder import AUDIT_NAME

    output = Path(config.output).expanduser()
    report = planned(config, _command())()
    if report.built:
        stages = ", ".join(f"{name} {seconds / report.built:.2f}" for name, seconds in report.seconds.items())
        print(f"seconds a source: {stages}")
    already = report.sources - report.built
    print(
        f"{output}: {report.images} images of {report.sources} sources"
        f"{f', {already} of them there before' if already else ''}"
        f"{f', {len(report.skipped)} sources skipped' if report.skipped else ''}; see DATASHEET.md"
    )
    if config.audit:
        from falseflaw.audit.audit import audited

        if not audited(output):
            print()
            audit_dataset(output, _folders(config).values(), output / AUDIT_NAME, config.progress)


def planned(config: DictConfig, command: Sequence[str]) -> Callable[[], BuildReport]:
    """Returns the build that the configuration describes, with nothing made yet but the folds.

    Args:
        config: As `conf/synthesize.yaml` composes it.
        command: Overrides of the command line, for the datasheet.
    """
    from falseflaw.photos.folds import assign_folds
    from falseflaw.synthesis.build import synthesize
    from falseflaw.synthesis.networks import Writers
    from falseflaw.synthesis.plan import Networks, select_sources

    recorded: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    cache, output = Path(config.cache).expanduser(), Path(config.output).expanduser()
    engine = instantiate(config.engine)
    settings = instantiate(config.synthesis)
    source = instantiate(config.photos)
    folds = assign_folds(source, config.split.fractions, config.split.seed, cache)
    inpainters = _inpainters(config)
    autoencoders = instantiate(config.autoencoders)
    recorded["weights"] = _weights(config, select_sources(source.photos(), folds, settings))
    for key in _STEERING:
        recorded.pop(key)
    for part in (recorded["photos"], *recorded["photos"].get("sets", ()), recorded["autoencoders"]):
        part.pop("folder", None)
    for part in recorded["inpainter"].get("inpainters", {"": recorded["inpainter"]}).values():
        if part.get("local", True):
            part.pop("path")
    networks = Networks(
        tuple(inpainters),
        tuple(name for name in autoencoders.names if name not in autoencoders.reserved),
        tuple(name for name in autoencoders.names if name in autoencoders.reserved),
    )
    return partial(
        synthesize,
        source,
        folds,
        instantiate(config.camera),
        instantiate(config.damage),
        instantiate(config.product_mask),
        networks,
        lambda: Writers({name: instantiate(part) for name, part in inpainters.items()}, autoencoders),
        settings,
        output,
        engine=engine,
        config=recorded,
        mask_cache=mask_cache(cache, config.product_mask),
        overwrite=config.overwrite,
        command=command,
        progress=config.progress,
    )


def _inpainters(config: DictConfig) -> dict[str, DictConfig]:
    """Returns the configuration of every inpainter by its name: of one, or of several in `inpainters`."""
    parts = config.inpainter.inpainters.values() if "inpainters" in config.inpainter else [config.inpainter]
    return {str(part.name): part for part in parts}


def _weights(config: DictConfig, photos: Sequence[Photo]) -> dict[str, str]:
    """Returns the digest of the weights of every network, none of which may know the photos."""
    from falseflaw.dataset.lineage import check_unseen_photos, weights_digest

    digests = {}
    for name, folder in _folders(config).items():
        check_unseen_photos(folder, photos)
        digests[name] = weights_digest(folder)
    return digests


def _folders(config: DictConfig) -> dict[str, Path]:
    """Returns the folder of the weights of every network that has one."""
    hint = "train one with `falseflaw train-inpainter`"
    places = {
        name: str(part.path) for name, part in _inpainters(config).items() if part.get("local", True)
    } | {name: f"{config.autoencoders.folder}/{name}" for name in config.autoencoders.members}
    return {name: find_existing(path, "weights", hint) for name, path in places.items()}


def _command() -> list[str]:
    """Overrides of the command line, but for those that only steer."""
    return without(HydraConfig.get().overrides.task, _STEERING)
