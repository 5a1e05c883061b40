"""`falseflaw predict`: judges photos with a bundle; needs no torch."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from falseflaw.claim import claim
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.paths import BUNDLE_HINT, find_existing

if TYPE_CHECKING:
    from falseflaw.evidence.reports import Reports
    from falseflaw.runtime.bundle import BundleInfo

EXTRAS: tuple[str, ...] = ()


def run(config: DictConfig) -> None:
    """Judges `input` and writes the results to `output`.

    Raises:
        InvalidDataError: Not one photo could be judged.
    """
    from tqdm import tqdm

    from falseflaw.runtime.folder import judge_folder
    from falseflaw.runtime.predictor import Predictor
    from falseflaw.runtime.results import HEATMAPS_NAME, PREDICTIONS_NAME, REPORTS_NAME

    for key in ("input", "output"):
        if OmegaConf.is_missing(config, key) or not str(config[key] or ""):
            raise ConfigurationError(f"expected {key}=PATH, got none; see `falseflaw predict --help`")
    source, output = _path(config.input), _path(config.output)
    bundle = find_existing(str(config.bundle), "a bundle", BUNDLE_HINT)
    claim(output)
    trusted = config.verify.key
    public = None if trusted is None else _path(trusted)
    predictor = Predictor(
        bundle,
        threads=config.threads,
        tile_pixels=config.tile_pixels,
        keep_memory=True,  # half of the seconds, and the same peak: 1.2 GB after photos of many sizes
        key=public,
    )
    reports = _reports(config, output, bundle, predictor.info)

    def bar(files: Iterable[Path], total: int) -> Iterable[Path]:
        return tqdm(files, total=total, desc="predict", unit="photo")

    summary = judge_folder(predictor, source, output, config.batch_size, bar, config.overwrite, reports)
    if not summary.judged:
        raise InvalidDataError(
            f"expected a photo that can be judged, got {summary.describe()}; first: {summary.first_error}"
        )
    print(summary.describe())
    print(f"{output / PREDICTIONS_NAME}\n{output / HEATMAPS_NAME}/")
    if reports is not None:
        print(f"{output / REPORTS_NAME}/")


def how_to_go_on(config: DictConfig) -> str:
    """Returns what is true of a run that was stopped."""
    again = "run the same command again to go on"
    if config.overwrite:  # would throw away what there is
        again += ", without overwrite=true"
    return f"photos that were judged are kept in {config.output}; {again}"


def _reports(config: DictConfig, output: Path, bundle: Path, info: BundleInfo) -> Reports | None:
    """Returns what writes the reports that were asked for, None where there are none.

    Raises:
        ConfigurationError: `report` or `language` names something else.
        MissingExtraError: A PDF was asked for, and there is no browser to print it.
    """
    from falseflaw.evidence.catalog import catalog
    from falseflaw.evidence.look import Examiner
    from falseflaw.evidence.reports import Reports

    language = str(config.language)
    catalog(language)  # a wrong word is told even where nothing is written
    asked = config.report
    forms = [asked] if isinstance(asked, str) else list(asked or ())
    if not forms:
        return None
    return Reports(output, Examiner.of(bundle, info), list(map(str, forms)), language)


def _path(text: object) -> Path:
    """Returns the path as typed; `~` stands for the home folder unless something is called so."""
    path = Path(str(text))
    try:
        return path if path.exists() else path.expanduser()
    except RuntimeError:  # no such user
        return path
