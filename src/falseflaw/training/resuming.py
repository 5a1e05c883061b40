"""Going on with a training: from where, with which values, and what became of each start."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
from lightning.pytorch.callbacks import Callback
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from torch.optim.lr_scheduler import LambdaLR
from yaml import YAMLError

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.imaging.codec import write_atomic
from falseflaw.training.changes import MAY_CHANGE, Change, differences, is_below

CONFIG_NAME = "config.yaml"
HISTORY_NAME = "history.json"


def find_resume(resume: str | Path | None, folder: Path) -> Path | None:
    """Returns the checkpoint to go on from, None to begin anew.

    Args:
        resume: See `training.run.train`.
        folder: Of this run's checkpoints.

    Raises:
        ConfigurationError: The folder holds a training already and `resume` does not say to go on.
        MissingDataError: `resume` names nothing that exists.
    """
    own = folder / "last.ckpt"
    found = own if own.is_file() else None
    if resume is not None and str(resume) != "auto":
        path = Path(resume)
        found = next((file for file in (path, path / "checkpoints" / "last.ckpt") if file.is_file()), None)
        if found is None:
            raise MissingDataError(
                f"expected a checkpoint or a run's folder at {path}, found none; correct resume"
            )
    if own.exists() and (resume is None or found is None or found.resolve().parent != folder.resolve()):
        raise in_use(folder.parent)
    return found


def in_use(run_dir: Path) -> ConfigurationError:
    """Returns the error for a run's folder that holds a training, which is not to be gone on with."""
    return ConfigurationError(
        f"expected an unused run_dir, found a training in {run_dir}; "
        "go on with resume=auto or choose another run_dir"
    )


def check_unchanged(checkpoint: Path, config: Mapping[str, Any]) -> list[Change]:
    """Compares a configuration with the one that a checkpoint's training was started with last.

    Args:
        checkpoint: What to go on from; the configuration stands in the folder above its own. Without one,
            only what the checkpoint itself holds is compared, see `check_hyperparameters`.
        config: Resolved, of plain types.

    Returns:
        What differs and may differ.

    Raises:
        ConfigurationError: What must not differ does; one line names the key with both values.
        InvalidDataError: The earlier configuration cannot be read.
    """
    if checkpoint.absolute().parent.name != "checkpoints":
        return []
    return changes_since(checkpoint.absolute().parent.parent, config, MAY_CHANGE)


def changes_since(run_dir: Path, config: Mapping[str, Any], may_change: Sequence[str]) -> list[Change]:
    """Compares a configuration with the one that a run was started with last; see `check_unchanged`.

    Args:
        run_dir: The run's folder; without a configuration in it nothing is compared.
        config: Resolved, of plain types.
        may_change: Keys, with all below them, whose values may differ.
    """
    before = read_config(run_dir)
    if before is None:
        return []
    changes = differences(before, config)
    refuse([change for change in changes if not is_below(change[0], may_change)])
    return changes


def check_hyperparameters(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuses another network, loss or optimizer than a checkpoint's: its states would win unseen.

    Args:
        before: `hyper_parameters` of the checkpoint.
        now: The same of the task that is to go on.

    Raises:
        ConfigurationError: A value differs.
    """
    kept = differences(before, now)
    refuse([change for change in kept if change[0] != "detector.pretrained"])  # only where weights begin


def refuse(changes: Sequence[Change]) -> None:
    """Raises a ConfigurationError that names one of the changes with both values, if there is any."""
    if not changes:
        return
    changes = sorted(changes, key=lambda change: change[0].count("."))  # `seed` before `data.seed`
    key, old, new = changes[0]
    more = f" (and {len(changes) - 1} more: {', '.join(name for name, _, _ in changes[1:4])})"
    raise ConfigurationError(
        f"expected {key}={_shown(old)} as in the training that resume= goes on with, got {_shown(new)}"
        f"{more if len(changes) > 1 else ''}; pass the old value, or begin a new training without resume="
    )


def read_config(run_dir: Path) -> dict[str, Any] | None:
    """Returns the configuration that a run was started with last, None where there is none.

    Raises:
        InvalidDataError: It cannot be read.
    """
    path = run_dir / CONFIG_NAME
    if not path.is_file():
        return None
    try:
        config = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except (OSError, ValueError, YAMLError, OmegaConfBaseException) as error:
        raise InvalidDataError(f"cannot read {path}: {str(error).splitlines()[0]}") from error
    if not isinstance(config, dict):
        raise InvalidDataError(f"expected the configuration of a training in {path}, got something else")
    return {str(key): value for key, value in config.items()}


def add_to_history(run_dir: Path, entry: Mapping[str, Any]) -> None:
    """Appends a start to `history.json`, the list of all starts of a run, oldest first.

    Args:
        run_dir: The run's folder.
        entry: `config` and whatever else is to be known of the start.

    Raises:
        InvalidDataError: The file cannot be read.
    """
    path = run_dir / HISTORY_NAME
    entries: list[Mapping[str, Any]] = []
    if path.is_file():
        try:
            entries = list(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise InvalidDataError(f"cannot read {path}: {str(error).splitlines()[0]}") from error
    elif (earlier := read_config(run_dir)) is not None:  # started before there was a history
        entries = [{"config": earlier}]
    text = json.dumps([*entries, dict(entry)], indent=1, default=str) + "\n"
    write_atomic(path, text.encode())


class FollowSchedule(Callback):
    """Has the first step after a resume take the learning rate of the schedule as it is now.

    A checkpoint brings the rate of its own schedule along: with another `max_steps` the first step alone
    would still take that. With the same length the rate is the same, to the bit.
    """

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Sets the rates anew."""
        for held in trainer.lr_scheduler_configs:
            schedule = held.scheduler
            if not isinstance(schedule, LambdaLR):
                continue
            factors: Iterator[Callable[[int], float]] = iter(schedule.lr_lambdas)
            for group, base, factor in zip(
                schedule.optimizer.param_groups, schedule.base_lrs, factors, strict=True
            ):
                group["lr"] = base * factor(schedule.last_epoch)


def _shown(value: Any) -> str:
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
