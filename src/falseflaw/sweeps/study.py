"""The study of a sweep: where its trials are kept, how their values are drawn, and whose they are."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import OperationalError

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.seeding import derive_seed
from falseflaw.training.changes import MAY_CHANGE, differences, is_below

STORAGE_NAME = "study.db"
_CONFIG = "config"
_JOURNAL = "journal://"
_TRIES = 5
_STEERING = ("trials", "attempts", "storage", "study", "lost_after", "progress", *MAY_CHANGE)
"""Keys that a sweep may go on with other values of, but for those in `_KEPT`."""
_KEPT = ("trainer.max_steps", "trainer.max_epochs", "trainer.max_time", "trainer.val_check_interval")
"""Keys that a training may go on with other values of, and a sweep may not: trials would not compare."""


class SeededByTrial(BaseSampler):
    """Draws each value from a generator of its own: of the sweep's seed, the trial's number and the key.

    What a trial gets then depends on the seed and on the trials finished before it, and not on how often the
    sweep was broken off meanwhile.
    """

    def __init__(self, make: Callable[..., BaseSampler], seed: int) -> None:
        """Draws as the samplers that `make(seed=...)` returns do."""
        self._make = make
        self._seed = seed

    def _of(self, trial: FrozenTrial, key: str) -> BaseSampler:
        return self._make(seed=derive_seed(self._seed, "sampler", trial.number, key) % 2**32)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Returns what the sampler draws together."""
        return self._of(trial, "").infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draws those."""
        return self._of(trial, "").sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draws one value."""
        return self._of(trial, param_name).sample_independent(study, trial, param_name, param_distribution)


def open_study(
    storage: str | None, folder: Path, name: str, sampler: BaseSampler, pruner: BasePruner
) -> Study:
    """Returns the study of a name, made where there is none; more is better.

    Args:
        storage: `sqlite:///FILE`, any other database that SQLAlchemy reaches, or `journal://FILE`, a log that
            also works on network file systems; None for SQLite in `folder`.
        folder: Of the sweep.
        name: Of the study in the storage.
        sampler: Draws values.
        pruner: Ends trials early.

    Raises:
        ConfigurationError: There is no such storage.
    """
    quieten()
    try:
        return _with_patience(
            lambda: optuna.create_study(
                storage=_storage(storage, folder),
                sampler=sampler,
                pruner=pruner,
                study_name=name,
                direction="maximize",
                load_if_exists=True,
            )
        )
    except Exception as error:  # of SQLAlchemy, of a driver, of a file system
        scheme = (storage or "sqlite").partition(":")[0]  # the rest may hold a password
        told = (str(error).splitlines() or [""])[0]
        told = told.replace(storage, "it") if storage else told
        raise ConfigurationError(
            "expected storage as sqlite:///FILE, journal://FILE or the URL of a database, cannot open "
            f"{scheme}: {told}"
        ) from error


def check_same(study: Study, config: Mapping[str, Any]) -> None:
    """Keeps what a study was begun with, and refuses to go on with anything else.

    Args:
        study: The study.
        config: Of the sweep, resolved, of plain types.

    Raises:
        ConfigurationError: A value differs that decides what trials come to.
        InvalidDataError: The study is none of a sweep.
    """
    before = study.user_attrs.get(_CONFIG)
    if before is None:
        if study.get_trials(deepcopy=False):
            raise InvalidDataError(
                f"expected a study of `falseflaw sweep`, got {study.study_name!r} of something else; "
                "choose another study="
            )
        secrets = ("storage", "logger")
        kept = {key: value for key, value in config.items() if key not in secrets}
        study.set_user_attr(_CONFIG, kept)
        return
    for key, old, new in differences(before, config):
        if is_below(key, _STEERING) and key not in _KEPT:
            continue
        raise ConfigurationError(
            f"expected {key}={old} as in the sweep that goes on, got {new}; pass the old value, or begin a "
            "new sweep with another run_dir"
        )


def quieten() -> None:
    """Leaves what is to be told to the sweep."""
    optuna.logging.set_verbosity(logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)


def finished(study: Study) -> list[FrozenTrial]:
    """Returns the trials that came to an end, pruned ones too."""
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def best_of(study: Study) -> FrozenTrial | None:
    """Returns the best complete trial, the earlier one of two equals; None where none is complete."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return max(complete, key=lambda trial: (trial.value, -trial.number), default=None)


def _with_patience(make: Callable[[], Study]) -> Study:
    """Makes a study, also where another process makes the tables of its storage in the same moment."""
    for _ in range(_TRIES):
        try:
            return make()
        except OperationalError as error:
            if "already exists" not in str(error) and "locked" not in str(error):
                raise
            time.sleep(1)
    return make()


def _storage(storage: str | None, folder: Path) -> BaseStorage | str:
    if storage is None:
        folder.mkdir(parents=True, exist_ok=True)
        return f"sqlite:///{folder.absolute() / STORAGE_NAME}"
    if storage.startswith(_JOURNAL):
        path = Path(storage.removeprefix(_JOURNAL)).expanduser().absolute()
        path.parent.mkdir(parents=True, exist_ok=True)
        return JournalStorage(JournalFileBackend(str(path)))
    return storage
