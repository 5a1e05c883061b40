"""Measures how many photos a second the evaluation's one pass scores, against a plain nested loop.

usage: scripts/run benchmark evaluation [--sources N] [--repetitions N] [--workers N] [dataset=] [bundle= ...]

The loop decodes, launders and scores photo by photo and laundering by laundering, with the model as
`falseflaw predict` runs it; the pass is what `falseflaw evaluate` runs, the start of its workers and the
writing of its file included. Both score the same pixels with the same model, and their answers are compared.
A third way tells the session's gain from the pass's: the loop with the network's memory kept between photos.
The ways take turns in one run, so that what else the machine does hits all of them.

Overrides are those of `falseflaw evaluate`: dataset=, bundle=, checkpoint= or run=, laundering=, batch_size=,
device=. Without dataset= photos are rendered; without a model checkpoints/detectors/reference is taken.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports import tell

from falseflaw.cli.main import one_line
from falseflaw.imaging.codec import write_atomic
from falseflaw.machine import available_cores

if TYPE_CHECKING:  # the workers import this file too, and nothing heavy with it
    import pandas as pd
    from omegaconf import DictConfig

STAGES = ("decode", "launder", "score", "histogram", "write")
GOAL = 2.0
PASS, LOOP, KEPT = "one pass", "plain loop", "loop, memory kept"


@dataclass(frozen=True)
class Turn:
    """One way over all photos: seconds of clock, of the processor and of each stage, and what it found."""

    clock: float
    processor: float
    stages: dict[str, float]
    found: pd.DataFrame


def main(arguments: list[str]) -> int:
    """Runs the benchmark, prints its table and writes its figures."""
    parser = argparse.ArgumentParser(
        prog="scripts/run benchmark evaluation", usage=(__doc__ or "").split("usage: ")[1].split("\n")[0]
    )
    parser.add_argument("--sources", type=int, default=8, help="whose photos are scored")
    parser.add_argument("--repetitions", type=int, default=5, help="turns of each way")
    parser.add_argument("--workers", type=int, default=2, help="processes of the pass that launder")
    parser.add_argument("--threads", type=int, help="batches in the model at once; default: the scorer's")
    parser.add_argument("--output", type=Path, default=Path("runs/benchmark/evaluation.json"))
    overrides = [text for text in arguments if "=" in text and not text.startswith("-")]
    options = parser.parse_args([text for text in arguments if text not in overrides])
    if options.sources < 1 or options.repetitions < 1:
        parser.error("expected --sources and --repetitions of at least 1")
    try:
        report = benchmark(overrides, options)
    except Exception as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    return tell(report, table(report), options.output)


def benchmark(overrides: list[str], options: argparse.Namespace) -> dict[str, Any]:
    """Returns the figures of all ways over the same photos."""
    from hydra.utils import instantiate
    from tqdm import tqdm

    from falseflaw.imaging.laundering.base import check_suite

    config = _compose(overrides)
    suite = check_suite(instantiate(item) for item in config.laundering.launderings)
    scorer, loops = _back_end(config)
    with tempfile.TemporaryDirectory(prefix="falseflaw-benchmark-") as name:
        folder = Path(name)
        dataset, rows = _photos(config, options.sources, folder / "dataset")
        ways = {PASS: lambda part: _one_pass(dataset, part, suite, scorer, folder, config, options)}
        for way, score in loops.items():
            ways[way] = lambda part, score=score: _nested_loop(dataset, part, suite, score, folder)
        for run in ways.values():
            run(rows.head(1))  # the first call of each allocates
        turns: dict[str, list[Turn]] = {way: [] for way in ways}
        with tqdm(total=len(ways) * options.repetitions, desc="turns") as bar:
            for number in range(options.repetitions):
                for way in list(ways)[:: 1 if number % 2 else -1]:  # who goes first changes
                    turns[way].append(_timed(ways[way], rows))
                    bar.update()
    about = {
        "model": scorer.describe(),
        "dataset": config.dataset or "rendered",
        "sources": int(rows["source_id"].nunique()),
        "images": len(rows),
        "launderings": [item.name for item in suite],
        "photos": len(rows) * len(suite),
        "workers": options.workers,
        "batch_size": config.batch_size,
        "repetitions": options.repetitions,
        "cores": available_cores(),
        "goal": GOAL,
    }
    return about | _figures(turns)


def _compose(overrides: list[str]) -> DictConfig:
    """Returns the configuration of `falseflaw evaluate` with overrides."""
    from hydra import compose, initialize_config_dir

    from falseflaw.cli.configuration.overrides import quote_paths
    from falseflaw.errors import ConfigurationError
    from falseflaw.paths import config_dir

    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("evaluate", quote_paths(overrides))
    given = [name for name in ("run", "checkpoint", "bundle") if config[name] is not None]
    if len(given) > 1:
        raise ConfigurationError(f"expected one of run=, checkpoint= and bundle=, got {' and '.join(given)}")
    if not given:
        config.bundle = "checkpoints/detectors/reference"
    return config


def _back_end(config: DictConfig) -> tuple[Any, dict[str, Callable[[Any], tuple[Any, Any]]]]:
    """Returns the scorer of the pass, and what scores one photo in each loop."""
    from falseflaw.evaluation.prediction.scorers import BundleScorer, CheckpointScorer
    from falseflaw.paths import find_existing
    from falseflaw.runtime.predictor import Predictor

    if config.bundle is None:
        checkpoint = config.checkpoint or Path(config.run) / "checkpoints" / "best.ckpt"
        scorer = CheckpointScorer(checkpoint, config.device)
        return scorer, {LOOP: scorer.score}
    bundle = find_existing(config.bundle, "a bundle", "make one with `falseflaw export`")
    plain, kept = Predictor(bundle), Predictor(bundle, keep_memory=True)
    return BundleScorer(bundle), {LOOP: plain.raw, KEPT: kept.raw}


def _photos(config: DictConfig, sources: int, folder: Path) -> tuple[Path, pd.DataFrame]:
    """Returns the dataset and its rows of so many sources of the fold, or renders photos."""
    from falseflaw.dataset.manifest import read_manifest
    from falseflaw.errors import InvalidDataError
    from falseflaw.evaluation.prediction.selection import select_sources

    if config.dataset is None:
        return folder, _rendered(sources, folder)
    dataset = Path(config.dataset)
    manifest = read_manifest(dataset)
    rows = select_sources(manifest[manifest["fold"] == config.fold], sources).reset_index(drop=True)
    if rows.empty:
        raise InvalidDataError(f"expected photos of the {config.fold} fold in {dataset}, got none")
    return dataset, rows


def _rendered(sources: int, folder: Path) -> pd.DataFrame:
    """Renders photos of products and saves each in four qualities, two of them with a mask."""
    import hashlib

    import numpy as np
    import pandas as pd

    from falseflaw.imaging.codec import encode_jpeg, encode_png
    from falseflaw.photos.studio.source import StudioPhotos

    studio = StudioPhotos(count=sources, width=400, height=536)
    rows = []
    for photo in studio.photos():
        image = studio.load(photo)
        mask = np.zeros(image.shape[:2], bool)
        mask[200:280, 150:250] = True
        stem = photo.photo_id.replace("/", "__")
        write_atomic(folder / f"{stem}.png", encode_png(mask))
        for quality in (95, 92, 89, 86):
            data = encode_jpeg(image, quality)
            path = f"{stem}-{quality}.jpg"
            write_atomic(folder / path, data)
            masked = quality < 90
            rows.append(
                {
                    "path": path,
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "mask_path": f"{stem}.png" if masked else "",
                    "mask_area": float(mask.mean()) if masked else 0.0,
                    "label": int(masked),
                    "source_id": photo.photo_id,
                    "contributor": photo.contributor,
                    "product": photo.product,
                    "width": image.shape[1],
                    "height": image.shape[0],
                }
            )
    constant = dict.fromkeys(("group", "photo_set", "fold", "edit", "damage_kind", "generator"), "")
    return pd.DataFrame(rows).assign(**constant)


def _one_pass(
    dataset: Path,
    rows: pd.DataFrame,
    suite: Any,
    scorer: Any,
    folder: Path,
    config: DictConfig,
    options: argparse.Namespace,
) -> tuple[dict[str, float], pd.DataFrame]:
    """Predicts as the verb does, into a folder of its own."""
    from falseflaw.evaluation.prediction.predict import predict
    from falseflaw.evaluation.prediction.selection import Selection
    from falseflaw.machine import StageTimer

    timer = StageTimer()
    with tempfile.TemporaryDirectory(dir=folder) as output:
        found = predict(
            *(Selection(dataset, rows, suite), scorer, Path(output)),
            batch_size=config.batch_size,
            threads=options.threads,
            workers=options.workers,
            progress=False,
            timer=timer,
        )
    return timer.take(), found


def _nested_loop(
    dataset: Path, rows: pd.DataFrame, suite: Any, score: Callable[[Any], tuple[Any, Any]], folder: Path
) -> tuple[dict[str, float], pd.DataFrame]:
    """Decodes, launders and scores one by one, and saves what it found once at the end."""
    import numpy as np
    import pandas as pd

    from falseflaw.evaluation.prediction.laundered import load_row
    from falseflaw.imaging.laundering.base import launder
    from falseflaw.machine import StageTimer

    timer = StageTimer()
    found = []
    for row in rows.to_dict("records"):
        for item in suite:
            with timer("decode"):
                photo, truth = load_row(dataset, row)
            with timer("launder"):
                image, mask = launder(item, photo, truth, row["sha256"])
            with timer("score"):
                logits, heats, *_ = score(image[None])
            with timer("histogram"):
                inside = np.bincount(heats[0][mask], minlength=256)
                outside = np.bincount(heats[0][~mask], minlength=256)
            found.append(
                {
                    "path": row["path"],
                    "laundering": item.name,
                    "logit": float(logits[0]),
                    "positive_histogram": inside,
                    "negative_histogram": outside,
                }
            )
    with timer("write"):
        frame = pd.DataFrame(found)
        frame.to_parquet(folder / "loop.parquet", compression="zstd")
    return timer.take(), frame


def _timed(run: Callable[[pd.DataFrame], tuple[dict[str, float], pd.DataFrame]], rows: pd.DataFrame) -> Turn:
    processor, clock = _processor_seconds(), time.perf_counter()
    stages, found = run(rows)
    return Turn(time.perf_counter() - clock, _processor_seconds() - processor, stages, found)


def _processor_seconds() -> float:
    """Returns those of this process and of its children that have ended."""
    return sum(os.times()[:4])


def _figures(turns: dict[str, list[Turn]]) -> dict[str, Any]:
    """Returns speed and stages of each way, the ratios to the pass, and how far the answers differ.

    `clock_bound` is what the ratio of clocks would be if the pass's processor seconds were spread over all
    cores without a gap: no better sharing of the same work can gain more.
    """
    import numpy as np
    from ratios import ratio

    figures: dict[str, Any] = {"ways": {}, "against": {}}
    passes = turns[PASS]
    for way, entries in turns.items():
        count = len(entries[0].found)
        clock = float(np.mean([entry.clock for entry in entries]))
        stages = {
            stage: float(np.mean([entry.stages.get(stage, 0.0) for entry in entries])) for stage in STAGES
        }
        figures["ways"][way] = {
            "photos_per_second": count / clock,
            "clock_milliseconds": 1000 * clock / count,
            "processor_milliseconds": 1000 * float(np.mean([entry.processor for entry in entries])) / count,
            "stage_milliseconds": {stage: 1000 * value / count for stage, value in stages.items()},
        }
        if way == PASS:
            continue
        figures["against"][way] = {
            "clock": ratio([b.clock / a.clock for a, b in zip(passes, entries, strict=True)]),
            "clock_bound": ratio(
                [b.clock / (a.processor / available_cores()) for a, b in zip(passes, entries, strict=True)]
            ),
            "processor": ratio([b.processor / a.processor for a, b in zip(passes, entries, strict=True)]),
            **_differences(passes[0].found, entries[0].found),
        }
    return figures


def _differences(one: pd.DataFrame, other: pd.DataFrame) -> dict[str, float]:
    """Compares the answers of two ways, photo by photo.

    Returns the largest difference of logits, and the share of pixels that lie in another bin.
    """
    import numpy as np

    key = ["path", "laundering"]
    both = one.merge(other, on=key, validate="one_to_one", suffixes=("", "_other"))
    if not len(both) == len(one) == len(other):
        raise AssertionError("expected every photo once in both ways")  # the pass would have lost some
    moved = pixels = 0
    for name in ("positive_histogram", "negative_histogram"):
        left, right = np.stack(both[name]), np.stack(both[f"{name}_other"])
        moved += int(np.abs(left - right).sum()) / 2
        pixels += int(left.sum())
    return {
        "largest_logit_difference": float((both["logit"] - both["logit_other"]).abs().max()),
        "share_of_pixels_moved": moved / pixels,
    }


def table(report: dict[str, Any]) -> str:
    """Returns the report as lines to read."""
    model = report["model"]
    columns = (*STAGES, "clock", "processor")
    lines = [
        f"{model['kind']} {model['path']}; {report['images']} photos of {report['sources']} sources under "
        f"{len(report['launderings'])} launderings, {report['workers']} workers, {report['cores']} cores, "
        f"{report['repetitions']} repetitions",
        "",
        f"{'milliseconds a photo':20}{''.join(f'{name:>11}' for name in columns)}{'photos/s':>11}",
    ]
    for way, entry in report["ways"].items():
        values = [
            *entry["stage_milliseconds"].values(),
            entry["clock_milliseconds"],
            entry["processor_milliseconds"],
        ]
        cells = "".join(f"{value:11.2f}" for value in values)
        lines.append(f"{way:20}{cells}{entry['photos_per_second']:11.2f}")
    lines += [
        "",
        "Stages of the pass are summed over its processes and threads: together they exceed the clock.",
    ]
    from ratios import ratio_text

    for way, entry in report["against"].items():
        lines += [
            f"{PASS} against {way}, by the clock: {ratio_text(entry['clock'])}"
            + (f", goal {report['goal']:g}x" if way == LOOP else ""),
            f"  with every core busy all the time it would be {ratio_text(entry['clock_bound'])}",
            f"{PASS} against {way}, by the processor's seconds: {ratio_text(entry['processor'])}; largest "
            f"difference of logits {entry['largest_logit_difference']:.1e}, "
            f"{100 * entry['share_of_pixels_moved']:.4f} % of pixels in another bin",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
