"""`falseflaw verify`: checks that a bundle is whole, of one piece, and the model that was measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.paths import BUNDLE_HINT, find_existing
from falseflaw.types import Image

EXTRAS: tuple[str, ...] = ()


def run(config: DictConfig) -> None:
    """Prints a line for every check.

    Raises:
        InvalidDataError: One failed.
        ConfigurationError: A value is out of range.
    """
    from falseflaw.release.checks import Material, State, run_checks

    for key, least in (("parity_photos", 2), ("sources", 1)):  # pairs are compared too
        if not (isinstance(config[key], int) and config[key] >= least):
            raise ConfigurationError(f"expected {key} of at least {least}, got {config[key]!r}")
    if (config.dataset is None) != (config.evaluation is None):
        given, other = ("dataset", "evaluation") if config.evaluation is None else ("evaluation", "dataset")
        raise ConfigurationError(f"expected {other}=FOLDER beside {given}=, got none")
    bundle, public = find_existing(str(config.bundle), "a bundle", BUNDLE_HINT), config.verify.key
    material = Material(
        photos=lambda: _photos(config),
        key=None if public is None else Path(str(public)).expanduser(),
        dataset=_folder(config.dataset, "the dataset that was evaluated"),
        evaluation=_folder(config.evaluation, "an evaluation"),
        sources=config.sources,
    )
    failed = []
    for check in run_checks(bundle, material):
        print(check.line(), flush=True)
        if check.state is State.FAIL:
            failed.append(check)
    if failed:
        more = f" (and {len(failed) - 1} other checks)" if len(failed) > 1 else ""
        raise InvalidDataError(f"{bundle} does not hold, {failed[0].name}{more}: {failed[0].text}")
    print(f"{bundle} holds")


def how_to_go_on(config: DictConfig) -> str:
    """Returns what is true of a check that was stopped."""
    return "nothing was written; run the same command again"


def _folder(given: str | None, what: str) -> Path | None:
    return None if given is None else find_existing(given, what, "correct the path")


def _photos(config: DictConfig) -> tuple[Sequence[Image], str]:
    """Returns the photos to prove parity on, and what they are."""
    if where := config.parity_folder or config.dataset:
        from falseflaw.cli.verbs.export import parity_photos

        photos = parity_photos(config, config.dataset)
        return photos, f"{len(photos)} photos of {where}"
    from falseflaw.photos.studio.source import StudioPhotos

    source = StudioPhotos(count=config.parity_photos, width=400, height=533)
    photos = [source.load(photo) for photo in source.photos()]
    return photos, f"{len(photos)} rendered photos (parity_folder= or dataset= takes real ones)"
