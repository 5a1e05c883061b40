"""Which process works on which trial, so that another one goes on with the trial of one that was killed."""

from __future__ import annotations

import os
import platform
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from falseflaw.claim import claim, is_claimed

_WORKER = "worker"
_UNSIGNED = 10
"""Seconds in which a process that has begun a trial has signed it; an unsigned older one is nobody's."""
_POLL = 0.2


class Worker:
    """This process, as the other ones of a study know it.

    It holds a lock on a folder of its own, which dies with it: on one machine a killed process is known at
    once. What works on another machine signs each trial anew every minute.
    """

    def __init__(self, folder: Path, lost_after: float) -> None:
        """Makes the worker's folder.

        Args:
            folder: Of the sweep.
            lost_after: Seconds after the last sign that a process of another machine counts as lost.
        """
        self._machine = platform.node()
        self._lock = folder.absolute() / "workers" / f"{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._lost_after = lost_after
        claim(self._lock)

    def sign(self, trial: Trial) -> None:
        """Tells that this process works on a trial."""
        trial.set_user_attr(
            _WORKER, {"machine": self._machine, "lock": str(self._lock), "alive": time.time()}
        )

    def owns(self, trial: FrozenTrial) -> bool:
        """Returns whether a trial is this process's own."""
        return bool((trial.user_attrs.get(_WORKER) or {}).get("lock") == str(self._lock))

    def next_trial(self, study: Study, wanted: int, surplus: Callable[[FrozenTrial], bool]) -> Trial | None:
        """Returns the trial to work on: one that was broken off, else a new one; None if enough were begun.

        Args:
            study: The study.
            wanted: How many trials it shall have.
            surplus: Whether a trial counts as none.
        """
        while True:
            trials = study.get_trials(deepcopy=False)
            running = [trial for trial in trials if trial.state == TrialState.RUNNING]
            for trial in running:
                if self._is_lost(trial):
                    taken = Trial(study, trial._trial_id)
                    self.sign(taken)
                    return taken
            if any(_WORKER not in trial.user_attrs for trial in running):
                time.sleep(_POLL)  # signed in a moment, or nobody's: the order of trials hangs on it
                continue
            if sum(not surplus(trial) for trial in trials) >= wanted:
                return None
            new = study.ask()
            self.sign(new)
            return new

    def _is_lost(self, trial: FrozenTrial) -> bool:
        """Returns whether nobody works on a running trial any more, and this process is the one to go on."""
        worker = trial.user_attrs.get(_WORKER)
        if worker is None:
            assert trial.datetime_start is not None
            return time.time() - trial.datetime_start.timestamp() > _UNSIGNED
        if worker["machine"] == self._machine and Path(worker["lock"]).is_dir():
            return not is_claimed(Path(worker["lock"]), keep=True)  # of several heirs one gets it
        if worker["machine"] == self._machine:
            return True
        return bool(time.time() - worker["alive"] > self._lost_after)


def tidy(folder: Path) -> None:
    """Removes the folders of processes that are gone."""
    workers = folder / "workers"
    for lock in workers.iterdir() if workers.is_dir() else ():
        if not is_claimed(lock):
            with suppress(OSError):
                lock.rmdir()
    with suppress(OSError):
        workers.rmdir()
