"""Measures how long bundles take for a photo against eager torch with the same weights, and their memory.

usage: scripts/run benchmark runtime [BUNDLE ...] [--sizes MP:TURNS ...] [--threads N] [--memory MP] ...

Every bundle is asked as `falseflaw predict` asks it, and with the memory of the network kept from photo to
photo; torch runs the weights of the first bundle, in the same tiles. All ways take turns on the same photos,
so that what else the machine does hits all of them; the ratio is the mean over the turns. Several variants
of one model, such as fp32, fp16 and int8, are several bundles. Peak memory is that of a fresh process that
judges one JPEG of --memory megapixels.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from ratios import ratio, ratio_text
from reports import tell
from tqdm import tqdm

from falseflaw.cli.main import one_line
from falseflaw.evaluation.prediction.scorers import run_torch
from falseflaw.imaging.codec import encode_jpeg, write_atomic
from falseflaw.machine import available_cores
from falseflaw.paths import BUNDLE_HINT, find_existing
from falseflaw.photos.studio.source import StudioPhotos
from falseflaw.release.verify import resize_by_tiling
from falseflaw.runtime.predictor import Predictor
from falseflaw.runtime.tiling import judge_tiles
from falseflaw.statistics.text import aligned
from falseflaw.types import Image

GOAL = 2.0
SIZES = {0.2: 30, 1.0: 15, 12.0: 5}
"""Megapixels → turns; about five minutes on two idle cores."""
TORCH, KEPT = "torch, eager", ", memory kept"
WEIGHTS_NAME = "model.safetensors"

Judge = Callable[[Image], Any]

_STATUS = Path("/proc/self/status")
_PEAK = """
import sys
from falseflaw.runtime import Predictor
Predictor(sys.argv[1], threads=int(sys.argv[3]), keep_memory=sys.argv[4] == "1").judge(sys.argv[2])
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""  # getrusage would tell no less than this process has


def main(arguments: list[str]) -> int:
    """Runs the benchmark, prints its table and writes its figures."""
    parser = argparse.ArgumentParser(
        prog="scripts/run benchmark runtime", usage=(__doc__ or "").split("usage: ")[1].split("\n")[0]
    )
    parser.add_argument("bundles", nargs="*", default=["checkpoints/detectors/reference"], metavar="BUNDLE")
    parser.add_argument(
        "--sizes",
        nargs="+",
        type=_size,
        default=list(SIZES.items()),
        metavar="MP:TURNS",
        help="what is timed",
    )
    parser.add_argument("--threads", type=int, default=available_cores(), help="of onnxruntime and of torch")
    parser.add_argument("--memory", type=float, default=24.0, metavar="MP", help="0: not measured; Linux")
    parser.add_argument("--output", type=Path, default=Path("runs/benchmark/runtime.json"))
    options = parser.parse_args(arguments)
    if options.threads < 1 or any(size <= 0 or turns < 1 for size, turns in options.sizes):
        parser.error("expected --threads of at least 1, and sizes above 0 with at least one turn")
    try:
        report = benchmark(options)
    except Exception as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    return tell(report, table(report), options.output)


def _size(text: str) -> tuple[float, int]:
    megapixels, _, turns = text.partition(":")
    return float(megapixels), int(turns)


def benchmark(options: argparse.Namespace) -> dict[str, Any]:
    """Returns the seconds of all ways, and the peak memory of every bundle."""
    torch.set_num_threads(options.threads)
    bundles = {
        str(name): find_existing(name, "a bundle", BUNDLE_HINT) for name in dict.fromkeys(options.bundles)
    }
    ways: dict[str, Judge] = {}
    for name, folder in bundles.items():
        ways[name] = Predictor(folder, options.threads).predict
        ways[name + KEPT] = Predictor(folder, options.threads, keep_memory=True).predict
    ways[TORCH] = _eager(next(iter(bundles.values())))
    seconds: dict[str, dict[str, list[float]]] = {}
    turns_of = dict(options.sizes)
    with tqdm(total=len(ways) * sum(turns_of.values()), desc="turns") as bar:
        for size, turns in turns_of.items():
            image = _photo(size)
            found: dict[str, list[float]] = {way: [] for way in ways}
            for judge in ways.values():
                judge(image)  # the first call of each allocates
            for turn in range(turns):
                for way in list(ways)[:: 1 if turn % 2 else -1]:  # who goes first changes
                    begin = time.perf_counter()
                    ways[way](image)
                    found[way].append(time.perf_counter() - begin)
                    bar.update()
            seconds[f"{size:g}"] = found
    return {
        "threads": options.threads,
        "cores": available_cores(),
        "goal": GOAL,
        "model_bytes": {name: (folder / "model.onnx").stat().st_size for name, folder in bundles.items()},
        "sizes": {size: _figures(found) for size, found in seconds.items()},
        "memory_megapixels": options.memory,
        "peak_bytes": _peaks(bundles, options) if options.memory and _STATUS.is_file() else {},
    }


