"""Trains detectors without one family of networks each, and tells how well each finds what it never saw.

usage: scripts/run leave-one-out [--minutes=40] [--seeds=1] [--families=latent,pixel] [--limit=150]
                                 [--clock=processor] [--jobs=2] [dataset=data/datasets/reference]
                                 [other overrides of `falseflaw train`]

A family is a network with its finished, denoised and perturbed copies: `kl4` is kl4, kl4_sharp and so on; by
default every one of the dataset is left out in turn. All trainings get the same minutes, one of them with
everything. They are measured on untouched photos of fold val: the family's fakes against simulated damage of
the same sources. Runs go to runs/leave-one-out/; started again it goes on where it stopped.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from falseflaw.cli.main import one_line
from falseflaw.errors import ConfigurationError, FalseFlawError
from falseflaw.statistics.text import figure_text, markdown_table
from falseflaw.studies import trainings
from falseflaw.studies.ablations import FLAWED, measured_alike
from falseflaw.studies.families import FamilyFigures, families, measure
from falseflaw.types import Edit

ROOT = Path(__file__).resolve().parents[2]
FULL = "full"


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
    trainings.add_arguments(parser, "runs/leave-one-out", minutes=40, seeds=1)
    parser.add_argument("--families")
    options, overrides = parser.parse_known_args(words)
    dataset, runs = trainings.begin(ROOT, options, overrides)
    known = families(trainings.networks_of(ROOT / dataset))
    wanted = options.families.split(",") if options.families else sorted(known)
    if unknown := sorted(set(wanted) - set(known)):
        raise ConfigurationError(f"expected --families of {', '.join(known)}, got {unknown[0]}")
    asked = measured_alike(runs, [str(Edit.SIMULATED_DAMAGE), *FLAWED], "untouched", options.limit)
    minutes = trainings.minutes_of(options.minutes, options.clock)
    calls: dict[tuple[str, int], Callable[[], Path]] = {}
    for seed in range(options.seeds):
        for name in (FULL, *wanted):
            left_out = [] if name == FULL else [f"data.leave_out=[{','.join(known[name])}]"]
            training = [f"experiment=ablation/{FULL}", *minutes, f"seed={seed}", *left_out, *overrides]
            run = runs / (name if name == FULL else f"without_{name}") / f"seed{seed}"
            calls[name, seed] = partial(trainings.train_and_measure, run, training, asked)
    done = trainings.at_once(options.jobs, calls)
    folders = {name: [folder for (of, _), folder in done.items() if of == name] for name in (FULL, *wanted)}
    spoken = trainings.spoken_minutes(options.minutes, options.clock)
    trained = f"{spoken} of training each, seeds: {options.seeds}"
    print_table(measure(folders.pop(FULL), folders, known), known, trained)
    return 0


def print_table(found: Mapping[str, FamilyFigures], members: Mapping[str, list[str]], trained: str) -> None:
    """Prints one Markdown table, a line a family."""
    lines = [
        [
            f"{name} ({len(members[name])})" if name in members else f"**{name}**",
            figures.fakes,
            figure_text(figures.trained),
            figure_text(figures.unseen),
            figure_text(figures.difference, sign="+"),
        ]
        for name, figures in found.items()
    ]
    print(f"AUROC against simulated damage of the same sources, fold val, untouched; {trained};")
    print("95 % intervals over sources.\n")
    heads = ["family (networks)", "its fakes", "trained with it", "never seen", "difference"]
    print(markdown_table(heads, lines))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
