"""Measures builds of datasets at several sizes: speed, seconds a stage, busy cores and peak memory.

usage: scripts/run benchmark synthesis [--sources N ...] [--networks real|tiny] [overrides of the verb]

Every build has a process and a folder of its own, so that its peak memory is its own. Rendered photos by
default; `photos=clothing` and the like take others. With `--networks tiny` untrained networks of a few
thousand weights and small photos bring a thousand sources down to minutes: for memory, not for speed. Seconds
of a stage are those of the clock: on a busy machine they tell of the others too.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from reports import tell

from falseflaw.cli.main import one_line
from falseflaw.machine import available_cores

THREADS = {
    "prepare": ("load", "product mask", "paint", "camera"),
    "networks": ("sample", "regenerate", "autoencode"),
    "save": ("save",),
}
"""Stages by the thread of the local engine that does them."""

TOLERANCE = 1.05
"""Largest ratio of two peaks that counts as the same memory."""

SMALL = ("synthesis=tiny", "photos.width=160", "photos.height=208")
"""Photos and crops that go with tiny networks."""


def main(arguments: list[str]) -> int:
    """Runs a build a size, prints the table and writes the figures."""
    parser = argparse.ArgumentParser(
        prog="scripts/run benchmark synthesis", usage=(__doc__ or "").split("usage: ")[1].split("\n")[0]
    )
    parser.add_argument("--sources", type=int, nargs="+", default=[100, 1000], help="sizes of the builds")
    parser.add_argument("--networks", choices=["real", "tiny"], default="real")
    parser.add_argument("--output", type=Path, default=Path("runs/benchmark/synthesis.json"))
    parser.add_argument("--figures", type=Path, help=argparse.SUPPRESS)  # in the process of one build
    overrides = [text for text in arguments if "=" in text and not text.startswith("-")]
    options = parser.parse_args([text for text in arguments if text not in overrides])
    if min(options.sources) < 1:
        parser.error("expected --sources of at least 1")
    try:
        if options.figures:
            figures = build(options.sources[0], options.figures.parent, overrides)
            options.figures.write_text(json.dumps(figures), encoding="utf-8")
            return 0
        builds = [_in_own_process(count, options.networks, overrides) for count in options.sources]
    except subprocess.CalledProcessError:
        return 2  # that process has said why
    except Exception as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    report = {"networks": options.networks, "overrides": overrides, "builds": builds, **compare(builds)}
    return tell(report, table(report), options.output)


def _in_own_process(count: int, networks: str, overrides: list[str]) -> dict[str, Any]:
    """Returns the figures of one build, made in a fresh process and a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="falseflaw-benchmark-") as name:
        folder = Path(name)
        small = [*SMALL, *_tiny_networks(folder)] if networks == "tiny" else []
        command = [sys.executable, __file__, "--figures", str(folder / "figures.json")]
        subprocess.run([*command, "--sources", str(count), *small, *overrides], check=True)
        figures: dict[str, Any] = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
    return figures


def _tiny_networks(folder: Path) -> list[str]:
    """Saves untrained networks, in a process that ends with it, and returns the overrides that take them."""
    subprocess.run([sys.executable, "-c", _SAVE_TINY, str(folder)], check=True)
    autoencoders = [f"autoencoders.folder={folder}/autoencoders", "autoencoders.members=[tiny]"]
    return [f"inpainter.path={folder}/inpainter", "inpainter.steps=2", *autoencoders]


_SAVE_TINY = """
import json, sys
from pathlib import Path
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from falseflaw.damage.prompts import all_prompts
from falseflaw.inpainting.autoencoders.networks import build_member
from falseflaw.inpainting.latent.networks import build_pipeline
from falseflaw.paths import config_dir

folder = Path(sys.argv[1])
with initialize_config_dir(str(config_dir()), version_base="1.3"):
    sizes = instantiate(compose("train_inpainter", ["recipe=tiny"]).recipe.sizes)
build_pipeline(sizes, all_prompts()).save_pretrained(folder / "inpainter")
member = folder / "autoencoders" / "tiny"
build_member("shuffle", {"factor": 8, "channels": 8, "blocks": 1}).save_pretrained(member)
recipe = {"architecture": "shuffle", "reserved": False}
record = json.dumps({"recipe": recipe, "photo_set": "", "contributors": []})
(member / "training.json").write_text(record, encoding="utf-8")
"""


