"""Proves that the ONNX bundle is the model that was measured: same photos through torch and onnxruntime."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from falseflaw.errors import FalseFlawError
from falseflaw.evaluation.prediction.scorers import run_torch, run_with_features
from falseflaw.runtime.predictor import Outputs, Predictor
from falseflaw.runtime.tiling import to_8_bits
from falseflaw.runtime.verdict import decide
from falseflaw.statistics.familiarity import Familiarity
from falseflaw.types import Image, OperatingPoint, Prediction

PROBABILITY_TOLERANCE = 1e-4
HEAT_MAP_TOLERANCE = 1e-3
DISTANCE_TOLERANCE = 1e-3
"""Relative: distances have no upper end."""


class ParityError(FalseFlawError):
    """The exported model does not answer as the checkpoint does."""


@dataclass(frozen=True)
class ParityRow:
    """How far torch and onnxruntime lie apart on one batch.

    Attributes:
        case: What was done to the photos.
        batch: Number of photos.
        height: Pixels.
        width: Pixels.
        probability: Largest absolute difference.
        heat_map: Largest absolute difference of a pixel, on the scale 0..1.
        levels: Pixels whose 8-bit value differs (by rounding).
        mask: Pixels on different sides of `mask_threshold`.
        verdicts: Photos whose verdict differs.
        distance: Largest difference as a share of the distance; 0 where none is told.
    """

    case: str
    batch: int
    height: int
    width: int
    probability: float
    heat_map: float
    levels: int
    mask: int
    verdicts: int
    distance: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether all differences are within tolerance and all verdicts agree."""
        # Written so that NaN fails.
        close = self.probability <= PROBABILITY_TOLERANCE and self.heat_map <= HEAT_MAP_TOLERANCE
        close = close and self.distance <= DISTANCE_TOLERANCE
        return close and self.verdicts == 0


