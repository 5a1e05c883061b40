"""A sweep's trials with a function in the place of their trainings: no torch, milliseconds."""

import functools
import math
import multiprocessing
import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

optuna = pytest.importorskip("optuna")

from falseflaw.claim import release  # noqa: E402
from falseflaw.errors import ConfigurationError, InvalidDataError  # noqa: E402
from falseflaw.sweeps.loop import SweepSettings, counted, run_sweep, trial_seed  # noqa: E402
from falseflaw.sweeps.results import write_best, write_plots, write_table  # noqa: E402
from falseflaw.sweeps.space import read_space  # noqa: E402
from falseflaw.sweeps.study import SeededByTrial, best_of, check_same, open_study  # noqa: E402
from falseflaw.sweeps.training_process import Ended  # noqa: E402

SPACE = {
    "optimizer": {"learning_rate": {"low": 1e-4, "high": 1e-1, "log": True}},
    "model": {"residual_filters": {"choices": [0, 3]}},
    "data": {"pairs": {"crop_size": {"low": 64, "high": 128, "step": 32}}},
}
HYPERBAND = functools.partial(optuna.pruners.HyperbandPruner, min_resource=1, max_resource=3)
MEDIAN = functools.partial(optuna.pruners.MedianPruner, n_startup_trials=2)


class Trainings:
    """Three validations each; ends as a killed process would at given calls."""

    def __init__(self, kills: tuple[int, ...] = (), fails: int = 0, misses: int = 0) -> None:
        self.kills, self.calls, self.fails, self.misses = list(kills), 0, fails, misses
        self.seeds: list[int] = []

    def __call__(self, values: Mapping[str, Any], seed: int, run_dir: Path, report: Any, beat: Any) -> Ended:
        self.seeds.append(seed)
        if self.fails:
            self.fails -= 1
            return Ended(1, False, "no memory")
        if self.misses:
            assert (run_dir / "checkpoints").exists() == (self.misses == 2)
            self.misses -= 1
            return Ended(0, False, missed=True)
        for step in (1, 2, 3):
            self.calls += 1
            if self.kills and self.calls == self.kills[0]:
                self.kills.pop(0)
                raise KeyboardInterrupt
            score = 1 - abs(math.log10(values["optimizer.learning_rate"]) + 2) / 3
            if report(step, score + 0.01 * step + values["data.pairs.crop_size"] / 1e4):
                return Ended(0, True)
        return Ended(0, False)


def study_in(folder: Path, pruner: Any = MEDIAN, storage: str | None = None) -> Any:
    sampler = functools.partial(optuna.samplers.TPESampler, n_startup_trials=3, multivariate=True)
    return open_study(storage, folder, "sweep", SeededByTrial(sampler, 3), pruner())


def sweep(folder: Path, trainings: Any, trials: int = 10, **more: Any) -> Any:
    while True:
        study = study_in(folder, **more)
        try:
            run_sweep(study, read_space(SPACE), SweepSettings(folder, trials, seed=3), trainings, False)
            return study
        except KeyboardInterrupt:
            continue
        finally:
            release()


def told(study: Any) -> list[tuple[Any, ...]]:
    return [
        (trial.number, trial.state.name, trial.value, trial.params, trial.intermediate_values)
        for trial in counted(study)
    ]


@pytest.mark.parametrize("pruner", [MEDIAN, HYPERBAND])
def test_a_sweep_killed_three_times_ends_as_the_uninterrupted_one(tmp_path: Path, pruner: Any) -> None:
    whole = sweep(tmp_path / "whole", Trainings(), pruner=pruner)
    broken = sweep(tmp_path / "broken", Trainings(kills=(3, 8, 8)), pruner=pruner)
    assert told(whole) == told(broken)
    states = [trial.state.name for trial in counted(broken)]
    assert len(states) == 10
    assert set(states) == {"COMPLETE", "PRUNED"}
    assert best_of(broken).params == best_of(whole).params


def test_a_finished_sweep_does_nothing_and_a_longer_one_goes_on(tmp_path: Path) -> None:
    before = told(sweep(tmp_path, Trainings(), trials=3))
    again = Trainings()
    assert told(sweep(tmp_path, again, trials=3)) == before
    assert again.calls == 0
    assert told(sweep(tmp_path, Trainings(), trials=5))[:3] == before


def test_a_journal_keeps_a_study_too(tmp_path: Path) -> None:
    study = sweep(tmp_path, Trainings(kills=(2,)), trials=3, storage=f"journal://{tmp_path}/log")
    assert len(told(study)) == 3
    assert not (tmp_path / "study.db").exists()


def test_a_failed_training_is_tried_again_and_then_costs_its_trial_alone(tmp_path: Path) -> None:
    trainings = Trainings(fails=3)
    study = sweep(tmp_path, trainings, trials=3)
    assert [trial.state.name for trial in counted(study)] == ["FAIL", "COMPLETE", "COMPLETE"]
    assert counted(study)[0].user_attrs["error"] == "no memory"
    seeds = [trial_seed(3, number) for number in (0, 0, 1, 1, 2)]
    assert trainings.seeds == seeds
    assert len(set(seeds)) == 3


