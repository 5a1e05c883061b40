"""Measures the training loop against a plain one, what each setting of it is worth, and backbones.

usage: scripts/run benchmark training [--steps N] [--turns N] [--parts PART ...] [--minutes M] ... [overrides]

Overrides are those of `falseflaw train`, such as dataset=FOLDER. `loop` trains as that verb does beside the
loop of a tutorial, which has the same net, crops and threads and no average of weights, logs or checkpoints;
and that loop with one setting changed: memory format, bfloat16, compiled (minutes before its first turn; it
needs a C++ compiler). `workers` shows the share of time that a loop waits for crops by loader processes,
`backbones` the speed of backbones; `--shards FOLDER` how fast crops are made of shards and of the dataset's
folder, without learning. All ways of a part take turns, so that what else the machine does hits all of them;
ratios are means over the turns. Peak memory is that of a fresh process each, without its workers. With
`--minutes M` each backbone is then trained for M minutes of the processor (two busy cores use two a minute)
and the validation's figures are told; started again it goes on with those that are not done.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from ratios import ratio, ratio_text
from reports import tell
from tqdm import tqdm
from training_equal import train_equally
from training_ways import PlainLoop, Reading, Turn, Way, endless_data, lightning_turns

from falseflaw.cli.main import one_line
from falseflaw.machine import available_cores
from falseflaw.paths import config_dir
from falseflaw.statistics.text import aligned

PARTS = ("loop", "workers", "backbones")
LIGHTNING, PLAIN = "falseflaw train", "plain loop"
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "contiguous": {"channels_last": False},
    "bf16": {"precision": torch.bfloat16},
    "compiled": {"compiled": True},
}
BACKBONES = (
    *("efficientnet_lite0", "efficientnet_lite0_thin", "mobilenetv3_small_100", "mobilenetv3_large_100"),
    *("mobilenetv4_conv_small", "lcnet_100", "regnetx_002", "resnet10t", "resnet18", "repvgg_a0"),
    *("mobileone_s0", "ese_vovnet19b_slim"),
)
"""As it is, with thin coarse stages, other inverted residuals, thin stages, plain 3x3 convolutions, blocks
to be merged."""

GOAL_RATIO, GOAL_WAITING = 0.95, 0.02
_PEAK_STEPS = 3


def main(arguments: list[str]) -> int:
    """Runs the parts, prints their tables and writes their figures."""
    parser = argparse.ArgumentParser(
        prog="scripts/run benchmark training", usage=(__doc__ or "").split("usage: ")[1].split("\n")[0]
    )
    parser.add_argument("--steps", type=int, default=8, help="measured steps of a turn")
    parser.add_argument("--turns", type=int, default=3, help="of every way")
    parser.add_argument("--parts", nargs="+", choices=[*PARTS, "none"], default=list(PARTS))
    parser.add_argument("--variants", nargs="*", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2], help="loader processes compared")
    parser.add_argument("--backbones", nargs="+", default=list(BACKBONES), metavar="NAME", help="of timm")
    parser.add_argument("--shards", help="folder that `falseflaw shard` packed of the dataset")
    parser.add_argument("--threads", type=int, default=available_cores(), help="of torch")
    parser.add_argument(
        "--minutes", type=float, default=0, help="of the processor, for each backbone; 0: none"
    )
    parser.add_argument("--without-memory", action="store_true", help="do not measure peak memory")
    parser.add_argument("--output", type=Path, default=Path("runs/benchmark/training.json"))
    parser.add_argument("--peak", help=argparse.SUPPRESS)  # in the process of one way
    parser.add_argument("--train", help=argparse.SUPPRESS)  # in the process of one backbone
    overrides = [text for text in arguments if "=" in text and not text.startswith("-")]
    options = parser.parse_args([text for text in arguments if text not in overrides])
    if min(options.steps, options.turns, options.threads) < 1 or min(options.workers) < 0:
        parser.error("expected --steps, --turns and --threads of at least 1, and --workers of at least 0")
    torch.set_num_threads(options.threads)
    try:
        with initialize_config_dir(str(config_dir()), version_base="1.3"):
            config = compose("train", overrides)
        if options.peak:
            print(peak_of(config, options.peak))
            return 0
        if options.train:
            print(json.dumps(train_equally(config, options.train, options.minutes, options.output)))
            return 0
        report = benchmark(config, options, overrides)
    except subprocess.CalledProcessError as error:
        print(error.stderr or "", end="", file=sys.stderr)
        return 2
    except Exception as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    return tell(report, table(report), options.output)


def benchmark(config: DictConfig, options: argparse.Namespace, overrides: list[str]) -> dict[str, Any]:
    """Returns the figures of all parts."""
    data = endless_data(config)
    report: dict[str, Any] = {"threads": options.threads, "cores": available_cores(), "overrides": overrides}
    report |= {"steps": options.steps, "turns": options.turns, "goal": GOAL_RATIO, "parts": {}}
    own = config.data.workers
    if "loop" in options.parts:
        makers = {PLAIN: lambda: PlainLoop(config, data, own)}
        makers |= {
            name: lambda name=name: PlainLoop(config, data, own, **VARIANTS[name])
            for name in options.variants
        }
        report["parts"]["loop"] = figures(_beside_lightning(config, options, makers), PLAIN)
    if "workers" in options.parts:
        makers = {
            f"{count} workers": lambda count=count: PlainLoop(config, data, count)
            for count in options.workers
        }
        report["parts"]["workers"] = figures(_in_turns(options, makers), f"{options.workers[0]} workers")
    if "backbones" in options.parts:
        makers = {
            name: lambda name=name: PlainLoop(config, data, own, detector=fresh(name))
            for name in options.backbones
        }
        report["parts"]["backbones"] = figures(_in_turns(options, makers), options.backbones[0])
    data.workers = own
    if options.shards:
        makers = {"folder": lambda: Reading(config, None), "shards": lambda: Reading(config, options.shards)}
        report["parts"]["reading"] = figures(_in_turns(options, makers), "folder")
    if not options.without_memory:
        for part in set(report["parts"]) & {"loop", "backbones"}:
            for name, entry in report["parts"][part].items():
                entry["peak_bytes"] = int(_own_process(options, overrides, "--peak", name))
    if options.minutes:
        report["equal_minutes"] = {
            name: json.loads(_own_process(options, overrides, "--train", name))
            for name in tqdm(options.backbones, desc="trainings")
        }
    return report


def fresh(backbone: str) -> dict[str, Any]:
    """Returns what differs for a backbone: all of them begin with random weights."""
    return {"backbone": backbone, "pretrained": "none"}


def _beside_lightning(
    config: DictConfig, options: argparse.Namespace, makers: Mapping[str, Callable[[], Way]]
) -> dict[str, list[Turn]]:
    ways = {name: make() for name, make in tqdm(makers.items(), desc="building")}
    found: dict[str, list[Turn]] = {name: [] for name in ways}
    with (
        tempfile.TemporaryDirectory(prefix="falseflaw-benchmark-") as folder,
        tqdm(total=options.turns * (1 + len(ways)), desc="turns") as bar,
    ):

        def others(turn: int) -> None:
            bar.update()
            _one_round(ways, found, turn, options.steps, bar)

        own = lightning_turns(config, Path(folder), options.steps, options.turns, others)
    return {LIGHTNING: own, **found}


def _in_turns(options: argparse.Namespace, makers: Mapping[str, Callable[[], Way]]) -> dict[str, list[Turn]]:
    ways = {name: make() for name, make in tqdm(makers.items(), desc="building")}
    found: dict[str, list[Turn]] = {name: [] for name in ways}
    with tqdm(total=options.turns * len(ways), desc="turns") as bar:
        for turn in range(options.turns):
            _one_round(ways, found, turn, options.steps, bar)
    return found


def _one_round(
    ways: Mapping[str, Way], found: dict[str, list[Turn]], turn: int, steps: int, bar: Any
) -> None:
    for name in list(ways)[:: -1 if turn % 2 else 1]:  # who goes first changes
        found[name].append(ways[name].turn(steps))
        bar.update()


def figures(found: Mapping[str, list[Turn]], base: str) -> dict[str, dict[str, Any]]:
    """Returns speed, share of waiting and the ratio to one of the ways."""
    speeds = {name: [turn.crops / turn.seconds for turn in turns] for name, turns in found.items()}
    return {
        name: {
            "crops_per_second": sum(turn.crops for turn in turns) / sum(turn.seconds for turn in turns),
            "waiting": sum(turn.waited for turn in turns) / sum(turn.seconds for turn in turns),
            "ratio": ratio([a / b for a, b in zip(speeds[name], speeds[base], strict=True)]),
            "base": base,
        }
        for name, turns in found.items()
    }


def peak_of(config: DictConfig, way: str) -> int:
    """Returns the most memory that this process held, having trained a few steps in one way, bytes."""
    from synthesis import peak_bytes

    if way == LIGHTNING:
        with tempfile.TemporaryDirectory(prefix="falseflaw-benchmark-") as folder:
            lightning_turns(config, Path(folder), _PEAK_STEPS, 1, lambda turn: None)
    else:
        changed = VARIANTS[way] if way in VARIANTS else {} if way == PLAIN else {"detector": fresh(way)}
        PlainLoop(config, endless_data(config), config.data.workers, **changed).turn(_PEAK_STEPS)
    return peak_bytes()


def _own_process(options: argparse.Namespace, overrides: list[str], *words: str) -> str:
    """Returns the last line that this script prints in a process of its own."""
    command = [sys.executable, __file__, *words, "--threads", str(options.threads)]
    command += ["--minutes", str(options.minutes), "--output", str(options.output), *overrides]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True)
    return done.stdout.splitlines()[-1]


def table(report: dict[str, Any]) -> str:
    """Returns the report as lines to read."""
    lines = [
        f"{report['threads']} threads on {report['cores']} cores, {report['turns']} turns of "
        f"{report['steps']} steps; goals: {LIGHTNING} at {GOAL_RATIO:g}x the {PLAIN}, "
        f"waiting below {GOAL_WAITING:.0%}"
    ]
    for part, entries in report["parts"].items():
        base = next(iter(entries.values()))["base"]
        rows = [(part, "crops/s", f"against {base}", "waiting", "peak GB")]
        for name, entry in entries.items():
            peak = f"{entry['peak_bytes'] / 1e9:.2f}" if "peak_bytes" in entry else ""
            speed, share = f"{entry['crops_per_second']:.2f}", f"{entry['waiting']:.1%}"
            rows.append((name, speed, ratio_text(entry["ratio"]), share, peak))
        lines += ["", aligned(rows)]
    if trained := report.get("equal_minutes"):
        names = sorted({name for entry in trained.values() for name in entry["figures"]} - {"loss"})
        shown = [name for name in ("score", "auroc", "ap", "f1") if name in names]
        rows = [("backbone", "parameters", "minutes", "steps", *shown)]
        for name, entry in trained.items():
            values = (f"{entry['figures'][figure]:.3f}" for figure in shown)
            minutes, size = f"{entry['minutes']:.1f}", f"{entry['parameters'] / 1e6:.2f} M"
            rows.append((name, size, minutes, str(entry["steps"]), *values))
        lines += [
            "",
            "best validation after equal minutes of the processor, from random weights",
            aligned(rows),
        ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