def build(count: int, folder: Path, overrides: list[str]) -> dict[str, Any]:
    """Builds a dataset in this process and returns its figures.

    Args:
        count: Sources.
        folder: Where the dataset goes.
        overrides: Of `falseflaw synthesize`.
    """
    import torch

    from falseflaw.cli.configuration.compose import compose_build, compose_synthesis
    from falseflaw.errors import ConfigurationError

    chosen = dict(text.split("=", 1) for text in overrides if "=" in text)
    given = [f"limit_sources={count}", *overrides]
    if "damage" not in chosen:
        given.append("damage=wide")
    if chosen.get("photos", "studio") == "studio" and "photos.count" not in chosen:
        given.append(f"photos.count={2 * count + 20}")  # a part is in the fold of the inpainters
    config = compose_synthesis(given)
    if not config.engine["_target_"].endswith(".LocalEngine"):
        raise ConfigurationError("expected engine=local: figures are those of one process")
    config.output = str(folder / "dataset")
    make = compose_build(config, given)
    cores = available_cores()
    clock, processor = time.perf_counter(), time.process_time()
    report = make()
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    return {
        "sources": report.sources,
        "skipped": len(report.skipped),
        "images": report.images,
        "seconds": clock,
        "processor_seconds": processor,
        "images_per_second": report.images / clock,
        "sources_per_second": report.sources / clock,
        "seconds_per_source": {stage: value / report.built for stage, value in report.seconds.items()},
        "busy_threads": {
            thread: sum(report.seconds.get(stage, 0.0) for stage in stages) / clock
            for thread, stages in THREADS.items()
        },
        "cores": cores,
        "busy_cores": processor / clock / cores,
        "torch_threads": config.engine.threads or torch.get_num_threads(),
        "peak_megabytes": peak_bytes() / 1e6,
    }


def peak_bytes() -> int:
    """Returns the most memory that this process has held."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration):  # not Linux
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def compare(builds: list[dict[str, Any]]) -> dict[str, Any]:
    """Returns the ratio of the largest build's peak to the smallest's, and whether memory grows."""
    ordered = sorted(builds, key=lambda entry: entry["sources"])
    ratio = ordered[-1]["peak_megabytes"] / ordered[0]["peak_megabytes"]
    return {"peak_ratio": ratio, "tolerance": TOLERANCE, "memory_grows": ratio > TOLERANCE}


def table(report: dict[str, Any]) -> str:
    """Returns the report as lines to read."""
    builds = report["builds"]
    first = builds[0]
    lines = [
        f"{report['networks']} networks, {first['torch_threads']} threads of torch, {first['cores']} cores",
        "",
        f"{'':36}" + "".join(f"{entry['sources']:>12} sources" for entry in builds),
    ]

    def line(name: str, values: list[float], form: str) -> None:
        lines.append(f"{name:36}" + "".join(f"{format(value, form):>20}" for value in values))

    line("images a second", [entry["images_per_second"] for entry in builds], ".2f")
    line("sources a second", [entry["sources_per_second"] for entry in builds], ".3f")
    for stage in first["seconds_per_source"]:
        values = [entry["seconds_per_source"].get(stage, 0.0) for entry in builds]
        line(f"seconds a source, {stage}", values, ".3f")
    for thread in THREADS:
        line(f"time that thread {thread} works", [entry["busy_threads"][thread] for entry in builds], ".0%")
    line("time that the cores work", [entry["busy_cores"] for entry in builds], ".0%")
    line("processor's seconds a source", [e["processor_seconds"] / e["sources"] for e in builds], ".3f")
    line("peak memory, MB", [entry["peak_megabytes"] for entry in builds], ".0f")
    if len(builds) > 1:
        verdict = "grows" if report["memory_grows"] else "does not grow"
        lines += [
            "",
            f"memory {verdict} with the sources: the peaks' ratio is {report['peak_ratio']:.3f}, "
            f"up to {report['tolerance']:g} counts as the same",
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