def test_a_training_that_would_leave_a_validation_out_begins_anew(tmp_path: Path) -> None:
    (tmp_path / "trials/0/checkpoints").mkdir(parents=True)
    study = sweep(tmp_path, Trainings(misses=2), trials=1)
    assert [trial.state.name for trial in counted(study)] == ["COMPLETE"]


def test_where_every_trial_fails_the_sweep_ends(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataError, match="first 3 failed; the last: no memory"):
        sweep(tmp_path, Trainings(fails=100))


def test_another_configuration_is_no_continuation(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    check_same(study, {"seed": 0, "trials": 3, "trainer": {"max_steps": 4}, "storage": "postgresql://u:p@h"})
    check_same(study, {"seed": 0, "trials": 9, "trainer": {"max_steps": 4}})
    for other, words in (
        ({"seed": 1, "trainer": {"max_steps": 4}}, "expected seed=0"),
        ({"seed": 0, "trainer": {"max_steps": 5}}, "expected trainer.max_steps=4"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            check_same(study, other)
    assert "u:p" not in str(study.user_attrs)


def test_what_cannot_be_opened_shows_no_password(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        study_in(tmp_path, storage="nodatabase://user:secret@host/db")
    assert "cannot open nodatabase" in str(raised.value)
    assert "secret" not in str(raised.value)


def test_table_plots_and_the_best_as_an_experiment(tmp_path: Path) -> None:
    study = sweep(tmp_path, Trainings(), trials=6)
    write_table(study, tmp_path)
    header, *rows = (tmp_path / "trials.csv").read_text().splitlines()
    assert header.startswith("trial,state,val/score,step,seconds,optimizer.learning_rate")
    assert len(rows) == 6
    assert rows[0].startswith(f"{best_of(study).number},complete,{best_of(study).value}")
    assert write_plots(study, tmp_path) == []
    for name in ("history", "importance", "parallel_coordinates"):
        page = (tmp_path / "plots" / f"{name}.html").read_text()
        assert "http" not in page.split('src="')[1].split('"')[0]  # the library lies beside it
    winner = {"model": {"a": 1, "b": [2]}, "seed": 5, "run_dir": "x", "callbacks": {}}
    usual = {"model": {"a": 1, "b": [3]}, "seed": 0, "run_dir": "y"}
    path = write_best(study, tmp_path, winner, usual, {"augment": "none"})
    assert path == tmp_path / "experiment" / "best.yaml"
    body = path.read_text().partition("\n")[2].partition("\n")[2]
    import yaml

    assert yaml.safe_load(body) == {
        "defaults": [{"override /augment": "none"}, "_self_"],
        "model": {"b": [2]},
        "seed": 5,
    }


def test_no_complete_trial_is_no_error(tmp_path: Path) -> None:
    study = study_in(tmp_path)
    write_table(study, tmp_path)
    assert len(write_plots(study, tmp_path)) == 3
    assert write_best(study, tmp_path, {}, {}, {}) is None


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({}, "at least one key"),
        ({"a": 3}, "for space.a, got 3"),
        ({"a": {"b": {"low": 1}}}, "for space.a.b"),
        ({"a": {"low": 2.0, "high": 1.0}}, "for space.a"),
        ({"a": {"low": 0.0, "high": 1.0, "log": True}}, "for space.a"),
    ],
)
def test_spaces_that_are_none(space: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read_space(space)


def test_whole_numbers_give_whole_numbers() -> None:
    space = read_space({"a": {"low": 1, "high": 3}, "b": {"low": 1, "high": 3.0}})
    assert [type(each).__name__ for each in space.values()] == ["IntDistribution", "FloatDistribution"]


def _work(folder: Path, killed: bool, began: Any) -> None:
    def train(values: Any, seed: int, run_dir: Path, report: Any, beat: Any) -> Ended:
        run_dir.mkdir(parents=True, exist_ok=True)
        with (run_dir / "began").open("a") as file:
            file.write(f"{os.getpid()}\n")
        if killed:
            began.set()
            os.kill(os.getpid(), signal.SIGKILL)
        began.wait(200)  # the other one has a trial before this one could be through with all
        return Trainings()(values, seed, run_dir, report, beat)

    sweep(folder, train, trials=6)


@pytest.mark.slow
def test_processes_share_a_study_and_one_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    study_in(tmp_path)  # else both make the tables
    context = multiprocessing.get_context("spawn")
    began = context.Event()
    workers = [context.Process(target=_work, args=(tmp_path, killed, began)) for killed in (True, False)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(200)
    assert [worker.exitcode for worker in workers] == [-signal.SIGKILL, 0]
    sweep(tmp_path, Trainings(), trials=6)  # where the survivor was through before the kill
    trials = counted(study_in(tmp_path))
    assert len(trials) == 6
    assert {trial.state.name for trial in trials} <= {"COMPLETE", "PRUNED"}
