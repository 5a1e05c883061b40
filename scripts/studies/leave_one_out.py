"""Trains detectors without one generator, and tells how well each finds what it never saw.

usage: scripts/run leave-one-out dataset=FOLDER [other overrides of `falseflaw train`]

The dataset has folds train, val and test. Each generator is left out with and without the perturbed
autoencoders. Runs go to runs/leave-one-out/; started again it goes on where it stopped. About an hour on two
cores.
"""

from __future__ import annotations

import sys
from pathlib import Path

import yaml

from falseflaw.cli.main import one_line
from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import ConfigurationError, FalseFlawError
from falseflaw.evaluation.figures.summary import read_summary
from falseflaw.inpainting.autoencoders.family import PERTURBED
from falseflaw.inpainting.autoencoders.records import reserved
from falseflaw.statistics.text import figure_text
from falseflaw.studies import trainings
from falseflaw.studies.trainings import EDITS

ROOT = Path(__file__).resolve().parents[2]
GENERATORS = ("pixel", "latent")
AUTOENCODERS = ROOT / "checkpoints" / "autoencoders"


def main(overrides: list[str]) -> int:
    """Trains and evaluates what is not there yet, then prints the table."""
    if {"-h", "--help"} & set(overrides):
        print(__doc__)
        return 0
    try:
        return _run(overrides)
    except FalseFlawError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2


def _run(overrides: list[str]) -> int:
    dataset = trainings.dataset_of(overrides)
    if dataset is None:
        raise ConfigurationError("expected dataset=FOLDER with folds train, val and test, got none; name one")
    known = read_manifest(ROOT / dataset)["generator"].unique()
    perturbed = sorted(name for name in known if name.endswith(PERTURBED))
    runs = []
    for generator in GENERATORS:
        runs.append(measure(f"without_{generator}", [f"data.leave_out=[{generator}]"], overrides))
        # Half of the sets hold no trained autoencoder: twice the share keeps such positives as frequent.
        names = ",".join([generator, *perturbed])
        without_both = [f"data.leave_out=[{names}]", "data.pairs.autoencoded_share=0.6"]
        runs.append(measure(f"without_{generator}_and_perturbed", without_both, overrides))
    print_table(runs)
    return 0


def measure(name: str, deltas: list[str], overrides: list[str]) -> str:
    """Trains a detector and evaluates it, each unless done already; returns the run's folder."""
    run = f"runs/leave-one-out/{name}"
    words = ["experiment=reference", *deltas, "trainer.max_steps=400", *overrides]
    trainings.train(ROOT / run, words)
    if not (ROOT / run / "evaluation" / "summary.json").is_file():
        chosen = ["laundering=untouched", f"edits=[{','.join(EDITS)}]", "limit_sources=150"]
        trainings.falseflaw("evaluate", f"run={ROOT / run}", *chosen)
    return run


def print_table(runs: list[str]) -> None:
    """Prints one Markdown table: a line a network, a column a run; what a run never saw is in bold."""
    summaries = {Path(run).name: read_summary(ROOT / run / "evaluation") for run in runs}
    unseen = {Path(run).name: left_out(ROOT / run) | set(reserved(AUTOENCODERS)) for run in runs}
    names = sorted({row.name for summary in summaries.values() for row in summary.networks})
    print("AUROC against simulated damage of the same sources, untouched photos of fold test;")
    print("in bold what the detector was not trained on.\n")
    print(f"| pixels of | {' | '.join(summaries)} |")
    print(f"|---|{'---|' * len(summaries)}")
    for name in names:
        cells = []
        for run, summary in summaries.items():
            found = [row for row in summary.networks if row.name == name]
            text = figure_text(found[0].auroc) if found else "–"
            cells.append(f"**{text}**" if found and name in unseen[run] else text)
        print(f"| {name} | {' | '.join(cells)} |")


def left_out(run: Path) -> set[str]:
    """Returns the networks whose pixels a run was not trained on."""
    return set(yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))["data"]["leave_out"])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
