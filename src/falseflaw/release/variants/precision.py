"""Smaller and faster variants of an exported network: half-precision weights, 8-bit convolutions."""

from __future__ import annotations

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from falseflaw.errors import FalseFlawError
from falseflaw.models.halving import restore_halved, store_halved
from falseflaw.runtime.padding import pad_to_stride
from falseflaw.runtime.predictor import INPUTS
from falseflaw.types import Image

_LARGEST_SIDE = 768
"""Photos are cut to it before ranges are measured, pixels: all activations of a photo are held at once."""


class Precision(StrEnum):
    """What numbers a network calculates with."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"


class PrecisionError(FalseFlawError):
    """A network cannot be brought to another precision, or that costs more than it may."""


def to_fp16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Returns the network with its weights in half precision; all else stays as it is.

    onnxruntime turns the weights back when it opens the network. The runtime judges on CPUs, which have no
    half-precision convolutions: a network converted throughout (onnxruntime's `float16`) only gains casts
    there, and took 1.2 times as long as float32.
    """
    result = onnx.ModelProto()
    result.CopyFrom(model)
    store_halved(result, tolerance=None)
    return _checked(result)


def to_int8(
    model: onnx.ModelProto, photos: Sequence[Image], float_convolutions: int, multiple: int
) -> onnx.ModelProto:
    """Returns the network with 8-bit convolutions (QDQ, weights per channel), all else in float32.

    The first convolutions, in the order of the graph, see what the verdict rests on: differences of one or
    two gray levels between neighboring pixels. They can be left in float32.

    Args:
        model: In float32.
        photos: To measure the ranges of all activations on, of any size; averaged over the photos.
        float_convolutions: First convolutions that are left in float32.
        multiple: Grid of height and width, pixels.

    Raises:
        PrecisionError: There is no photo, no convolution left, or onnxruntime refuses.
    """
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    restore_halved(whole)
    convolutions = convolutions_of(whole)
    if not photos or float_convolutions >= len(convolutions):
        got = f"{len(photos)} photos and {float_convolutions} of {len(convolutions)} left in float32"
        raise PrecisionError(f"expected photos to calibrate on and convolutions to quantize, got {got}")
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    with tempfile.TemporaryDirectory() as scratch, _quiet():
        before, after = Path(scratch) / "fp32.onnx", Path(scratch) / "int8.onnx"
        onnx.save(whole, before)
        try:
            quantize_static(
                before,
                after,
                _Feeds(photos, multiple),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv"],
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=convolutions[:float_convolutions],
                extra_options={"CalibMovingAverage": True},  # one odd photo does not widen every range
            )
        except Exception as error:  # onnx and onnxruntime raise many kinds
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise PrecisionError(f"cannot quantize the network: {reason[:200]}") from error
        return _checked(onnx.load(after))


def convolutions_of(model: onnx.ModelProto) -> list[str]:
    """Returns the names of the convolutions, in the order of the graph."""
    return [node.name for node in model.graph.node if node.op_type == "Conv"]


class _Feeds:
    """What onnxruntime asks for photos when it measures ranges, see its `CalibrationDataReader`."""

    def __init__(self, photos: Sequence[Image], multiple: int) -> None:
        self._photos = iter(photos)
        self._multiple = multiple

    def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
        photo = next(self._photos, None)
        if photo is None:
            return None
        padded, valid = pad_to_stride(_cut(photo)[None], self._multiple)
        image = np.ascontiguousarray(padded.transpose(0, 3, 1, 2))  # (1, 3, H', W')
        return dict(zip(INPUTS, (image, valid[:, None].astype(np.uint8)), strict=True))


def _cut(photo: Image) -> Image:
    """Returns the middle of a photo, at most `_LARGEST_SIDE` pixels high and wide."""
    top, left = (max(0, (side - _LARGEST_SIDE) // 2) for side in photo.shape[:2])
    return photo[top : top + _LARGEST_SIDE, left : left + _LARGEST_SIDE]


def _checked(model: onnx.ModelProto) -> onnx.ModelProto:
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # protobuf and onnx raise many kinds
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PrecisionError(f"the converted network does not pass onnx.checker: {reason[:200]}") from error
    return model


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps onnxruntime's advice to optimize the network first off the terminal; it is optimized."""
    root = logging.getLogger()
    level = root.level
    try:
        root.setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(level)
