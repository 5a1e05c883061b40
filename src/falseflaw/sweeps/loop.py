"""A sweep: one trial after the other, whichever processes take part, until all are done."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState
from tqdm import tqdm

from falseflaw.claim import is_claimed
from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.seeding import derive_seed
from falseflaw.sweeps.ownership import Worker, tidy
from falseflaw.sweeps.space import Space, draw
from falseflaw.sweeps.study import best_of, finished
from falseflaw.sweeps.training_process import Ended

Train = Callable[[Mapping[str, Any], int, Path, Callable[[int, float], bool], Callable[[], None]], Ended]
"""Trains with values of the space and a seed in a folder, and reports; see `run_training`."""

_SURPLUS = "surplus"
_GIVE_UP = 3
"""Trials that may fail before one was finished."""
_SIGN_EVERY = 60.0


@dataclass(frozen=True)
class SweepSettings:
    """How far a sweep goes.

    Attributes:
        folder: The trials lie in it, in `trials/0`, `trials/1` ...
        trials: How many, pruned and failed ones too.
        attempts: Times that a trial whose training fails is begun.
        seed: What is drawn, and the trials' seeds, follow from it.
        lost_after: Seconds after the last sign that a process of another machine counts as lost.
    """

    folder: Path
    trials: int
    attempts: int = 2
    seed: int = 0
    lost_after: float = 300.0

    def __post_init__(self) -> None:
        """Checks the values.

        Raises:
            ConfigurationError: One is out of range.
        """
        for name in ("trials", "attempts"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"expected {name} of at least 1, got {getattr(self, name)}")
        if self.lost_after <= 2 * _SIGN_EVERY:
            raise ConfigurationError(
                f"expected lost_after above {2 * _SIGN_EVERY:.0f} s, got {self.lost_after}"
            )

    def run_dir(self, number: int) -> Path:
        """Returns the folder of a trial's run."""
        return self.folder / "trials" / str(number)


def trial_seed(seed: int, number: int) -> int:
    """Returns the seed of a trial's training, a number that every library takes."""
    return derive_seed(seed, "trial", number) % 2**31


def run_sweep(
    study: Study, space: Space, settings: SweepSettings, train: Train, progress: bool = True
) -> None:
    """Works on trials until enough are done; processes of one study share them.

    A trial that was broken off goes on first: it keeps its number, values and reports, and its training goes
    on from the last step that it saved.

    Args:
        study: The study.
        space: What to search.
        settings: How far.
        train: Trains.
        progress: Whether to show a bar.

    Raises:
        InvalidDataError: The first trials failed, all of them.
        KeyboardInterrupt: This process was asked to stop; the trial at hand goes on with the next start.
    """
    worker = Worker(settings.folder, settings.lost_after)
    bar = tqdm(
        total=settings.trials,
        initial=_done(study),  # the time left follows from those done since
        desc="trials",
        unit="trial",
        disable=not progress,
    )
    try:
        while trial := worker.next_trial(study, settings.trials, _is_surplus):
            _show(bar, study, trial.number)
            if _began_too_late(study, trial, settings.trials):
                trial.set_user_attr(_SURPLUS, True)
                study.tell(trial, state=TrialState.FAIL)
                continue
            told = _run_trial(study, trial, worker, space, settings, train)
            bar.write(_line(told, best_of(study)))
            _show(bar, study)
            _check_that_any_works(study)
    finally:
        bar.close()
        tidy(settings.folder)


def counted(study: Study) -> list[FrozenTrial]:
    """Returns the trials that count, in their order."""
    return [trial for trial in study.get_trials(deepcopy=False) if not _is_surplus(trial)]


def _run_trial(
    study: Study, trial: Trial, worker: Worker, space: Space, settings: SweepSettings, train: Train
) -> FrozenTrial:
    """Trains and tells the study what came of it."""
    values = draw(trial, space)
    run_dir = settings.run_dir(trial.number)
    reports = dict(study.get_trials(deepcopy=False)[trial.number].intermediate_values)
    if reports and trial.should_prune():  # broken off between the report and the end
        return study.tell(trial, state=TrialState.PRUNED)
    while is_claimed(run_dir):  # the training of a killed sweep saves its state
        time.sleep(0.2)
    signed = time.monotonic()

    def report(step: int, score: float) -> bool:
        if not worker.owns(study.get_trials(deepcopy=False)[trial.number]):
            raise InvalidDataError(
                f"expected trial {trial.number} as this process's own, but another machine goes on with it; "
                "raise lost_after"
            )
        if step not in reports:  # else validated anew after a resume
            reports[step] = score
            trial.report(score, step)
        return trial.should_prune()

    def beat() -> None:
        nonlocal signed
        if time.monotonic() - signed > _SIGN_EVERY:
            signed = time.monotonic()
            worker.sign(trial)

    seed = trial_seed(settings.seed, trial.number)
    attempts = int(trial.user_attrs.get("attempts", 0))
    while True:
        ended = train(values, seed, run_dir, report, beat)
        if ended.missed:  # anew: what was reported stays, and the same comes of it
            shutil.rmtree(run_dir / "checkpoints", ignore_errors=True)
            continue
        scores = [score for score in reports.values() if math.isfinite(score)]
        if ended.pruned:
            return study.tell(trial, state=TrialState.PRUNED)
        if ended.code == 0 and scores:
            return study.tell(trial, max(scores))
        attempts += 1
        trial.set_user_attr("attempts", attempts)
        trial.set_user_attr("error", ended.error or "no validation gave a score")
        if attempts >= settings.attempts or ended.code in (0, 2):  # the same again would come of it
            return study.tell(trial, state=TrialState.FAIL)


def _is_surplus(trial: FrozenTrial) -> bool:
    return bool(trial.user_attrs.get(_SURPLUS))


def _began_too_late(study: Study, trial: Trial, wanted: int) -> bool:
    """Returns whether other processes took the last trials in the same moment."""
    before = study.get_trials(deepcopy=False)[: trial.number]
    return sum(not _is_surplus(other) for other in before) >= wanted


def _check_that_any_works(study: Study) -> None:
    failed = [trial for trial in counted(study) if trial.state == TrialState.FAIL]
    if len(failed) >= _GIVE_UP and not finished(study):
        raise InvalidDataError(
            f"expected trials to end, but the first {len(failed)} failed; the last: "
            f"{failed[-1].user_attrs.get('error')}"
        )


def _line(trial: FrozenTrial, best: FrozenTrial | None) -> str:
    if trial.state == TrialState.COMPLETE:
        what = f"{trial.value:.4f}"
    elif trial.state == TrialState.PRUNED:
        what = f"pruned at step {trial.last_step}"
    else:
        what = f"failed: {trial.user_attrs.get('error')}"
    so_far = "" if best is None else f"; best {best.value:.4f}, trial {best.number}"
    return f"trial {trial.number}: {what}{so_far}"


def _done(study: Study) -> int:
    return sum(trial.state.is_finished() for trial in counted(study))


def _show(bar: Any, study: Study, number: int | None = None) -> None:
    """Draws the bar, with what other processes did, too."""
    bar.n = _done(study)
    best = best_of(study)
    shown = {} if best is None else {"best": f"{best.value:.4f} (trial {best.number})"}
    bar.set_postfix(shown | ({} if number is None else {"now": number}))
