"""Writes the bundle folder: exported, compared with the checkpoint, described, and only then put in place."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from torch import nn

from falseflaw.errors import ConfigurationError
from falseflaw.models.onnx import export_onnx
from falseflaw.models.weights import write_weights
from falseflaw.provenance import file_sha256
from falseflaw.release import verify
from falseflaw.release.signing import Signer
from falseflaw.runtime.bundle import CARD_NAME, INFO_NAME, MODEL_NAME, WEIGHTS_NAME, BundleInfo
from falseflaw.runtime.predictor import Predictor
from falseflaw.runtime.properties import onnx_properties
from falseflaw.runtime.sums import SIGNATURE_NAME, SUMS_NAME, write_sums
from falseflaw.statistics.familiarity import Familiarity
from falseflaw.types import Image


@dataclass(frozen=True)
class Release:
    """What came out of an export.

    Attributes:
        folder: The bundle.
        info: What its `bundle.json` says.
        parity: The comparison that it passed.
        onnx_seconds: Median time of onnxruntime for a photo.
        torch_seconds: Median time of torch for the same photos.
        threads: That both used.
        size: Of all files, bytes.
    """

    folder: Path
    info: BundleInfo
    parity: list[verify.ParityRow]
    onnx_seconds: float
    torch_seconds: float
    threads: int
    size: int


def release_bundle(
    detector: nn.Module,
    info: BundleInfo,
    photos: Sequence[Image],
    folder: Path,
    card: Callable[[BundleInfo], str],
    *,
    latency_size: tuple[int, int] = (400, 533),
    latency_photos: int = 10,
    familiarity: Familiarity | None = None,
    signer: Signer | None = None,
    show: Callable[[str], None] = lambda text: None,
) -> Release:
    """Exports a detector, proves parity on photos and writes the bundle.

    All of it happens in a hidden folder beside the target, which takes the target's place at the end: when
    anything fails, nothing is left, and an older bundle stays as it was.

    Args:
        detector: In eval mode, on the CPU.
        info: Without parity, files and signature, which are filled in.
        photos: Real ones, to compare torch and onnxruntime on.
        folder: Target; may hold an older bundle, but nothing else.
        card: Writes `MODEL_CARD.md` from the final info.
        latency_size: Height and width of the photos that are timed, pixels.
        latency_photos: How many are timed.
        familiarity: Tells how far photos are from those measured; with a `distance_threshold`, and only then.
        signer: Signs the bundle; None leaves it unsigned.
        show: Takes the parity table and other progress texts.

    Raises:
        ConfigurationError: The target holds something else than a bundle, or cannot be written.
        ExportError: The detector cannot be exported.
        ParityError: The exported model answers differently.
    """
    check_target(folder)
    with staging_folder(folder) as staging:
        facts = {"name": info.name, "checkpoint_sha256": info.checkpoint_sha256}
        write_weights(detector, staging / WEIGHTS_NAME, info.detector, familiarity, facts)
        info = dataclasses.replace(info, files={WEIGHTS_NAME: file_sha256(staging / WEIGHTS_NAME)})
        (staging / CARD_NAME).touch()
        show("exporting to ONNX")
        export_onnx(
            detector,
            info.operating_point.temperature,
            staging / MODEL_NAME,
            onnx_properties(info),
            info.stride_multiple,
            familiarity,
        )
        seal(staging, info)
        threads = torch.get_num_threads()  # the same for both, or the times could not be compared
        predictor = Predictor(staging, threads=threads)
        cases = verify.parity_cases(photos)
        rows = verify.compare(detector, predictor, info.operating_point, cases, familiarity)
        show(verify.format_table(rows))
        verify.check(rows)
        timed = [
            verify.resize_by_tiling(photos[index % len(photos)], *latency_size)
            for index in range(latency_photos)
        ]
        onnx_seconds = verify.median_seconds(predictor.infer, timed)
        torch_seconds = verify.median_seconds(
            lambda images: verify.torch_outputs(detector, info.operating_point.temperature, images), timed
        )
        signature = signer.facts if signer else {}
        final = dataclasses.replace(info, parity=verify.largest(rows), signature=signature)
        seal(staging, final)
        write_card(staging, card(final), signer)
        Predictor(staging)  # what is shipped can be opened
        size = sum(path.stat().st_size for path in staging.iterdir())
        put_in_place(staging, folder)
    return Release(folder, final, rows, onnx_seconds, torch_seconds, threads, size)


def write_card(folder: Path, text: str, signer: Signer | None = None) -> None:
    """Writes the card, and what covers it: the sums and, with a signer, the signature."""
    (folder / CARD_NAME).write_text(text, encoding="utf-8", newline="\n")
    write_sums(folder)
    if signer:
        signer.sign(folder)


def seal(folder: Path, info: BundleInfo) -> None:
    """Writes `bundle.json`, has the model name it, and writes the sums of all files that are there."""
    (folder / INFO_NAME).write_text(info.to_json(), encoding="utf-8", newline="\n")
    model = onnx.load(folder / MODEL_NAME)
    onnx.helper.set_model_props(model, dict(sorted(onnx_properties(info).items())))
    onnx.save(model, folder / MODEL_NAME)
    write_sums(folder)


def check_target(folder: Path) -> None:
    """Checks that a folder is free for a bundle, or holds an older one and nothing else.

    Raises:
        ConfigurationError: It is not.
    """
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise ConfigurationError(f"expected output as a folder for the bundle, got the file {folder}")
    known = {MODEL_NAME, INFO_NAME, WEIGHTS_NAME, CARD_NAME, SUMS_NAME, SIGNATURE_NAME}
    if others := sorted(path.name for path in folder.iterdir() if path.name not in known):
        raise ConfigurationError(
            f"expected output as a new folder or an older bundle, got {folder} with {others[0]} in it; "
            "pass another output"
        )


@contextlib.contextmanager
def staging_folder(folder: Path) -> Iterator[Path]:
    """Makes a hidden folder beside the target and removes it again, if it is still there."""
    staging = folder.parent / f".{folder.name}.{os.getpid()}-{secrets.token_hex(4)}.partial"
    try:
        staging.mkdir(parents=True)
    except OSError as error:
        raise ConfigurationError(f"cannot write to {folder.parent}: {error.strerror or error}") from error
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def put_in_place(staging: Path, folder: Path) -> None:
    """Renames the finished folder; an older one is moved aside first and deleted last."""
    aside = staging.with_suffix(".old")
    if folder.exists():
        folder.rename(aside)
    try:
        staging.rename(folder)
    except OSError:
        if aside.exists():
            aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)
