"""Trains the detector without one part at a time, and tells what each part earned.

usage: scripts/run ablations [--minutes=40] [--seeds=2] [--only=full,without_ranking] [--limit=150]
                             [--clock=processor] [--jobs=2] [--laundering=brief]
                             [--measured=data/datasets/benchmark] [dataset=data/datasets/reference]
                             [other overrides of `falseflaw train`]

Every ablation of conf/experiment/ablation/ gets the same minutes, seed by seed, and is measured on fold val
with one laundering of a kind, of the dataset that it was trained on or of another: --measured. With
--clock=processor the minutes are those of a training's own threads, so that --jobs trainings at once, and
whatever else runs, cost none of them anything. Runs go to runs/ablations/; started again it goes on where it
stopped. With the defaults some 12 hours on two cores, 11 of them trainings.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from omegaconf import OmegaConf

from falseflaw.cli.main import one_line
from falseflaw.errors import FalseFlawError
from falseflaw.paths import config_dir
from falseflaw.statistics.text import figure_text, markdown_table
from falseflaw.studies import trainings
from falseflaw.studies.ablations import COLUMNS, COMPARED, PIXELS, measure, measured_alike
from falseflaw.studies.trainings import at_once, minutes_of

ROOT = Path(__file__).resolve().parents[2]
FULL = "full"
NAMES = (
    *(FULL, "without_layers", "without_sharp_writers", "without_smoothing_negatives"),
    *("without_camera_originals", "without_ranking", "without_consistency", "rgb_only"),
)


def main(words: list[str]) -> int:
    """Trains and evaluates what is not there yet, then prints the table."""
    if {"-h", "--help"} & set(words):
        print(__doc__)
        return 0
    try:
        return _run(words)
    except FalseFlawError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2


def _run(words: list[str]) -> int:
    parser = argparse.ArgumentParser(add_help=False)
    trainings.add_arguments(parser, "runs/ablations", minutes=40, seeds=2)
    parser.add_argument("--only", default=",".join(NAMES))
    parser.add_argument("--measured")
    parser.add_argument("--laundering", default="brief")
    options, overrides = parser.parse_known_args(words)
    wanted = [name for name in NAMES if name in {FULL, *options.only.split(",")}]
    if unknown := sorted(set(options.only.split(",")) - set(NAMES)):
        print(f"expected --only of {', '.join(NAMES)}, got {unknown[0]}", file=sys.stderr)
        return 2
    dataset, runs = trainings.begin(ROOT, options, overrides)
    asked = measured_alike(runs, COMPARED, options.laundering, options.limit)
    asked += [f"dataset={options.measured}"] if options.measured else []
    calls: dict[tuple[str, int], Callable[[], Path]] = {}
    minutes = minutes_of(options.minutes, options.clock)
    for seed in range(options.seeds):  # all ablations with one seed first: a table as early as can be
        for name in wanted:
            more = []
            if name == "without_sharp_writers":
                sharp = sharp_writers(ROOT / dataset)
                if not sharp:
                    print(f"{name}: {dataset} has no writer that was finished against a critic; left out")
                    continue
                more = [f"data.leave_out=[{','.join(sharp)}]"]
            words = [f"experiment=ablation/{name}", *minutes, f"seed={seed}", *more, *overrides]
            run = runs / name / f"seed{seed}"
            calls[name, seed] = partial(trainings.train_and_measure, run, words, asked)
    folders = at_once(options.jobs, calls)
    evaluations = {name: [folders[key] for key in folders if key[0] == name] for name in wanted}
    spoken = trainings.spoken_minutes(options.minutes, options.clock)
    print_table({name: found for name, found in evaluations.items() if found}, spoken)
    return 0


def sharp_writers(dataset: Path) -> list[str]:
    """Returns what the ablation's configuration leaves out, of the networks whose pixels the dataset has.

    Autoencoders come with their perturbed copies. Others than those of the dataset `train` would refuse.
    """
    named = OmegaConf.load(config_dir() / "experiment/ablation/without_sharp_writers.yaml").data.leave_out
    present = trainings.networks_of(dataset)
    return sorted(name for name in present if name.removesuffix("_perturbed") in set(named))


def print_table(evaluations: dict[str, list[Path]], minutes: str) -> None:
    """Prints one Markdown table: a line an ablation, each figure the mean over seeds with its interval."""
    columns = [*COLUMNS, PIXELS]
    found = measure(evaluations)
    trainings = {name: len(folders) for name, folders in evaluations.items()}
    first, *others = evaluations[FULL]
    for number, other in enumerate(others, start=1):  # what a seed alone does
        name = f"{FULL}, seed {number} against 0"
        trainings[name] = 1
        found[name] = measure({FULL: [first], name: [other]})[name]
    lines = [
        [
            name.replace("_", " "),
            trainings[name],
            *(figure_text(figures[column]) for column in columns),
            figure_text(figures["difference"], sign="+") if "difference" in figures else "",
        ]
        for name, figures in found.items()
    ]
    print(f"Fold val, {minutes} of training each; means over seeds, 95 % intervals over sources.\n")
    print(markdown_table(["training", "seeds", *columns, "pooled AUROC, difference to full"], lines))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
