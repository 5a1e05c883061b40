"""Makes a bundle of another precision from a float32 one, measures what that costs, and refuses too much."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import onnx

from falseflaw import __version__
from falseflaw.errors import ConfigurationError
from falseflaw.imaging.laundering.base import Laundering
from falseflaw.provenance import file_sha256, git_revision
from falseflaw.release import bundle as bundles
from falseflaw.release.signing import Signer
from falseflaw.release.variants.precision import Precision, PrecisionError, to_fp16, to_int8
from falseflaw.release.variants.price import Price, Validation, measure_price
from falseflaw.release.verify import parity_cases, resize_by_tiling
from falseflaw.runtime.bundle import CARD_NAME, FORMAT, MODEL_NAME, BundleInfo, read_bundle
from falseflaw.runtime.predictor import Predictor
from falseflaw.types import Image


@dataclass(frozen=True)
class Limits:
    """What a variant may cost.

    Attributes:
        auroc_loss: Largest loss of AUROC.
        f1_loss: Largest loss of pixel F1.
        verdict_changes: Largest share of verdicts that are other ones.

    Raises:
        ConfigurationError: One is not in [0, 1].
    """

    auroc_loss: float = 0.01
    f1_loss: float = 0.02
    verdict_changes: float = 0.05

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not 0 <= value <= 1:
                raise ConfigurationError(f"expected variant.{name} in [0, 1], got {value}")


@dataclass(frozen=True)
class Quantization:
    """How a network becomes one of 8 bits.

    Attributes:
        float_convolutions: Numbers of first convolutions to leave in float32, tried in this order.
        probability_tolerance: The first of them that moves probabilities by less on average is taken.
    """

    float_convolutions: Sequence[int] = (3, 5, 11, 17)
    probability_tolerance: float = 0.01


def release_variant(
    source: Path,
    precision: Precision,
    folder: Path,
    validation: Validation,
    launderings: Sequence[Laundering],
    card: Callable[[BundleInfo], str],
    *,
    limits: Limits = Limits(),
    quantization: Quantization = Quantization(),
    latency_size: tuple[int, int] = (400, 533),
    latency_photos: int = 15,
    replicates: int = 1000,
    signer: Signer | None = None,
    show: Callable[[str], None] = lambda text: None,
) -> tuple[BundleInfo, Price]:
    """Writes a bundle of another precision; a target that is there stays until the new one is finished.

    Args:
        source: Bundle with the float32 network.
        precision: Of the new one.
        folder: Target; may hold an older bundle, but nothing else.
        validation: Photos to calibrate and to measure on.
        launderings: To measure under.
        card: Writes `MODEL_CARD.md` from the final info.
        limits: What it may cost.
        quantization: How it becomes one of 8 bits.
        latency_size: Height and width of the photos that are timed, pixels.
        latency_photos: How many are timed.
        replicates: Of the bootstrap.
        signer: Signs the bundle; None leaves it unsigned.
        show: Takes progress texts.

    Raises:
        MissingDataError, InvalidDataError: The source is no bundle.
        ConfigurationError: The source is a variant itself, the target holds something else, or there is
            nothing to do.
        PrecisionError: It cannot be made, or costs more than it may.
    """
    bundles.check_target(folder)
    info, data = read_bundle(source)
    if precision is Precision.FP32 or info.precision != Precision.FP32:
        raise ConfigurationError(
            f"expected a variant of a bundle of {Precision.FP32}, got {precision} of {info.precision}"
        )
    photos = validation.photos()
    told = replace(
        info,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        falseflaw=__version__,
        git_revision=git_revision(),
        precision=str(precision),
        variant={"fp32_sha256": file_sha256(source / MODEL_NAME)},
        measured={},  # those are verdicts of the network in float32
        files={},
        signature=signer.facts if signer else {},
        format=FORMAT,
    )
    network = onnx.load_model_from_string(data)
    with bundles.staging_folder(folder) as staging:
        if precision is Precision.FP16:
            _write(staging, to_fp16(network), told)
        else:
            kept = _quantize(network, source, staging, told, photos, quantization, show)
            told = replace(told, variant={**told.variant, **kept, "calibration_photos": len(photos)})
            bundles.seal(staging, told)
        _check_runs(Predictor(staging), photos)
        timed = [
            resize_by_tiling(photos[index % len(photos)], *latency_size) for index in range(latency_photos)
        ]
        price = measure_price(
            source, staging, validation, launderings, timed, replicates=replicates, progress=show
        )
        show(price_text(price, precision))
        check_price(price, limits)
        plain = json.loads(json.dumps(asdict(price)))  # as it will be read
        final = replace(told, variant={**told.variant, "price": plain})
        bundles.seal(staging, final)
        bundles.write_card(staging, card(final), signer)
        Predictor(staging)  # what is shipped can be opened
        bundles.put_in_place(staging, folder)
    return final, price


def check_price(price: Price, limits: Limits) -> None:
    """Checks that a variant costs no more than it may.

    Raises:
        PrecisionError: It does; the message names the first limit.
    """
    auroc, f1 = price.figures["auroc"].difference.value, price.figures["pixel_f1"].difference.value
    for what, cost, most in (
        ("AUROC", -auroc if auroc is not None else np.nan, limits.auroc_loss),
        ("pixel F1", -f1 if f1 is not None else np.nan, limits.f1_loss),
        ("the share of equal verdicts", price.changed / max(1, price.verdicts), limits.verdict_changes),
    ):
        if not cost <= most:  # NaN fails
            raise PrecisionError(
                f"expected a variant that loses at most {most:g} of {what}, got one that loses {cost:.4f}; "
                "leave more convolutions in float32 (variant.float_convolutions) or allow more"
            )


def price_text(price: Price, precision: str) -> str:
    """Returns the price in lines, as the command prints it."""
    rows = [f"{precision} against fp32: {price.photos} photos of {price.sources} sources, fold {price.fold}"]
    for name, pair in price.figures.items():
        step = pair.difference
        between = "" if step.lo is None else f" [{step.lo:+.4f}, {step.hi:+.4f}]"
        rows.append(
            f"  {name:<9} {pair.fp32.value:.4f} -> {pair.variant.value:.4f}  {step.value:+.4f}{between}"
        )
    rows.append(
        f"  verdicts  {price.changed} of {price.verdicts} differ; {price.accused} honest ones now altered"
    )
    rows.append(f"  p50       {price.milliseconds['fp32']:.0f} -> {price.milliseconds['variant']:.0f} ms")
    rows.append(f"  size      {price.megabytes['fp32']:.1f} -> {price.megabytes['variant']:.1f} MB")
    return "\n".join(rows)


def _quantize(
    network: onnx.ModelProto,
    source: Path,
    staging: Path,
    told: BundleInfo,
    photos: Sequence[Image],
    quantization: Quantization,
    show: Callable[[str], None],
) -> dict[str, object]:
    """Writes the network of 8 bits with the fewest first convolutions in float32 that is close enough.

    The last one that is tried is taken if none is; what it costs is measured in any case.
    """
    exact = Predictor(source)
    expected = [exact.predict(photo).probability for photo in photos]
    for count in quantization.float_convolutions:
        _write(staging, to_int8(network, photos, count, told.stride_multiple), told)
        quantized = Predictor(staging)
        got = [quantized.predict(photo).probability for photo in photos]
        moved = float(np.abs(np.subtract(expected, got)).mean())
        show(f"int8, first {count} convolutions in float32: probability moves by {moved:.4f} on average")
        if moved <= quantization.probability_tolerance:
            break
    return {"float_convolutions": count, "calibration_move": moved}


def _write(folder: Path, network: onnx.ModelProto, info: BundleInfo) -> None:
    """Writes a bundle without figures yet, complete enough to be opened."""
    onnx.save(network, folder / MODEL_NAME)
    (folder / CARD_NAME).touch()
    bundles.seal(folder, info)


def _check_runs(predictor: Predictor, photos: Sequence[Image]) -> None:
    """Checks that the network takes photos of every kind of size, and that a batchmate changes nothing.

    Raises:
        PrecisionError: A photo's probability depends on its batch.
        InvalidDataError: An answer is no number.
    """
    for name, batch in parity_cases(photos[:3]):
        together = predictor.infer(batch).probability
        alone = [predictor.infer(image[None]).probability[0] for image in batch]
        if (moved := float(np.abs(together - alone).max())) > 1e-3:
            raise PrecisionError(
                f"expected a photo's probability to depend on the photo alone, got a difference of "
                f"{moved:.2g} in a batch ({name})"
            )
