"""`falseflaw gather`: brings real damage or other people's fakes into the form of a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from falseflaw.claim import claim
from falseflaw.cli.configuration.overrides import without

EXTRAS: tuple[str, ...] = ("synthesis",)
_STEERING = ("output", "overwrite", "progress")
"""Keys that do not change what the images look like."""


def run(config: DictConfig) -> None:
    """Gathers the photos that the configuration names."""
    from falseflaw.dataset.upload import UploadSettings
    from falseflaw.gathering.gather import gather

    recorded: dict[str, Any] = OmegaConf.to_container(config, resolve=True)  # type: ignore[assignment]
    for key in _STEERING:
        recorded.pop(key)
    recorded["others"].pop("folder", None)
    output = Path(config.output).expanduser()
    claim(output)
    source = instantiate(config.others)
    settings = UploadSettings(
        seed=config.seed,
        upload_quality=tuple(config.upload_quality),
        full_chroma_probability=config.full_chroma_probability,
    )
    report = gather(
        source,
        settings,
        output,
        config=recorded,
        overwrite=config.overwrite,
        command=without(HydraConfig.get().overrides.task, _STEERING),
        progress=config.progress,
    )
    print(
        f"{output}: {report.images} photos of {report.groups} objects or scenes"
        f"{f', {len(report.skipped)} skipped' if report.skipped else ''}; see DATASHEET.md"
    )


def how_to_go_on(config: DictConfig) -> str:
    """Returns what is true of a gathering that was stopped."""
    return "no dataset was finished; the same command begins anew"
