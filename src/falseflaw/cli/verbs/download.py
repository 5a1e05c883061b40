"""`falseflaw download`: fetches public photo sets or weights, or checks copies that variables name."""

from __future__ import annotations

import os
from pathlib import Path

from omegaconf import DictConfig

from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.rewriters.public_weights import PUBLIC_WEIGHTS, WEIGHTS_VARIABLE
from falseflaw.photos.sets.clothing import CLOTHING
from falseflaw.photos.sets.download import Download, download, verify
from falseflaw.photos.sets.grocery import GROCERY
from falseflaw.photos.sets.indexed import PHOTOS_VARIABLE, PublicSet

EXTRAS: tuple[str, ...] = ()

PUBLIC_SETS = {public_set.name: public_set for public_set in (CLOTHING, GROCERY)}
_BY_HAND = frozenset({"real_damage", "camera_originals"})


def run(config: DictConfig) -> None:
    """Completes the chosen sets below `output`, or the chosen weights, and prints what is there."""
    if config.weights:
        for name in config.weights:
            _complete_weights(str(name), config)
        return
    for part in config.photos.get("sets", [config.photos]):
        *_, package, module, _ = str(part["_target_"]).split(".")
        name = package if module == "source" else module  # either is named after the set
        if name in _BY_HAND:
            raise ConfigurationError(
                f"expected photos=clothing or photos=grocery, got {name}, which has no download yet; "
                "data/README.md says where its photos come from"
            )
        if name in PUBLIC_SETS:
            _complete(PUBLIC_SETS[name], config)
        else:
            print(f"{name}: nothing to download; photos=clothing and photos=grocery are public sets")


def how_to_go_on(config: DictConfig) -> str:
    """Returns what is true of a download that was stopped."""
    return "files that have arrived are kept; run the same command again to go on"


def _complete_weights(name: str, config: DictConfig) -> None:
    if name not in PUBLIC_WEIGHTS:
        raise ConfigurationError(f"expected weights of {', '.join(PUBLIC_WEIGHTS)}, got {name!r}")
    weights = PUBLIC_WEIGHTS[name]
    if given := os.environ.get(WEIGHTS_VARIABLE):
        count = len(weights.read())
        print(
            f"{name}: {WEIGHTS_VARIABLE} is set; {count} files in {given}, "
            f"all as pinned ({weights.license_name})"
        )
        return
    folder = Path(config.weights_folder).expanduser() / name
    fetched = download(weights, folder, None, _how(config))
    print(
        f"{name}: {fetched.fetched} files fetched, {fetched.kept} kept, all in {folder} "
        f"({weights.license_name})"
    )


def _how(config: DictConfig) -> Download:
    return Download(config.base_url, config.threads, config.attempts, config.pause, config.timeout)


def _complete(public_set: PublicSet, config: DictConfig) -> None:
    name, given = public_set.name, os.environ.get(PHOTOS_VARIABLE)
    if given:
        folder = Path(given) / name
        report = verify(public_set, folder, config.limit)
        print(
            f"{name}: {PHOTOS_VARIABLE} is set; {report.kept} of {report.total} photos in {folder}, "
            f"all as pinned ({public_set.license_name})"
        )
        return
    folder = Path(config.output).expanduser() / name
    fetched = download(public_set, folder, config.limit, _how(config))
    print(
        f"{name}: {fetched.fetched} photos fetched, {fetched.kept} kept, {fetched.total} in {folder} "
        f"({public_set.license_name})"
    )