def parity_cases(photos: Sequence[Image]) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yields named batches, uint8 (B, H, W, 3): photos whole, cut to odd sizes, to the smallest, in pairs."""
    for photo in photos:
        yield "whole", photo[None]
    shapes = [photo.shape for photo in photos]
    height, width = min(shape[0] for shape in shapes), min(shape[1] for shape in shapes)
    for name, rows, columns in (
        ("odd size", height - 1 + height % 2, width - 1 + width % 2),
        ("just above 32", 33, 65),
        ("smallest judged", 64, 64),
    ):
        cut = [_center(photo, min(rows, height), min(columns, width)) for photo in photos]
        yield name, cut[0][None]
        if len(cut) > 1:
            yield f"{name}, pair", np.stack(cut[:2])  # (2, H, W, 3)


def compare(
    detector: nn.Module,
    predictor: Predictor,
    point: OperatingPoint,
    cases: Iterator[tuple[str, NDArray[np.uint8]]] | Sequence[tuple[str, NDArray[np.uint8]]],
    familiarity: Familiarity | None = None,
) -> list[ParityRow]:
    """Runs batches through the detector in torch and through the bundle, as `predict` does.

    Args:
        detector: The checkpoint's, in eval mode, on the CPU.
        predictor: Of the bundle.
        point: Calibration and thresholds.
        cases: Of `parity_cases`.
        familiarity: That the bundle tells distances with; None: it tells none.
    """
    rows = []
    for case, images in cases:
        expected = torch_outputs(detector, point.temperature, images, familiarity)
        got = predictor.infer(images)
        expected_levels, got_levels = to_8_bits(expected.heat_map), to_8_bits(got.heat_map)
        verdicts = [
            [
                decide(Prediction(float(p), heat, None if np.isnan(d) else float(d)), point)[0]
                for p, heat, d in zip(outputs.probability, levels, outputs.distance, strict=True)
            ]
            for outputs, levels in ((expected, expected_levels), (got, got_levels))
        ]
        rows.append(
            ParityRow(
                case=case,
                batch=len(images),
                height=images.shape[1],
                width=images.shape[2],
                probability=float(np.abs(expected.probability - got.probability).max()),
                heat_map=float(np.abs(expected.heat_map - got.heat_map).max()),
                levels=int((expected_levels != got_levels).sum()),
                mask=int(
                    ((expected_levels >= point.mask_threshold) != (got_levels >= point.mask_threshold)).sum()
                ),
                verdicts=sum(a is not b for a, b in zip(*verdicts, strict=True)),
                distance=_relative(expected.distance, got.distance),
            )
        )
    return rows


def check(rows: Sequence[ParityRow]) -> None:
    """Checks that every row passed.

    Raises:
        ParityError: One did not, or there is none; the message names the worst.
    """
    if not rows:
        raise ParityError("expected photos to compare torch and onnxruntime on, got none")
    failed = [row for row in rows if not row.passed]
    if failed:
        worst = max(failed, key=lambda row: (row.verdicts, row.probability, row.heat_map))
        raise ParityError(
            f"expected onnxruntime to answer as torch within {PROBABILITY_TOLERANCE:g} (probability) and "
            f"{HEAT_MAP_TOLERANCE:g} (heat map) with equal verdicts, got {worst.probability:.2g}, "
            f"{worst.heat_map:.2g} and {worst.verdicts} other verdicts "
            f"(distances within {worst.distance:.1g}) on {worst.case!r} "
            f"({worst.batch}x{worst.height}x{worst.width}); {len(failed)} of {len(rows)} batches differ"
        )


def largest(rows: Sequence[ParityRow]) -> dict[str, float]:
    """Returns what the bundle records of the comparison."""
    return {
        "batches": len(rows),
        "photos": sum(row.batch for row in rows),
        "probability": max(row.probability for row in rows),
        "heat_map": max(row.heat_map for row in rows),
        "distance": max(row.distance for row in rows),
        "levels": sum(row.levels for row in rows),
        "mask_pixels": sum(row.mask for row in rows),
        "pixels": sum(row.batch * row.height * row.width for row in rows),
        "verdicts": sum(row.verdicts for row in rows),
    }


def format_table(rows: Sequence[ParityRow]) -> str:
    """Writes the comparison as text, one line a batch."""
    lines = [
        f"{'torch against onnxruntime':<24} {'B x H x W':>13}  {'probability':>11}  {'heat map':>9}  "
        f"{'levels':>6}  {'mask':>5}  verdicts"
    ]
    for row in rows:
        size = f"{row.batch}x{row.height}x{row.width}"
        verdicts = "equal" if not row.verdicts else f"{row.verdicts} differ"
        lines.append(
            f"{row.case:<25} {size:>13}  {row.probability:>11.1e}  {row.heat_map:>9.1e}  "
            f"{row.levels:>6}  {row.mask:>5}  {verdicts}"
        )
    return "\n".join(lines)


def torch_outputs(
    detector: nn.Module,
    temperature: float,
    images: NDArray[np.uint8],
    familiarity: Familiarity | None = None,
) -> Outputs:
    """Returns what the detector itself says of photos of one size, uint8 (B, H, W, 3)."""
    if familiarity is None:
        logit, mask_logit = run_torch(detector, images)
        distance = np.full(len(images), np.nan, np.float32)
    else:
        logit, mask_logit, features = run_with_features(detector, images)
        distance = familiarity.distance(features.numpy()).astype(np.float32)
    probability, heat_map = torch.sigmoid(logit / temperature), torch.sigmoid(mask_logit)  # (B,), (B, H, W)
    return Outputs(probability.numpy(), heat_map.numpy(), logit.numpy(), distance)


def _relative(expected: NDArray[np.float32], got: NDArray[np.float32]) -> float:
    """Largest difference of distances as a share of what was expected; 0 where neither side tells any."""
    if np.isnan(expected).all() and np.isnan(got).all():
        return 0.0
    return float((np.abs(expected - got) / np.maximum(np.abs(expected), 1e-6)).max())  # NaN on one side fails


def median_seconds(judge: Callable[[NDArray[np.uint8]], object], images: Sequence[Image]) -> float:
    """Returns the median wall time of judging one photo, seconds, after a run to warm up."""
    judge(images[0][None])
    seconds = []
    for image in images:
        begin = time.perf_counter()
        judge(image[None])
        seconds.append(time.perf_counter() - begin)
    return float(np.median(seconds))


def resize_by_tiling(image: Image, height: int, width: int) -> Image:
    """Returns a photo of a wanted size for timing, cut from repetitions of this one."""
    repeats = (-(-height // image.shape[0]), -(-width // image.shape[1]), 1)
    return np.ascontiguousarray(np.tile(image, repeats)[:height, :width])


def _center(photo: Image, height: int, width: int) -> Image:
    top, left = (photo.shape[0] - height) // 2, (photo.shape[1] - width) // 2
    return photo[top : top + height, left : left + width]
