"""Tells what a detector really looks at: blur, grain, sharpness, saves, in a region or the whole photo.

usage: scripts/run probe-detector MODEL DATASET [--fold val] [--sources N] [--output FILE]

MODEL is a bundle's folder, or a run's with its evaluation. Honest photos and spliced fakes of matched sets
are changed in one way after the other. AUROC sets the changed photos against the same ones untouched: .5
where the detector does not look at the change. Look at fold val while a detector is made; fold test tells of
a finished one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import pandas as pd
from tqdm import tqdm

from falseflaw.cli.main import one_line
from falseflaw.dataset.manifest import read_manifest
from falseflaw.errors import ConfigurationError
from falseflaw.imaging.codec import write_atomic
from falseflaw.paths import find_existing
from falseflaw.statistics.text import figure_text, markdown_table
from falseflaw.studies.models import open_model
from falseflaw.studies.probes import Answer, answers, score_probes, select_photos
from falseflaw.types import Fold


def main(arguments: list[str]) -> int:
    """Changes photos, scores them and prints the table."""
    usage = (__doc__ or "").split("usage: ")[1].split("\n")[0]
    parser = argparse.ArgumentParser(prog="scripts/run probe-detector", usage=usage)
    parser.add_argument("model", help="folder of a bundle or a run")
    parser.add_argument("dataset", help="folder of matched sets")
    parser.add_argument("--fold", type=Fold, choices=[Fold.VAL, Fold.TEST], default=Fold.VAL)
    parser.add_argument("--sources", type=int, default=40, help="at most; a photo of each kind a source")
    parser.add_argument("--output", type=Path, help="also write the table to this file")
    options = parser.parse_args(arguments)
    if options.sources < 1:
        parser.error("expected --sources of at least 1")
    cv2.setNumThreads(1)  # every lane has its own
    try:
        text = _run(options)
        if options.output:
            write_atomic(options.output, f"{text}\n".encode())
    except Exception as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    print(text)
    return 0


def _run(options: argparse.Namespace) -> str:
    model = open_model(Path(options.model))
    if model.operating_point is None:
        raise ConfigurationError(
            f"expected {options.model} with thresholds, found none; run `falseflaw evaluate` first"
        )
    dataset = find_existing(options.dataset, "a dataset", "build one with `falseflaw synthesize`")
    photos = select_photos(read_manifest(dataset), options.fold, options.sources)
    scored = score_probes(photos, dataset, model)
    scores = pd.concat(list(tqdm(scored, total=len(photos), desc="probes", unit="photo")))
    return table(answers(scores, model.operating_point))


def table(found: list[Answer]) -> str:
    """Returns the answers as a table in Markdown."""
    header = ("photos", "where", "what", "against untouched, AUROC", "altered", "inconclusive")
    lines = [
        (
            str(answer.edit).replace("_", " "),
            answer.probe.where,
            answer.probe.change,
            figure_text(answer.auroc, 2),
            f"{answer.altered.count} of {answer.altered.n}",
            f"{answer.inconclusive.count} of {answer.inconclusive.n}",
        )
        for answer in found
    ]
    return markdown_table(header, lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
