"""`falseflaw export`: turns a checkpoint into an ONNX bundle and proves parity."""

from __future__ import annotations

import datetime
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from falseflaw import __version__
from falseflaw.claim import claim
from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.paths import find_existing
from falseflaw.types import Image

if TYPE_CHECKING:
    from falseflaw.release.measured import Measured
    from falseflaw.runtime.bundle import BundleInfo

EXTRAS: tuple[str, ...] = ("train",)
_SOURCES = ("run", "checkpoint", "sweep")


def run(config: DictConfig) -> None:
    """Exports what the configuration names and prints parity, latency and where the bundle lies.

    Raises:
        ConfigurationError: Not exactly one of run, checkpoint and sweep, or a value out of range.
        InvalidDataError: The evaluation is of another checkpoint.
    """
    given = [name for name in _SOURCES if config[name] is not None]
    if len(given) != 1:
        raise ConfigurationError(
            "expected one of run=FOLDER, checkpoint=FILE and sweep=FOLDER, got "
            f"{' and '.join(given) or 'none'}"
        )
    for key, least in (("parity_photos", 2), ("latency_photos", 1)):  # pairs are compared too
        if not (isinstance(config[key], int) and config[key] >= least):
            raise ConfigurationError(f"expected {key} of at least {least}, got {config[key]!r}")
    checkpoint, evaluation_folder = _inputs(config)
    claim(Path(str(config.output)))

    from falseflaw.dataset.lineage import contributor_digests, read_learnt_from
    from falseflaw.evaluation.figures.unlike import read_familiarity
    from falseflaw.models.checkpoint import detector_arguments, load_detector, read_checkpoint
    from falseflaw.provenance import file_sha256, git_revision
    from falseflaw.release.bundle import release_bundle
    from falseflaw.release.card import model_card
    from falseflaw.release.measured import read_evaluation
    from falseflaw.release.signing import Signer
    from falseflaw.runtime.bundle import BundleInfo

    private = config.sign.key
    signer = Signer(Path(str(private)).expanduser()) if private else None
    detector = load_detector(checkpoint)
    arguments = detector_arguments(read_checkpoint(checkpoint))
    summary = read_evaluation(evaluation_folder)
    promises = summary.fitted.guarantees if summary.fitted else ()
    unlike = summary.operating_point.distance_threshold is not None
    sha256 = file_sha256(checkpoint)
    if summary.provenance.model["sha256"] != sha256:
        raise InvalidDataError(
            f"expected an evaluation of {checkpoint} in {evaluation_folder}, got one of another model; "
            "run `falseflaw evaluate` with this checkpoint"
        )
    try:
        info = BundleInfo(
            name=str(config.name),
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            falseflaw=__version__,
            git_revision=git_revision(),
            operating_point=summary.operating_point,
            detector=arguments,
            checkpoint_sha256=sha256,
            dataset={
                "name": Path(summary.provenance.dataset).name,
                "config_hash": ",".join(summary.provenance.dataset_config_hash),
            },
            guarantees=[asdict(promise) | {"text": promise.text} for promise in promises],
            contributors=contributor_digests(read_learnt_from(checkpoint.parent.parent)),
            stride_multiple=detector.stride_multiple,
            tile_pixels=int(config.tile_pixels),
            tile_overlap=int(config.tile_overlap),
        )
    except ValueError as error:
        raise ConfigurationError(str(error)) from error
    measured = _measured(config, info)
    release = release_bundle(
        detector,
        info,
        parity_photos(config, summary.provenance.dataset),
        Path(str(config.output)),
        lambda final: model_card(final, measured),
        latency_photos=config.latency_photos,
        familiarity=read_familiarity(evaluation_folder) if unlike else None,
        signer=signer,
        show=print,
    )
    if measured is None:
        print("no evaluation of this model is committed: its card tells no figures yet")
    milliseconds = (
        f"onnxruntime {1000 * release.onnx_seconds:.0f} ms, torch {1000 * release.torch_seconds:.0f} ms"
    )
    print(f"400x533 photo, median, {release.threads} threads: {milliseconds}")
    print(f"{release.folder}/  {release.size / 1e6:.1f} MB")


def how_to_go_on(config: DictConfig) -> str:
    """Returns what is true of an export that was stopped."""
    return "no bundle was written, an older one is as it was; run the same command again"


def _inputs(config: DictConfig) -> tuple[Path, Path]:
    """Returns the checkpoint and the folder of the evaluation that fixed its thresholds."""
    if config.sweep is not None:
        from falseflaw.release.sweep import choose

        folder = find_existing(config.sweep, "a sweep", "make one with `falseflaw train -m`")
        choice = choose(folder)
        print(choice.text)
        folder = choice.best.folder
        checkpoint = folder / "checkpoints" / "best.ckpt"
        evaluation = folder / "evaluation"
    elif config.run is not None:
        folder = find_existing(config.run, "a training run", "make one with `falseflaw train`")
        checkpoint = folder / "checkpoints" / "best.ckpt"
        evaluation = folder / "evaluation"
    else:
        checkpoint = find_existing(config.checkpoint, "a checkpoint", "make one with `falseflaw train`")
        evaluation = checkpoint.parent / "evaluation"
    return checkpoint, evaluation if config.evaluation is None else Path(str(config.evaluation))


def _measured(config: DictConfig, info: BundleInfo) -> Measured | None:
    """Returns the evaluation that the card tells; None where there is none of this model yet.

    Raises:
        MissingDataError, InvalidDataError: The one that was named is not there, or of another model.
    """
    from falseflaw.release.measured import COMMITTED, check_measured, read_measured

    named = config.card_evaluation
    try:
        folder = find_existing(named or COMMITTED, "an evaluation", "run `falseflaw evaluate` first")
        measured = read_measured(folder)
        check_measured(measured, info, (), folder)
    except (MissingDataError, InvalidDataError):
        if named is not None:
            raise
        return None
    return measured


def parity_photos(config: DictConfig, dataset: str) -> list[Image]:
    """Returns the photos to prove parity on, of a folder or of the dataset's test fold.

    Raises:
        MissingDataError: There are none.
    """
    from falseflaw.imaging import codec

    count = config.parity_photos
    if config.parity_folder is not None:
        folder = find_existing(config.parity_folder, "a folder of photos", "pass parity_folder=FOLDER")
        paths, where = list(codec.find_images(folder)), str(folder)
        paths = paths[:: max(1, len(paths) // count)]
    else:
        folder = find_existing(dataset, "the dataset that was evaluated", "pass parity_folder=FOLDER")
        paths, where = _test_photos(folder), f"the test fold of {folder}"
    if not paths:
        raise MissingDataError(f"expected photos to prove parity on in {where}, found none")
    return [codec.decode(path) for path in paths[:count]]


def _test_photos(dataset: Path) -> list[Path]:
    """Returns the photos of the test fold, the edits taking turns."""
    from falseflaw.dataset.manifest import read_manifest
    from falseflaw.types import Fold

    rows = read_manifest(dataset)
    rows = rows[rows["fold"] == str(Fold.TEST)]
    turn = rows.groupby("edit").cumcount()
    return [dataset / path for path in rows.assign(turn=turn).sort_values(["turn", "edit"])["path"]]
