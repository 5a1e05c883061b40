"""Tells composed training pairs apart by regions against their surroundings, as the audit does of files.

usage: scripts/run measure-rings DATASET [--pairs N] [--set KEY=VALUE ...]

The dataset has layers. Keys are those of `composition`, such as grain_share=0: two calls show what it does.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from omegaconf import OmegaConf
from tqdm import tqdm

from falseflaw.audit.report import ring_lines
from falseflaw.audit.ring import ring_probe
from falseflaw.cli.main import one_line
from falseflaw.studies.composed_rings import measure_pairs
from falseflaw.training.detector.composition import Composer
from falseflaw.training.detector.composition_settings import CompositionSettings
from falseflaw.training.detector.layer_windows import layer_windows


def main(arguments: list[str]) -> int:
    """Composes pairs, measures them and prints the table."""
    usage = (__doc__ or "").split("usage: ")[1].split("\n")[0]
    parser = argparse.ArgumentParser(prog="scripts/run measure-rings", usage=usage)
    parser.add_argument("dataset", type=Path, help="folder made by `falseflaw synthesize`, with layers")
    parser.add_argument("--pairs", type=int, help="by default, and at most, one of every source")
    parser.add_argument("--side", type=int, default=384, help="longest side of a pair's windows, pixels")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="keys of composition")
    options = parser.parse_args(arguments)
    if options.pairs is not None and options.pairs < 2:
        parser.error("expected --pairs of at least 2")
    try:
        values = {str(key): value for key, value in OmegaConf.from_dotlist(options.set).items()}
        composer = Composer(layer_windows(options.dataset), CompositionSettings(**values), seed=0)
        pairs = min(options.pairs or len(composer), len(composer))
        probe = ring_probe(
            measure_pairs(composer, pairs, options.side, lambda items, total, title: tqdm(items))
        )
    except Exception as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    print("\n".join([*ring_lines(probe), *probe.telling]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
