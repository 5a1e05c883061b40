"""Measures how many photos a second the batched inpainter writes, against a plain loop.

usage: scripts/run benchmark inpainting [--count N] [--repetitions N] [overrides of `falseflaw synthesize`]

Both write the same flaws: same crops, prompts, seeds, steps, guidance and weights. They take turns in one
run, so that what else the machine does hits both. Seconds of the processor stand beside those of the clock:
on a busy machine they are the ones to read (of a CPU's work; a GPU's does not show in them).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from ratios import ratio, ratio_text
from reports import tell
from tqdm import tqdm

from falseflaw.cli.configuration.compose import compose_synthesis, prepare_sets
from falseflaw.cli.main import one_line
from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.latent.families import family_of
from falseflaw.inpainting.latent.inpainter import LatentInpainter
from falseflaw.inpainting.latent.sampling import encode_images
from falseflaw.inpainting.loading import load_pipeline
from falseflaw.studies.inpainter.sampling import sample_crops
from falseflaw.synthesis.prepare import PreparedSet

STAGES = ("text", "encode", "denoise", "decode")
GOAL = 1.5


@dataclass
class Pass:
    """One pass over all photos: seconds by clock and processor, and by stage."""

    clock: float = 0.0
    processor: float = 0.0
    stages: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    images: dict[str, np.ndarray] = field(default_factory=dict)


def main(arguments: list[str]) -> int:
    """Runs the benchmark, prints its table and writes its figures."""
    parser = argparse.ArgumentParser(
        prog="scripts/run benchmark inpainting", usage=__doc__.split("usage: ")[1].split("\n")[0]
    )
    parser.add_argument("--count", type=int, default=16, help="photos")
    parser.add_argument("--repetitions", type=int, default=5, help="passes of each of the two")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0: its default")
    parser.add_argument("--output", type=Path, default=Path("runs/benchmark/inpainting.json"))
    options, overrides = parser.parse_known_args(arguments)
    if options.count < 1 or options.repetitions < 1:
        parser.error("expected --count and --repetitions of at least 1")
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        config = compose_synthesis([f"limit_sources={options.count}", *overrides])
        report = benchmark(config, options.repetitions)
    except Exception as error:
        print(f"error: {one_line(error)}", file=sys.stderr)
        return 2
    return tell(report, table(report), options.output)


def benchmark(config: DictConfig, repetitions: int) -> dict[str, Any]:
    """Returns the figures of both ways over the same prepared sets."""
    if "pipeline_class" not in config.inpainter:
        raise ConfigurationError(
            f"expected an inpainter of a pipeline of diffusers, such as latent, got {config.inpainter.name}"
        )
    inpainter: LatentInpainter = instantiate(config.inpainter)
    sets = prepare_sets(config, inpainter.grid, inpainter.factor)
    pipeline = _plain_pipeline(config, inpainter)
    ways: dict[str, tuple[Any, Callable[[], dict[str, np.ndarray]]]] = {
        "wrapper": (inpainter.pipeline, lambda: _wrapper(inpainter, sets)),
        "plain loop": (pipeline, lambda: _plain_loop(pipeline, config, sets)),
    }
    _wrapper(inpainter, sets[:1])  # the first call of each allocates
    _plain_loop(pipeline, config, sets[:1])
    passes: dict[str, list[Pass]] = {name: [] for name in ways}
    with tqdm(total=2 * repetitions, desc="passes") as bar:
        for number in range(repetitions):
            for name in list(ways)[:: 1 if number % 2 else -1]:  # who goes first changes
                passes[name].append(_measure(*ways[name]))
                bar.update()
    return _report(config, inpainter, sets, passes)


def _wrapper(inpainter: LatentInpainter, sets: list[PreparedSet]) -> dict[str, np.ndarray]:
    """Samples as a build does: planned batches, crops of one size together."""
    images = {}
    for _, planned in groupby(sets, key=lambda entry: entry.plan.batch):
        batch = list(planned)
        crops = sample_crops(
            inpainter,
            batch,
            [entry.plan.prompt for entry in batch],
            [entry.plan.sampling_seed for entry in batch],
            len(batch),
        )
        images |= {entry.plan.source_id: crop for entry, crop in zip(batch, crops, strict=True)}
    return images


def _plain_loop(pipeline: Any, config: DictConfig, sets: list[PreparedSet]) -> dict[str, np.ndarray]:
    """Calls the pipeline photo by photo as its documentation shows."""
    values = config.inpainter
    negative = {"negative_prompt": values.negative_prompt} if values.negative_prompt else {}
    images = {}
    for entry in sets:
        side = _side(entry)
        seen = {}
        if values.condition == "photo":
            seen = {"masked_image_latents": encode_images(pipeline, entry.crop[None])}
        output = pipeline(
            prompt=values.prompt.replace("{prompt}", entry.plan.prompt),
            **negative,
            image=torch.from_numpy(entry.crop).permute(2, 0, 1)[None] / 255,
            mask_image=torch.from_numpy(entry.crop_region)[None, None].float(),
            height=side,
            width=side,
            num_inference_steps=values.steps,
            guidance_scale=values.guidance,
            generator=torch.Generator("cpu").manual_seed(entry.plan.sampling_seed),
            output_type="np",
            **seen,
            **dict(values.call),
        )
        images[entry.plan.source_id] = np.rint(output.images[0] * 255).astype(np.uint8)
    return images


def _side(entry: PreparedSet) -> int:
    return entry.box.height


def _plain_pipeline(config: DictConfig, inpainter: LatentInpainter) -> Any:
    """Loads the same weights a second time and leaves them as diffusers does."""
    values = config.inpainter
    dtype = getattr(torch, values.dtype)
    pipeline = load_pipeline(values.path, values.pipeline_class, dtype, values.local, dict(values.load))
    pipeline.set_progress_bar_config(disable=True)
    if inpainter.device.type == "cpu" or values.offload == "none":
        return pipeline.to(inpainter.device)
    getattr(pipeline, f"enable_{values.offload}_cpu_offload")(device=inpainter.device)
    return pipeline


def _measure(pipeline: Any, run: Callable[[], dict[str, np.ndarray]]) -> Pass:
    result = Pass()
    with _stages(pipeline, result.stages):
        clock, processor = time.perf_counter(), time.process_time()
        result.images = run()
        result.clock, result.processor = time.perf_counter() - clock, time.process_time() - processor
    return result


@contextmanager
def _stages(pipeline: Any, seconds: dict[str, float]) -> Iterator[None]:
    """Counts the seconds of the calls that make up the stages; a GPU is waited for at their ends."""
    denoiser = getattr(pipeline, family_of(pipeline).backbone)
    watched = (
        (pipeline, "encode_prompt", "text"),
        (pipeline.vae, "encode", "encode"),
        (denoiser, "forward", "denoise"),
        (pipeline.vae, "decode", "decode"),
    )

    def watch(call: Callable[..., Any], stage: str) -> Callable[..., Any]:
        def timed(*values: Any, **named: Any) -> Any:
            start = time.perf_counter()
            result = call(*values, **named)
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            seconds[stage] += time.perf_counter() - start
            return result

        return timed

    before = {(owner, name): owner.__dict__.get(name) for owner, name, _ in watched}
    for owner, name, stage in watched:
        owner.__dict__[name] = watch(getattr(owner, name), stage)
    try:
        yield
    finally:
        for (owner, name), own in before.items():
            if own is None:
                del owner.__dict__[name]
            else:
                owner.__dict__[name] = own


def _report(
    config: DictConfig, inpainter: LatentInpainter, sets: list[PreparedSet], passes: dict[str, list[Pass]]
) -> dict[str, Any]:
    count = len(sets)
    wrapper, loop = passes["wrapper"], passes["plain loop"]
    difference = np.concatenate(
        [
            np.abs(wrapper[0].images[name].astype(int) - image).ravel()
            for name, image in loop[0].images.items()
        ]
    )
    report: dict[str, Any] = {
        "inpainter": inpainter.name,
        "photos": count,
        "crop_sides": sorted({_side(entry) for entry in sets}),
        "batch_size": int(config.synthesis.batch_size),
        "steps": inpainter.steps,
        "guidance": inpainter.guidance,
        "device": str(inpainter.device),
        "threads": torch.get_num_threads(),
        "repetitions": len(wrapper),
        "goal": GOAL,
        "ratio_clock": ratio([b.clock / a.clock for a, b in zip(wrapper, loop, strict=True)]),
        "ratio_processor": ratio([b.processor / a.processor for a, b in zip(wrapper, loop, strict=True)]),
        "largest_difference": int(difference.max()),  # 8-bit levels between the images of the two
        "share_different": float((difference > 1).mean()),
    }
    for name, entries in passes.items():
        clock = float(np.mean([entry.clock for entry in entries]))
        stages = {stage: float(np.mean([entry.stages[stage] for entry in entries])) for stage in STAGES}
        stages["other"] = clock - sum(stages.values())
        report[name] = {
            "photos_per_second": count / clock,
            "processor_seconds_per_photo": float(np.mean([entry.processor for entry in entries])) / count,
            "seconds_per_photo": {stage: value / count for stage, value in stages.items()},
        }
    return report


def table(report: dict[str, Any]) -> str:
    """Returns the report as lines to read."""
    sides = ", ".join(map(str, report["crop_sides"]))
    lines = [
        f"{report['inpainter']}: {report['photos']} photos, crops of {sides} px, batches of "
        f"{report['batch_size']}, {report['steps']} steps, guidance {report['guidance']:g}, "
        f"{report['device']}, {report['threads']} threads, {report['repetitions']} repetitions",
        "",
        f"{'seconds a photo':18}{''.join(f'{stage:>10}' for stage in (*STAGES, 'other'))}{'photos/s':>12}",
    ]
    for name in ("wrapper", "plain loop"):
        entry = report[name]
        cells = "".join(f"{value:10.3f}" for value in entry["seconds_per_photo"].values())
        lines.append(f"{name:18}{cells}{entry['photos_per_second']:12.2f}")
    lines.append("")
    for key, what in (("ratio_clock", "by the clock"), ("ratio_processor", "by the processor's seconds")):
        lines.append(f"wrapper against plain loop, {what}: {ratio_text(report[key])}, goal {GOAL}x")
    lines.append(
        f"largest difference between their images: {report['largest_difference']} levels of 255; "
        f"{100 * report['share_different']:.2f} % differ by more than 1"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
