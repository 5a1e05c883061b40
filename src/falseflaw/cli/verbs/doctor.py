"""`falseflaw doctor`: what is there, what is missing, and the command that brings it. It changes nothing."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from omegaconf import DictConfig

from falseflaw import __version__
from falseflaw.errors import FalseFlawError
from falseflaw.machine import available_cores
from falseflaw.paths import BUNDLE_HINT, WEIGHTS_HINT, find_existing

EXTRAS: tuple[str, ...] = ()

TELLING = {
    "synthesis": ("diffusers", "makes datasets, trains generators"),
    "train": ("lightning", "trains, evaluates and exports detectors"),
    "wandb": ("wandb", "logger=wandb"),
    "ray": ("ray", "engine=ray"),
    "sweep": ("optuna", "falseflaw sweep"),
    "streaming": ("litdata", "falseflaw shard, data=streaming"),
    "browser": ("playwright", "real screenshots"),
    "chat": ("gradio", "falseflaw chat"),
    "sign": ("model_signing", "signed bundles"),
    "c2pa": ("c2pa", "signatures of Content Credentials"),
    "heic": ("pillow_heif", "photos of iPhones"),
    "notebooks": ("nbclient", "runs the notebooks"),
}
"""Of each extra the package that tells whether it is installed, and what it is for."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Attributes:
        name: What.
        found: What was found; "" for nothing.
        advice: The command that brings it, or what its absence means; "" where there is nothing to do.
    """

    name: str
    found: str
    advice: str = ""

    def line(self) -> str:
        """Returns the line to print."""
        state = "ok     " if self.found else "missing"
        told = self.found or self.advice
        return f"{state}  {self.name:<22} {told}" + (f"; {self.advice}" if self.found and self.advice else "")


def run(config: DictConfig) -> None:
    """Prints a line for everything that was looked for."""
    for title, findings in (
        ("versions", _versions()),
        ("extras", _extras()),
        ("photos and weights", _data(config)),
        ("machine", _machine(config)),
    ):
        print(f"\n{title}")
        for finding in findings:
            print(f"  {finding.line()}")


def how_to_go_on(config: DictConfig) -> str:
    """Returns what is true of a look that was stopped."""
    return "nothing was written; run the same command again"


def _versions() -> Iterator[Finding]:
    yield Finding("falseflaw", f"{__version__}, Python {platform.python_version()}, {platform.platform()}")
    for name in ("torch", "lightning", "diffusers", "onnxruntime", "hydra-core"):
        try:
            yield Finding(name, version(name))
        except PackageNotFoundError:
            yield Finding(name, "", "comes with an extra below" if name != "onnxruntime" else "pip install .")


def _extras() -> Iterator[Finding]:
    for extra, (package, purpose) in TELLING.items():
        there = importlib.util.find_spec(package) is not None
        yield Finding(extra, purpose if there else "", "" if there else _install(extra, purpose))


def _install(extra: str, purpose: str) -> str:
    return f"pip install 'falseflaw[{extra}]' ({purpose})"


def _data(config: DictConfig) -> Iterator[Finding]:
    from falseflaw.inpainting.rewriters.public_weights import PUBLIC_WEIGHTS, WEIGHTS_VARIABLE
    from falseflaw.photos.sets.clothing import CLOTHING
    from falseflaw.photos.sets.grocery import GROCERY
    from falseflaw.photos.sets.indexed import PHOTOS_VARIABLE

    root = Path(os.environ.get(PHOTOS_VARIABLE) or str(config.photos_folder)).expanduser()
    for public in (CLOTHING, GROCERY):
        total = len(public.entries())
        count = sum((root / public.name / entry.path).is_file() for entry in public.entries())
        found = f"{count} of {total} in {root / public.name}" if count else ""
        yield Finding(
            public.name, found, "" if count == total else f"falseflaw download photos={public.name}"
        )
    given = os.environ.get(WEIGHTS_VARIABLE)
    for name, weights in PUBLIC_WEIGHTS.items():
        try:
            weights.read(None if given else Path(str(config.weights_folder)).expanduser() / name)
            yield Finding(name, "all files as pinned")
        except FalseFlawError:
            elsewhere = f"{WEIGHTS_VARIABLE}={given} has none: " if given else ""
            yield Finding(name, "", f"{elsewhere}falseflaw download weights=[{name}]")
    yield _bundle(str(config.bundle))
    for folder in ("checkpoints/inpainters/latent", "checkpoints/autoencoders"):
        try:
            yield Finding(Path(folder).name, str(find_existing(folder, "weights", WEIGHTS_HINT)))
        except FalseFlawError:
            yield Finding(Path(folder).name, "", WEIGHTS_HINT)


def _bundle(path: str) -> Finding:
    from falseflaw.runtime.bundle import read_bundle

    try:
        folder = find_existing(path, "a bundle", BUNDLE_HINT)
        info, _ = read_bundle(folder)
    except FalseFlawError as error:
        return Finding("bundle", "", " ".join(str(error).split()))
    return Finding("bundle", f"{info.name} in {folder}")


def _machine(config: DictConfig) -> Iterator[Finding]:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 0
    memory = f", {pages / 2**30:.0f} GiB of memory" if pages > 0 else ""
    yield Finding("cores", f"{available_cores()}{memory}")
    yield _gpu()
    yield _browser()
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    short = f"a build of real size wants {config.disk} GB" if free < config.disk else ""
    yield Finding("disk", f"{free:.0f} GB free in this folder", short)


def _gpu() -> Finding:
    if importlib.util.find_spec("torch") is None:
        return Finding("GPU", "", "not looked for without torch; everything runs on a CPU")
    import torch

    if not torch.cuda.is_available():
        return Finding("GPU", "", "none that torch can use; everything runs on a CPU")
    names = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return Finding("GPU", ", ".join(names), "trainer=gpu, or device=cuda of synthesize")


def _browser() -> Finding:
    from falseflaw.imaging.laundering.screenshot.chromium import installed_chromium

    advice = "apt-get install chromium, or FALSEFLAW_CHROMIUM=/path/to/it (laundering=browser, report=pdf)"
    try:
        found = installed_chromium()
    except FalseFlawError as error:
        return Finding("browser", "", " ".join(str(error).split()))
    return Finding("browser", "" if found is None else str(found), "" if found else advice)
