"""`falseflaw sweep`: searches the configuration of a detector's training, on validation alone."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf, open_dict

from falseflaw.cli.configuration.overrides import quote, without
from falseflaw.cli.process.training_run import is_wandb, own_configs, plain, require_loggers
from falseflaw.errors import ConfigurationError
from falseflaw.paths import find_existing

EXTRAS: tuple[str, ...] = ("train", "sweep")

_OF_THE_SWEEP = (
    *("space", "sampler", "pruner", "trials", "attempts", "storage", "study", "lost_after", "progress"),
    *("run_dir", "resume", "seed", "hydra", "hydra/launcher"),
)
"""Keys and groups that are none of `falseflaw train`, or that each trial has its own values of."""


def run(config: DictConfig) -> None:
    """Works on trials until enough are done, and writes what came of them."""
    from falseflaw.claim import check_writable, claim_new
    from falseflaw.sweeps.loop import SweepSettings, counted, run_sweep
    from falseflaw.sweeps.results import write_best, write_plots, write_table
    from falseflaw.sweeps.space import read_space
    from falseflaw.sweeps.study import SeededByTrial, best_of, check_same, open_study
    from falseflaw.sweeps.training_process import Ended, run_training

    if HydraConfig.get().mode.name == "MULTIRUN":
        raise ConfigurationError("expected one sweep, got -m; trials=N says how many trainings")
    if config.resume is not None:
        raise ConfigurationError("expected no resume; a sweep goes on by itself where run_dir holds one")
    space = read_space(plain(config.space))
    named = str(OmegaConf.to_container(config)["run_dir"])  # type: ignore[index,call-overload]
    folder = Path(config.run_dir).expanduser().absolute()
    settings = SweepSettings(folder, config.trials, config.attempts, config.seed, config.lost_after)
    loggers = require_loggers(config)
    find_existing(config.data.dataset, "a dataset", "build one with `falseflaw synthesize`")
    if "${now:" in named:
        folder = claim_new(folder)
        settings = SweepSettings(folder, config.trials, config.attempts, config.seed, config.lost_after)
    check_writable(folder, "run_dir")
    config.run_dir = str(folder)
    name = str(config.study or folder.name)
    words = without(HydraConfig.get().overrides.task, _OF_THE_SWEEP)
    _compose(words)  # a mistake shows now
    pruner = instantiate(config.pruner)
    study = open_study(
        config.storage, folder, name, SeededByTrial(instantiate(config.sampler), config.seed), pruner
    )
    check_same(study, plain(config))

    def words_of(values: Mapping[str, Any], seed: int) -> list[str]:
        drawn = [f"{key}={_written(value)}" for key, value in values.items()]
        return [*words, *drawn, f"seed={seed}", f"data.seed={config.seed}"]

    def train(
        values: Mapping[str, Any],
        seed: int,
        run_dir: Path,
        report: Callable[[int, float], bool],
        beat: Callable[[], None],
    ) -> Ended:
        own = [*own_configs(), *words_of(values, seed), f"run_dir={quote(str(run_dir))}", "resume=auto"]
        for key in (str(key) for key, logger in loggers.items() if is_wandb(logger)):
            own += [
                f"++logger.{key}.group={quote(name)}",
                f"++logger.{key}.name={quote(f'{name}-{run_dir.name}')}",
                f"++logger.{key}.job_type=trial",
            ]
        return run_training(own, run_dir, report, beat)

    print(f"sweep {name}: {len(counted(study))} of {settings.trials} trials begun, in {folder}", flush=True)
    run_sweep(study, space, settings, train, bool(config.progress))
    write_table(study, folder)
    missing = write_plots(study, folder)
    if missing:
        print(f"too few complete trials to plot {', '.join(missing)}")
    best = best_of(study)
    if best is None:
        print(f"no trial is complete; all trials: {folder / 'trials.md'}")
        return
    from falseflaw.sweeps.loop import trial_seed

    winner, choices = _compose(words_of(best.params, trial_seed(settings.seed, best.number)))
    _, usual_choices = _compose([])
    chosen = {
        group: option
        for group, option in choices.items()
        if option != usual_choices.get(group) and group not in {"experiment", "debug", "logger"}
    }
    path = write_best(study, folder, winner, _usual(chosen, winner), chosen)
    assert path is not None
    own = [word.partition("=")[2] for word in own_configs()]  # --config-dir takes one folder
    more = [f"hydra.searchpath=[{','.join(map(quote, own))}]"] if own else []
    call = shlex.join(["falseflaw", "train", f"experiment={path}", *more])
    print(f"best: trial {best.number}, val/score {best.value:.4f}; train it again: {call}")
    print(f"all trials: {folder / 'trials.md'}, plots: {folder / 'plots'}")


def how_to_go_on(config: DictConfig) -> str:
    """Returns what is true of a sweep that was stopped: the very call that goes on with it."""
    words = without(HydraConfig.get().overrides.task, ("run_dir",))
    call = shlex.join(["falseflaw", "sweep", *own_configs(), *words, f"run_dir={config.run_dir}"])
    return f"finished trials are kept, and the one at hand goes on from its last step with: {call}"


def _usual(choices: Mapping[str, str | None], winner: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what `falseflaw train` composes with nothing but some choices.

    What follows from a top key, as `data.seed` from `seed`, follows from the winner's: there it need not be
    said where it does so for the winner, too.
    """
    words = [f"{group}={option}" for group, option in choices.items()]
    own, _ = _compose(words)
    top = {key for key, value in own.items() if key in winner and not isinstance(value, Mapping)}
    followed, _ = _compose(words, {key: winner[key] for key in top})
    return followed | {key: own[key] for key in top}


def _compose(
    words: list[str], values: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], dict[str, str | None]]:
    """Returns the resolved configuration of `falseflaw train` with overrides and values, and its choices."""
    from hydra import compose

    config = compose("train", words, return_hydra_config=True)
    choices = {
        str(group): option
        for group, option in config.hydra.runtime.choices.items()
        if not str(group).startswith("hydra")
    }
    with open_dict(config):
        del config["hydra"]
        config.update(values or {})
    return plain(config), choices


def _written(value: Any) -> str:
    """Returns a drawn value as Hydra reads it back, to the last digit."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) and value.isidentifier() else repr(value)
