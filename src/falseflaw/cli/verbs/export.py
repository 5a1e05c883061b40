"""`falseflaw export`: turns a checkpoint into an ONNX bundle and proves parity; makes smaller variants."""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.utils import instantiate
from omegaconf import DictConfig

from falseflaw import __version__
from falseflaw.claim import claim
from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.paths import BUNDLE_HINT, find_existing
from falseflaw.types import Image

if TYPE_CHECKING:
    from falseflaw.release.measured import Measured
    from falseflaw.release.signing import Signer
    from falseflaw.runtime.bundle import BundleInfo

EXTRAS: tuple[str, ...] = ("train",)
_SOURCES = {"run": "FOLDER", "checkpoint": "FILE", "sweep": "FOLDER", "bundle": "FOLDER"}
_FP32 = "fp32"
_PRECISIONS = (_FP32, "fp16", "int8")


def run(config: DictConfig) -> None:
    """Exports what the configuration names and prints parity, latency and where the bundle lies.

    Raises:
        ConfigurationError: Not exactly one source, or a value out of range.
        InvalidDataError: The evaluation is of another checkpoint.
        PrecisionError: A variant costs more than it may.
    """
    _check(config)
    output = output_of(config)
    if config.bundle is not None:
        source = find_existing(str(config.bundle), "a bundle", BUNDLE_HINT)
        claim(output)
        _variant(config, source, output, None, _signer(config))
    elif config.precision == _FP32:
        checkpoint, evaluation = _inputs(config)
        claim(output)
        _bundle(config, checkpoint, evaluation, output, _signer(config))
    else:
        checkpoint, evaluation = _inputs(config)
        claim(output)
        signer = _signer(config)
        with tempfile.TemporaryDirectory() as scratch:
            source = Path(scratch) / str(config.name)
            dataset = _bundle(config, checkpoint, evaluation, source, None)
            _variant(config, source, output, dataset, signer)


def how_to_go_on(config: DictConfig) -> str:
    """Returns what is true of an export that was stopped."""
    return "no bundle was written, an older one is as it was; run the same command again"


def output_of(config: DictConfig) -> Path:
    """Returns the folder that is written to: the one given, else one named after model and precision."""
    if config.output is not None:
        return Path(str(config.output))
    ending = "" if config.precision == _FP32 else f"-{config.precision}"
    return Path("checkpoints/detectors") / f"{config.name}{ending}"


def _check(config: DictConfig) -> None:
    given = [name for name in _SOURCES if config[name] is not None]
    if len(given) != 1:
        wanted = [f"{name}={kind}" for name, kind in _SOURCES.items()]
        raise ConfigurationError(
            f"expected one of {', '.join(wanted[:-1])} and {wanted[-1]}, got {' and '.join(given) or 'none'}"
        )
    if config.precision not in _PRECISIONS:
        raise ConfigurationError(f"expected precision of {', '.join(_PRECISIONS)}, got {config.precision}")
    if config.bundle is not None and config.precision == _FP32:
        raise ConfigurationError("expected precision=fp16 or int8 with bundle=, which is of fp32, got fp32")
    positive = ("latency_photos", "variant.sources", "variant.calibration_photos", "variant.replicates")
    for key, least in (("parity_photos", 2), *((key, 1) for key in positive)):  # pairs are compared too
        value = config
        for name in key.split("."):
            value = value[name]
        if not (isinstance(value, int) and value >= least):
            raise ConfigurationError(f"expected {key} of at least {least}, got {value!r}")


def _signer(config: DictConfig) -> Signer | None:
    from falseflaw.release.signing import Signer

    return Signer(Path(str(config.sign.key)).expanduser()) if config.sign.key else None


