"""`falseflaw chat`: opens a page on this machine that judges photos and says why."""

from __future__ import annotations

from omegaconf import DictConfig

from falseflaw.paths import BUNDLE_HINT, find_existing

EXTRAS: tuple[str, ...] = ("chat",)


def run(config: DictConfig) -> None:
    """Serves the chat until it is stopped.

    Raises:
        ConfigurationError: A value is out of its range, or nothing can listen there.
    """
    from falseflaw.chat.serve import Address, serving, wait
    from falseflaw.chat.uploads import Limits
    from falseflaw.evidence.catalog import catalog
    from falseflaw.evidence.look import Examiner
    from falseflaw.runtime.predictor import Predictor

    language = str(config.language)
    catalog(language)
    address = Address(str(config.host), config.port)
    limits = Limits(config.megabytes, config.photos_at_once, config.most_photos)
    bundle = find_existing(str(config.bundle), "a bundle", BUNDLE_HINT)
    predictor = Predictor(bundle, threads=config.threads)
    examiner = Examiner.of(bundle, predictor.info)
    with serving(predictor, examiner, limits, address, language) as url:
        print(f"{url}  (stop with Ctrl+C)", flush=True)
        if not address.local:
            print(f"host={address.host}: whoever reaches this machine can use it", flush=True)
        wait()


def how_to_go_on(config: DictConfig) -> str:
    """Returns what is true of a chat that was stopped."""
    return "the chat is closed, and its photos and reports are removed"
