"""Hands released bundles to the experiment tracker of the run that they came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from falseflaw.errors import InvalidDataError
from falseflaw.runtime.bundle import read_bundle


def wandb_settings(run: Path) -> Mapping[str, Any] | None:
    """Returns what the configuration of a run says of its Weights & Biases logger; None where it had none.

    Raises:
        InvalidDataError: The configuration cannot be read.
    """
    path = run / "config.yaml"
    if not path.is_file():
        return None
    try:
        values = OmegaConf.to_container(OmegaConf.load(path))
    except (OSError, ValueError, YAMLError, OmegaConfBaseException) as error:
        raise InvalidDataError(f"cannot read {path}: {str(error).splitlines()[0]}") from error
    loggers = values.get("logger") if isinstance(values, dict) else None
    for settings in (loggers or {}).values():
        if "wandb" in str((settings or {}).get("_target_", "")).lower():
            return dict(settings)
    return None


def log_bundles(settings: Mapping[str, Any], folders: Sequence[Path], run: Path) -> list[str]:
    """Logs each bundle as an artifact of type `model`, all files of it, and returns their names.

    Args:
        settings: Of `wandb_settings`; `offline` keeps everything on this machine.
        folders: Of the bundles.
        run: Folder of the training, where W&B keeps its own files.

    Raises:
        MissingDataError, InvalidDataError: A folder is no bundle.
    """
    import wandb

    told = {folder.name: read_bundle(folder)[0] for folder in folders}
    session = wandb.init(
        project=settings.get("project") or "falseflaw",
        entity=settings.get("entity"),
        job_type="release",
        dir=str(run),
        mode="offline" if settings.get("offline") else None,
        config={"run": str(run)},
    )
    try:
        for folder in folders:
            info = told[folder.name]
            metadata = {
                "precision": info.precision,
                "git_revision": info.git_revision,
                "checkpoint_sha256": info.checkpoint_sha256,
                "dataset": dict(info.dataset),
            }
            artifact = wandb.Artifact(folder.name, type="model", metadata=metadata)
            artifact.add_dir(str(folder))
            session.log_artifact(artifact)
    finally:
        session.finish()
    return list(told)
