"""Measures an inpainter on photos of the test fold; prints the figures, writes JSON and a contact sheet.

usage: scripts/run measure-inpainter [--limit N] [--teach N] ... [overrides of `falseflaw synthesize`]

About a quarter of an hour on two idle cores for the bundled inpainter at the default sizes. With the options
`--judge-only --fold val` it shows how well the kind classifier knows painted flaws: its design was chosen so.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from hydra.utils import instantiate

from falseflaw.audit.flaws import Flaws, join
from falseflaw.cli.configuration.compose import compose_synthesis, prepare_sets
from falseflaw.cli.main import one_line
from falseflaw.imaging.codec import encode_png, write_atomic
from falseflaw.inpainting.inpainter import Inpainter
from falseflaw.statistics.bootstrap import Estimate
from falseflaw.studies.inpainter.flaws import simulated
from falseflaw.studies.inpainter.kinds import accuracy, by_kind, name_kinds, train_kinds
from falseflaw.studies.inpainter.measure import Measurement, MeasureSettings, measure, prompt_photos
from falseflaw.studies.inpainter.sheet import prompt_sheet

MEANINGS = {
    "kind_accuracy_painted": "kind named rightly, painted flaws (upper bound)",
    "kind_accuracy_inpainted": "kind named rightly, inpainted flaws; goal 0.70",
    "content_auroc": "content probe, inpainted against simulated, AUROC; ideal 0.5",
    "chroma_energy": "color noise inside the region, against simulated; ideal 1",
    "luma_energy": "fine texture inside the region, against simulated; ideal 1",
    "edge_sharpness": "steepest edges inside the region, against simulated; ideal 1",
    "context_psnr": "crop around the region after the pipeline, dB",
    "between_prompts": "difference between prompts, levels of 255",
    "between_seeds": "difference between seeds, levels",
    "prompts_over_seeds": "prompts against seeds",
    "closest_prompts": "difference of a photo's two most alike prompts, levels",
    "all_distinct": "photos whose nine prompts give nine flaws, share",
    "flaw_change": "change by the nine prompts, levels",
    "clean_change": "change by `clean fabric`, levels; ideal 0",
}


def main(arguments: list[str]) -> int:
    """Prepares the photos, measures, prints and writes."""
    parser = argparse.ArgumentParser(
        prog="scripts/run measure-inpainter", usage=(__doc__ or "").split("usage: ")[1].split("\n")[0]
    )
    parser.add_argument("--limit", type=int, default=108, help="photos of the fold")
    parser.add_argument("--fold", choices=["val", "test"], default="test", help="whose photos are inpainted")
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--judge-only", action="store_true", help="try the kind classifier on painted flaws")
    only.add_argument("--sheet-only", action="store_true", help="nothing but the contact sheet")
    parser.add_argument("--teach", type=int, default=800, help="photos of the train fold, for the classifier")
    parser.add_argument("--paintings", type=int, default=4, help="flaws painted on each of them")
    parser.add_argument("--epochs", type=int, default=30, help="of the kind classifier")
    parser.add_argument("--prompt-photos", type=int, default=8, help="photos that get nine prompts")
    parser.add_argument("--seeds", type=int, default=4, help="seeds of one prompt there")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0: its default")
    parser.add_argument("--output", type=Path, default=Path("runs/inpainter-measured"), help="folder")
    options, overrides = parser.parse_known_args(arguments)
    if min(options.limit, options.teach, options.paintings) < 1:
        parser.error("expected --limit, --teach and --paintings of at least 1")
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        tested = compose_synthesis([*overrides, f"folds=[{options.fold}]", f"limit_sources={options.limit}"])
        settings = MeasureSettings(
            options.epochs, options.prompt_photos, options.seeds, int(tested.synthesis.batch_size)
        )
        inpainter = instantiate(tested.inpainter)
        sets = prepare_sets(tested, inpainter.grid, inpainter.factor)
        if options.sheet_only:
            sheet = prompt_sheet(*prompt_photos(inpainter, sets, settings))
            write_atomic(options.output / "prompts.png", encode_png(sheet))
            print(f"written to {options.output}/prompts.png")
            return 0
        teaching = _teaching(overrides, options.teach, options.paintings, inpainter)
        if options.judge_only:
            print(judge_table(teaching, simulated(sets), settings))
            return 0
        measurement = measure(inpainter, teaching, sets, settings)
    except Exception as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    report = {
        "inpainter": inpainter.name,
        "overrides": overrides,
        "fold": options.fold,
        "tested": len(sets),
        "taught": len(teaching),
        **measurement.to_json(),
    }
    sheet = prompt_sheet(measurement.shown, measurement.prompted)
    write_atomic(options.output / "figures.json", (json.dumps(report, indent=2) + "\n").encode())
    write_atomic(options.output / "prompts.png", encode_png(sheet))
    print(f"\n{inpainter.name} on {len(sets)} photos, judged after {len(teaching)} painted flaws")
    print(table(measurement))
    print(f"written to {options.output}/figures.json and prompts.png")
    return 0


def _teaching(overrides: list[str], photos: int, paintings: int, inpainter: Inpainter) -> Flaws:
    """Paints flaws on photos of the train fold, several on each, one round of all photos after the other."""
    rounds = []
    for seed in range(paintings):
        taught = compose_synthesis(
            [*overrides, "folds=[train]", f"limit_sources={photos}", f"synthesis.seed={seed}"]
        )
        rounds.append(simulated(prepare_sets(taught, inpainter.grid, inpainter.factor)))
    return join(rounds)


def judge_table(teaching: Flaws, painted: Flaws, settings: MeasureSettings) -> str:
    """Teaches the kind classifier and returns how well it knows other painted flaws, as lines to read."""
    named = name_kinds(train_kinds(teaching, settings.epochs, settings.seed), painted)
    head = f"{MEANINGS['kind_accuracy_painted']:62}{_cell(accuracy(named, painted))}"
    return "\n".join([head, *_kinds_seen("painted", by_kind(named, painted))])


def table(measurement: Measurement) -> str:
    """Returns the figures and the kinds seen as lines to read."""
    lines = [f"{text:62}{_cell(measurement.figures[name])}" for name, text in MEANINGS.items()]
    lines += _kinds_seen("asked for", measurement.seen)
    return "\n".join([*lines, *_kinds_seen("painted", measurement.seen_painted)])


def _kinds_seen(what: str, table: dict[str, dict[str, float]]) -> list[str]:
    lines = ["", f"{what}, and what the classifier sees:"]
    for kind, seen in table.items():
        shares = sorted(seen.items(), key=lambda pair: -pair[1])
        lines.append(f"  {kind:8}{', '.join(f'{other} {share:.0%}' for other, share in shares[:3] if share)}")
    return lines


def _cell(estimate: Estimate) -> str:
    if estimate.value is None:
        return f"{'undefined':>9}"
    interval = "" if estimate.lo is None else f"  ({estimate.lo:.3f} to {estimate.hi:.3f})"
    return f"{estimate.value:9.3f}{interval}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