def _bundle(
    config: DictConfig, checkpoint: Path, evaluation: Path, output: Path, signer: Signer | None
) -> str:
    """Exports a checkpoint, prints the proof, and returns the dataset of its evaluation."""
    from falseflaw.dataset.lineage import contributor_digests, read_learnt_from
    from falseflaw.evaluation.figures.unlike import read_familiarity
    from falseflaw.models.checkpoint import detector_arguments, load_detector, read_checkpoint
    from falseflaw.provenance import file_sha256, git_revision
    from falseflaw.release.bundle import release_bundle
    from falseflaw.release.card import model_card
    from falseflaw.release.measured import read_evaluation
    from falseflaw.release.rates import measured_rates
    from falseflaw.runtime.bundle import BundleInfo

    detector = load_detector(checkpoint)
    arguments = detector_arguments(read_checkpoint(checkpoint))
    summary = read_evaluation(evaluation)
    promises = summary.fitted.guarantees if summary.fitted else ()
    unlike = summary.operating_point.distance_threshold is not None
    sha256 = file_sha256(checkpoint)
    if summary.provenance.model["sha256"] != sha256:
        raise InvalidDataError(
            f"expected an evaluation of {checkpoint} in {evaluation}, got one of another model; "
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
    measured = _measured(config, info, ())
    if measured is not None:
        info = replace(info, measured=measured_rates(measured.summary, measured.others))
    release = release_bundle(
        detector,
        info,
        parity_photos(config, summary.provenance.dataset),
        output,
        lambda final: model_card(final, measured),
        latency_photos=config.latency_photos,
        familiarity=read_familiarity(evaluation) if unlike else None,
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
    return summary.provenance.dataset


def _variant(
    config: DictConfig, source: Path, output: Path, dataset: str | None, signer: Signer | None
) -> None:
    """Makes a variant of a bundle and prints what it costs."""
    from falseflaw.release.card import model_card
    from falseflaw.release.refresh import networks_of
    from falseflaw.release.variants.precision import Precision
    from falseflaw.release.variants.price import choose_photos
    from falseflaw.release.variants.variant import Limits, Quantization, release_variant
    from falseflaw.runtime.bundle import MODEL_NAME, read_bundle

    options = config.variant
    named = options.dataset or dataset
    if named is None:
        raise ConfigurationError("expected variant.dataset=FOLDER with bundle=, got none")
    folder = find_existing(named, "a dataset to measure a variant on", "pass variant.dataset=FOLDER")
    info, _ = read_bundle(source)
    measured = _measured(config, info, networks_of(info, source / MODEL_NAME))
    release_variant(
        source,
        Precision(config.precision),
        output,
        choose_photos(folder, options.sources, options.calibration_photos),
        [instantiate(item) for item in config.laundering.launderings],
        lambda final: model_card(final, measured),
        limits=Limits(options.auroc_loss, options.f1_loss, options.verdict_changes),
        quantization=Quantization(tuple(options.float_convolutions), options.probability_tolerance),
        latency_photos=config.latency_photos,
        replicates=options.replicates,
        signer=signer,
        show=print,
    )
    print(f"{output}/  {sum(path.stat().st_size for path in output.iterdir()) / 1e6:.1f} MB")


def _inputs(config: DictConfig) -> tuple[Path, Path]:
    """Returns the checkpoint and the folder of the evaluation that fixed its thresholds."""
    if config.checkpoint is not None:
        checkpoint = find_existing(config.checkpoint, "a checkpoint", "make one with `falseflaw train`")
        evaluation = checkpoint.parent / "evaluation"
    else:
        if config.sweep is not None:
            from falseflaw.release.sweep import choose

            choice = choose(find_existing(config.sweep, "a sweep", "make one with `falseflaw train -m`"))
            print(choice.text)
            folder = choice.best.folder
        else:
            folder = find_existing(config.run, "a training run", "make one with `falseflaw train`")
        checkpoint = folder / "checkpoints" / "best.ckpt"
        evaluation = folder / "evaluation"
    return checkpoint, evaluation if config.evaluation is None else Path(str(config.evaluation))


def _measured(config: DictConfig, info: BundleInfo, networks: Collection[str]) -> Measured | None:
    """Returns the evaluation that the card tells; None where there is none of this model yet.

    Raises:
        MissingDataError, InvalidDataError: The one that was named is not there, or of another model.
    """
    from falseflaw.release.measured import COMMITTED, check_measured, read_measured

    named = config.card_evaluation
    try:
        folder = find_existing(named or COMMITTED, "an evaluation", "run `falseflaw evaluate` first")
        measured = read_measured(folder)
        check_measured(measured, info, networks, folder)
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