def _photo(megapixels: float) -> Image:
    """Returns a photo of so many pixels, 3 to 4, made of repetitions of a rendered one."""
    studio = StudioPhotos(count=1, width=400, height=533)
    width = round(np.sqrt(0.75e6 * megapixels))
    return resize_by_tiling(studio.load(studio.photos()[0]), round(1e6 * megapixels / width), width)


def _eager(bundle: Path) -> Judge:
    """Returns what judges a photo with the bundle's weights in torch, as checkpoints are evaluated."""
    predictor = Predictor(bundle)
    if (bundle / WEIGHTS_NAME).is_file():
        from falseflaw.models.weights import detector_of, read_weights

        detector: Any = detector_of(read_weights(bundle / WEIGHTS_NAME), bundle / WEIGHTS_NAME)
    else:  # bundles of before have the weights in the ONNX model alone
        from falseflaw.models.recovery import recover_detector

        detector = recover_detector(bundle / "model.onnx", predictor.info.detector)
    detector = detector.eval().to(memory_format=torch.channels_last)

    def judge_tile(tile: Image) -> tuple[float, float, Any]:
        logit, mask_logit = run_torch(detector, tile[None])
        return float(logit[0]), 0.0, mask_logit[0].sigmoid().numpy()

    return lambda image: judge_tiles(image, predictor.tiling(*image.shape[:2]), judge_tile)


def _figures(found: dict[str, list[float]]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for way, seconds in found.items():
        p50, p95 = np.percentile(seconds, [50, 95])
        figures[way] = {"p50": float(p50), "p95": float(p95), "turns": len(seconds)}
        if way != TORCH:
            figures[way]["faster"] = ratio([b / a for a, b in zip(seconds, found[TORCH], strict=True)])
    return figures


def _peaks(bundles: dict[str, Path], options: argparse.Namespace) -> dict[str, int]:
    """Returns the peak memory of a process that judges one large JPEG, bytes, by way."""
    peaks = {}
    with tempfile.TemporaryDirectory(prefix="falseflaw-benchmark-") as name:
        photo = Path(name) / "photo.jpg"
        write_atomic(photo, encode_jpeg(_photo(options.memory), 92))
        for bundle, folder in bundles.items():
            for kept in (False, True):
                command = [sys.executable, "-c", _PEAK, folder, photo, str(options.threads), str(int(kept))]
                done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
                peaks[bundle + KEPT * kept] = int(done.stdout) * 1024
    return peaks


def table(report: dict[str, Any]) -> str:
    """Returns the report as lines to read."""
    rows = [("megapixels", "model", "MB", "p50 ms", "p95 ms", "against torch")]
    for size, figures in report["sizes"].items():
        for way, entry in figures.items():
            model = report["model_bytes"].get(way)
            rows.append(
                (
                    size,
                    way,
                    f"{model / 1e6:.1f}" if model else "",
                    f"{1000 * entry['p50']:.0f}",
                    f"{1000 * entry['p95']:.0f}",
                    ratio_text(entry["faster"]) if "faster" in entry else "",
                )
            )
    about = f"{report['threads']} threads on {report['cores']} cores"
    lines = [f"{about}; goal {report['goal']:g}x with the best variant", aligned(rows)]
    size = report["memory_megapixels"]
    for way, peak in report["peak_bytes"].items():
        lines.append(f"peak memory for one photo of {size:g} megapixels: {peak / 1e9:.2f} GB, {way}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
