"""What the configuration of `falseflaw synthesize` stands for: a build, or its sets up to the inpainter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig, OmegaConf

from falseflaw.paths import WEIGHTS_HINT, find_existing

if TYPE_CHECKING:
    from falseflaw.photos.source import Photo
    from falseflaw.synthesis.build import BuildReport
    from falseflaw.synthesis.prepare import PreparedSet

STEERING = ("output", "cache", "overwrite", "progress", "audit", "engine", "minutes", "pack")
"""Keys that do not change what the images look like."""

_MORE_FOLDERS = ("vae_folder", "autoencoder_folder")
"""Keys of an inpainter that name weights beside its own."""


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


def compose_build(config: DictConfig, command: Sequence[str]) -> Callable[[], BuildReport]:
    """Returns the build that the configuration describes, with nothing made yet but the folds.

    Args:
        config: As `conf/synthesize.yaml` composes it.
        command: Overrides of the command line, for the datasheet.
    """
    from hydra.utils import instantiate

    from falseflaw.photos.folds import assign_folds
    from falseflaw.photos.product.masks import mask_folder
    from falseflaw.synthesis.build import synthesize
    from falseflaw.synthesis.networks import Writers
    from falseflaw.synthesis.plan import Networks
    from falseflaw.synthesis.selection import select_photos

    _set_device(config)
    recorded: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    recorded.pop("device")  # it is in the parts that compute
    cache, output = Path(config.cache).expanduser(), Path(config.output).expanduser()
    engine = instantiate(config.engine)
    settings = instantiate(config.synthesis)
    source = instantiate(config.photos)
    folds = assign_folds(source, config.split.fractions, config.split.seed, cache, config.progress)
    inpainters = _inpainters(config)
    autoencoders = instantiate(config.autoencoders)
    recorded["weights"] = _weights(config, select_photos(source.photos(), folds, settings)) | {
        name: other.digest for name, other in autoencoders.others.items() if other.digest
    }
    masker = recorded["product_mask"]
    for key in STEERING:
        recorded.pop(key)
    for part in (recorded["photos"], *recorded["photos"].get("sets", ()), recorded["autoencoders"]):
        part.pop("folder", None)
    for part in (recorded["autoencoders"].get("others") or {}).values():
        _without_folders(part)
    for part in recorded["inpainter"].get("inpainters", {"": recorded["inpainter"]}).values():
        _without_folders(part)
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
        mask_cache=mask_folder(cache, masker),
        overwrite=config.overwrite,
        command=command,
        progress=config.progress,
        minutes=config.minutes,
        pack=config.pack,
    )


def _set_device(config: DictConfig) -> None:
    """Sets the device of every network to the one that `device` names, if it names one.

    Raises:
        ConfigurationError: This machine has none of that name.
    """
    if config.device is None:
        return
    from falseflaw.devices import find_device

    device = str(find_device(str(config.device)))
    parts = [*_inpainters(config).values(), config.autoencoders]
    parts += (config.autoencoders.get("others") or {}).values()
    parts += [part.inpainter for part in parts if "inpainter" in part]
    for part in parts:
        if "device" in part:
            part.device = device


def _inpainters(config: DictConfig) -> dict[str, DictConfig]:
    """Returns the configuration of every inpainter by its name: of one, or of several in `inpainters`."""
    parts = config.inpainter.inpainters.values() if "inpainters" in config.inpainter else [config.inpainter]
    return {str(part.name): part for part in parts}


def _weights(config: DictConfig, photos: Sequence[Photo]) -> dict[str, str]:
    """Returns the digest of the weights of every network, none of which may know the photos."""
    from falseflaw.dataset.lineage import check_unseen_photos, weights_digest

    digests = {}
    for name, folder in weight_folders(config).items():
        check_unseen_photos(folder, photos)
        digests[name] = weights_digest(folder)
    return digests


def weight_folders(config: DictConfig) -> dict[str, Path]:
    """Returns the folder of the weights of every network that has one."""
    places = {
        f"{name}{what}": path
        for name, part in _inpainters(config).items()
        for what, path in _folders_of(part).items()
    }
    places |= {name: f"{config.autoencoders.folder}/{name}" for name in config.autoencoders.members}
    others = config.autoencoders.get("others") or {}
    places |= {
        f"{name}{what}": path for name, part in others.items() for what, path in _folders_of(part).items()
    }
    return {name: find_existing(path, "weights", WEIGHTS_HINT) for name, path in places.items()}


def _folders_of(part: DictConfig) -> dict[str, str]:
    """Returns the folders of an inpainter's weights: what follows its name → folder; none of a hub's."""
    found = _folders_of(part.inpainter) if "inpainter" in part else {}
    if part.get("path") and part.get("local", True):
        found[""] = str(part.path)
    return found | {f" {key}": str(part[key]) for key in _MORE_FOLDERS if part.get(key)}


def _without_folders(part: dict[str, Any]) -> None:
    """Takes those folders out of what is recorded: their digests stand for them."""
    if "inpainter" in part:
        _without_folders(part["inpainter"])
    if part.get("local", True):
        part.pop("path", None)
    for key in _MORE_FOLDERS:
        part.pop(key, None)


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

    from falseflaw.dataset.lineage import check_unseen_photos
    from falseflaw.errors import ConfigurationError, FalseFlawError, InvalidDataError
    from falseflaw.machine import StageTimer
    from falseflaw.photos.folds import assign_folds
    from falseflaw.photos.product.masks import ProductMasks, mask_folder
    from falseflaw.synthesis.plan import Networks, make_plan
    from falseflaw.synthesis.prepare import SetMaker

    if "inpainters" in config.inpainter:
        raise ConfigurationError("expected one inpainter, such as inpainter=latent, got several")
    cache = Path(config.cache).expanduser()
    source, settings = instantiate(config.photos), instantiate(config.synthesis)
    folds = assign_folds(source, config.split.fractions, config.split.seed, cache, progress)
    masker: dict[str, Any] = OmegaConf.to_container(config.product_mask, resolve=True)  # type: ignore[assignment]
    masks = ProductMasks(source, instantiate(config.product_mask), mask_folder(cache, masker))
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
