"""Measures false alarms on unaltered photos of 1 to 24 megapixels; its scores give tiled photos their limit.

usage: scripts/run measure-large-photos MODEL [--sizes MP:PHOTOS ...] [--seed N] [--cache FOLDER] ...

MODEL is a bundle's folder, a run's folder or a checkpoint. The way of a release: measure the run, evaluate it
with large_photos=FILE, and export it. The default sizes are those to fit on; of an idle core they take eight
minutes for the photos, which are rendered once and kept, and eight for the scores. Scores that --output holds
are kept: a run that was stopped goes on, and other sizes come on top. `--sizes 1:60 4:40 12:30 24:20
--seed 1` shows what a limit is worth on other photos than it was fitted on.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
from hydra.utils import instantiate
from omegaconf import OmegaConf
from tqdm import tqdm

from falseflaw.cli.main import one_line
from falseflaw.errors import ConfigurationError
from falseflaw.evaluation.figures.large_photos import LargePhoto, LargePhotos
from falseflaw.machine import available_cores
from falseflaw.paths import config_dir
from falseflaw.statistics.text import aligned, figure_text
from falseflaw.studies.large_photos import SIZES, SizeRates, rates, score_photos, wanted
from falseflaw.studies.models import open_model
from falseflaw.types import OperatingPoint


def main(arguments: list[str]) -> int:
    """Renders, scores, writes the scores and prints the rates."""
    usage = (__doc__ or "").split("usage: ")[1].split("\n")[0]
    parser = argparse.ArgumentParser(prog="scripts/run measure-large-photos", usage=usage)
    parser.add_argument("model", help="folder of a bundle or a run, or a checkpoint")
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=_size,
        default=list(SIZES.items()),
        metavar="MP:PHOTOS",
        help="megapixels and how many photos; by default 99 photos in tiles",
    )
    parser.add_argument("--seed", type=int, default=0, help="another one photographs other products")
    parser.add_argument(
        "--cache", type=Path, default=Path("data/cache/large_photos"), help="where photos are kept"
    )
    parser.add_argument("--operating-point", type=Path, help="file or evaluation folder, instead of its own")
    parser.add_argument("--lanes", type=int, default=available_cores(), help="photos at once")
    parser.add_argument("--output", type=Path, default=Path("runs/large_photos.json"), help="of the scores")
    options = parser.parse_args(arguments)
    if options.lanes < 1:
        parser.error("expected --lanes of at least 1")
    cv2.setNumThreads(1)  # every lane has its own
    try:
        print(_run(options))
    except Exception as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    return 0


def _size(text: str) -> tuple[float, int]:
    megapixels, _, photos = text.partition(":")
    return float(megapixels), int(photos)


def _run(options: argparse.Namespace) -> str:
    photos = wanted(dict(options.sizes), options.seed)
    model = open_model(Path(options.model), options.operating_point)
    point = model.operating_point
    cameras = instantiate(OmegaConf.load(config_dir() / "camera/default.yaml"))
    known = {
        photo.source: photo
        for photo in _known(options, model.checkpoint)
        if photo.tiles == model.tiling(photo.height, photo.width).count
    }
    missing = [photo for photo in photos if photo.source not in known]
    lanes = min(options.lanes, model.lanes)
    scores = score_photos(missing, model, cameras, options.cache, lanes)
    for photo in tqdm(scores, total=len(missing), desc="large photos", unit="photo"):
        known[photo.source] = photo
        scored = tuple(known[name] for name in sorted(known))
        LargePhotos(model.checkpoint, str(options.model), options.seed, scored).write(options.output)
    lines = [f"scores: {options.output}; fit on them with `falseflaw evaluate large_photos={options.output}`"]
    if point is not None:
        lines = [table(rates(list(known.values()), point), point), *lines]
    return "\n".join(lines)


def _known(options: argparse.Namespace, checkpoint: str) -> tuple[LargePhoto, ...]:
    """Returns what a run of before has scored of the same model on photos of the same seed.

    Raises:
        ConfigurationError: The file holds scores of another model or seed.
    """
    if not options.output.exists():
        return ()
    found = LargePhotos.read(options.output)
    if (found.checkpoint, found.seed) != (checkpoint, options.seed):
        raise ConfigurationError(
            f"expected {options.output} as scores of this model and seed {options.seed}, got those of "
            f"{found.model} and seed {found.seed}; pass another --output"
        )
    return found.photos


def table(rows: list[SizeRates], point: OperatingPoint) -> str:
    """Returns the rates as lines to read."""
    tiled = "none" if point.tiled_threshold is None else f"{point.tiled_threshold:.6g}"
    header = (
        "megapixels", "photos", "tiles", "reach image_threshold", "altered", "inconclusive", "unlike",
        "highest p", "median p",
    )  # fmt: skip
    lines = [
        (
            f"{row.megapixels:g}",
            str(row.altered.n),
            f"{row.tiles[0]}" if row.tiles[0] == row.tiles[1] else f"{row.tiles[0]} to {row.tiles[1]}",
            *(
                f"{share.count}: {figure_text(share)}"
                for share in (row.whole, row.altered, row.inconclusive, row.unlike)
            ),
            f"{row.highest[0]:.3f}",
            f"{row.highest[1]:.3f}",
        )
        for row in rows
    ]
    head = f"unaltered photos; image_threshold {point.image_threshold:.6g}, tiled_threshold {tiled}"
    return f"{head}\n{aligned([header, *lines])}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
