"""Tells composed training pairs apart by regions against their surroundings, as the audit does of files.

usage: scripts/run measure-rings DATASET [--pairs N] [--set KEY=VALUE ...] [--leave-out NAME ...]

The dataset has layers. Keys are those of `composition`, such as grain_share=0: two calls show what it does.
Names are writers or photo sets, as `data.leave_out` and `data.leave_out_photo_sets` have them.
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
from falseflaw.dataset.layers import read_layers
from falseflaw.errors import ConfigurationError
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
    parser.add_argument("--leave-out", nargs="+", default=[], metavar="NAME", help="writers or photo sets")
    options = parser.parse_args(arguments)
    if options.pairs is not None and options.pairs < 2:
        parser.error("expected --pairs of at least 2")
    try:
        values = {str(key): value for key, value in OmegaConf.from_dotlist(options.set).items()}
        left_out = _left_out(options.dataset, options.leave_out)
        windows = layer_windows(options.dataset, *left_out)
        composer = Composer(windows, CompositionSettings(**values), seed=0)
        pairs = min(options.pairs or len(composer), len(composer))
        probe = ring_probe(
            measure_pairs(composer, pairs, options.side, lambda items, total, title: tqdm(items))
        )
    except Exception as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    print("\n".join([*ring_lines(probe), *probe.telling]))
    return 0


def _left_out(dataset: Path, names: list[str]) -> tuple[list[str], list[str]]:
    """Returns which of the names are writers, and which are photo sets.

    Raises:
        ConfigurationError: The layers have neither of that name.
    """
    layers = read_layers(dataset)
    writers, sets = (set(layers[column]) - {""} for column in ("writer", "photo_set"))
    if unknown := sorted(set(names) - writers - sets):
        known = ", ".join(sorted(writers | sets))
        raise ConfigurationError(f"expected --leave-out of {known}, got {unknown[0]}")
    return sorted(writers & set(names)), sorted(sets & set(names))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
