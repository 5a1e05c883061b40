"""Trains baselines for equal minutes, measures them beside the detector on the same photos, prints one table.

usage: scripts/run baselines dataset=FOLDER [--minutes N] [--detector FOLDER] ... [overrides of `train`]

Trained are the detector itself, the detector on RGB alone, and a whole-image classifier; error-level
analysis, noise-residual variance and the first reference detector need no training. What is learnt from and
what is measured on may be two datasets, as the two builds of the reference are: --measured. Started again it
goes on where it stopped. Results go to runs/baselines: baselines.md, and compare.md by laundering with paired
differences.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from falseflaw.cli.main import one_line
from falseflaw.errors import FalseFlawError
from falseflaw.evaluation.figures.summary import read_summary
from falseflaw.imaging.codec import write_atomic
from falseflaw.models.checkpoint import load_detector, read_checkpoint
from falseflaw.studies import trainings
from falseflaw.studies.baselines import Entry, baselines_table, committed_bundle
from falseflaw.studies.trainings import CLOCKS, EDITS, minutes_of

ROOT = Path(__file__).resolve().parents[2]
MODELS = {"detector": "reference", "rgb_only": "rgb_only", "whole_image": "whole_image"}
TRAINING_FREE = ("error_level_analysis", "noise_residual_variance")
FIRST = "first_reference"
FIRST_REVISION = "ed1bfb4aeaf8c78a6176e79c71e6b5157b6f0d3e"
FIRST_FOLDER = "checkpoints/detectors/reference"
FIRST_SHA256 = "05d6b7666e0742cc2818642a37e7df4d318b98fac9f1171c8bf51eabbd6726fd"
"""The first reference detector: in the history alone, since 12.8 MB would come with every clone twice."""


def main(arguments: list[str]) -> int:
    """Trains and evaluates what is not there yet, then prints the table."""
    parser = argparse.ArgumentParser(
        prog="scripts/run baselines", usage=(__doc__ or "").split("usage: ")[1].split("\n")[0]
    )
    parser.add_argument("--minutes", type=float, default=25, help="that each training gets")
    parser.add_argument("--clock", choices=CLOCKS, default=CLOCKS[0], help="processor: of its own threads")
    parser.add_argument(
        "--detector", type=Path, help="run or bundle to measure as the detector, not trained here"
    )
    parser.add_argument("--measured", help="dataset to fit thresholds and to measure on (default: dataset=)")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=[*MODELS, *TRAINING_FREE, FIRST],
        default=[*MODELS, *TRAINING_FREE, FIRST],
        help="lines of the table",
    )
    parser.add_argument("--laundering", default="quick", help="suite of launderings")
    parser.add_argument("--edits", nargs="+", default=list(EDITS), help="members that are measured")
    parser.add_argument("--limit", type=int, help="most sources of each fold that are measured")
    parser.add_argument("--replicates", type=int, default=1000, help="resamples of the bootstrap")
    parser.add_argument("--output", type=Path, default=ROOT / "runs/baselines", help="folder of the results")
    options, overrides = parser.parse_known_args(arguments)
    datasets = [word for word in overrides if word.startswith("dataset=")]
    if len(datasets) != 1 or any("=" not in word for word in overrides):
        parser.error("expected dataset=FOLDER and other overrides of `falseflaw train`")
    try:
        return _run(options, datasets[0], overrides)
    except FalseFlawError as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2


def _run(options: argparse.Namespace, dataset: str, overrides: list[str]) -> int:
    output: Path = options.output
    targets: dict[str, str] = {}
    training: dict[str, str] = {}
    if options.detector is not None and "detector" in options.only:
        kind = "bundle" if (options.detector / "bundle.json").is_file() else "run"
        targets["detector"], training["detector"] = f"{kind}={options.detector}", f"{options.detector}"
    for name, model in MODELS.items():
        if name in options.only and name not in targets:
            run = output / name
            trainings.train(run, [f"model={model}", *minutes_of(options.minutes, options.clock), *overrides])
            targets[name], training[name] = f"run={run}", told(run, options.minutes, options.clock)
    for name in [name for name in TRAINING_FREE if name in options.only]:
        targets[name], training[name] = f"baseline={name}", "none"
    if FIRST in options.only:
        folder = output / FIRST / "bundle"
        committed_bundle(ROOT, FIRST_REVISION, FIRST_FOLDER, FIRST_SHA256, folder)
        targets[FIRST], training[FIRST] = f"bundle={folder}", f"as released in {FIRST_REVISION[:7]}"
    resamples = f"replicates={options.replicates}"
    chosen = [
        f"laundering={options.laundering}",
        f"edits=[{','.join(options.edits)}]",
        f"dataset={options.measured}" if options.measured else dataset,
        resamples,
    ]
    if options.limit is not None:
        chosen.append(f"limit_sources={options.limit}")
    evaluations = {name: output / name / "evaluation" for name in targets}
    for name, target in targets.items():
        # Evaluating again what did not change costs seconds: predictions are kept, figures are not.
        exported = ["device=onnx"] if target.startswith("run=") else []  # three times as fast on a CPU
        trainings.falseflaw("evaluate", target, *chosen, *exported, f"output={evaluations[name]}")
    entries = [
        Entry(name.replace("_", " "), training[name], read_summary(folder))
        for name, folder in evaluations.items()
    ]
    table = baselines_table(entries)
    write_atomic(output / "baselines.md", table.encode())
    if len(evaluations) > 1:
        folders = ",".join(f"{name}:{folder}" for name, folder in evaluations.items())
        trainings.falseflaw("compare", f"evaluations={{{folders}}}", resamples, f"output={output}")
    print(f"\n{table}\nwritten to {output}")
    return 0


def told(run: Path, minutes: float, clock: str) -> str:
    """Says how long a run was trained, and how large its network is."""
    best, last = (run / "checkpoints" / f"{name}.ckpt" for name in ("best", "last"))
    size = sum(parameter.numel() for parameter in load_detector(best).parameters())
    unit = "min" if clock == CLOCKS[0] else "min of the processor"
    return f"{minutes:g} {unit}, {read_checkpoint(last)['global_step']} steps, {size / 1e6:.2f} M parameters"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
