"""A bundle whose answers can be told beforehand: red pixels are altered. Made without torch."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from falseflaw.runtime.bundle import CARD_NAME, INFO_NAME, MODEL_NAME, WEIGHTS_NAME, BundleInfo
from falseflaw.runtime.properties import onnx_properties
from falseflaw.runtime.sums import write_sums
from falseflaw.seeding import derive_rng
from falseflaw.types import Image, OperatingPoint

POINT = OperatingPoint(temperature=2.0, image_threshold=0.9, clear_threshold=0.2, mask_threshold=200)
GAIN = 20.0


def mask_logit(image: Image) -> np.ndarray:
    """What the network answers per pixel, computed independently in float64."""
    pixels = image.astype(np.float64) / 255
    return GAIN * (pixels[..., 0] - pixels[..., 1:].mean(axis=-1) - 0.5)


def info(**changes: object) -> BundleInfo:
    values: dict[str, object] = {
        "name": "red",
        "created": "2026-01-01T00:00:00+00:00",
        "falseflaw": "0.1.0",
        "git_revision": "unknown",
        "operating_point": POINT,
        "checkpoint_sha256": "0" * 64,
    }
    return BundleInfo(**(values | changes))  # type: ignore[arg-type]


def red_network() -> onnx.ModelProto:
    """Per pixel `mask_logit`; the photo's logit is the highest one of a valid pixel."""
    constants = {
        "scale": np.float32(1 / 255),
        "half": np.float32(0.5),
        "gain": np.float32(GAIN),
        "one": np.float32(1),
        "far": np.float32(1e4),
        "temperature": np.float32(POINT.temperature),
        "first": np.array([0]),
        "second": np.array([1]),
        "end": np.array([3]),
        "channel": np.array([1]),
        "pixels_axes": np.array([1, 2, 3]),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "scale"], ["unit"]),
        helper.make_node("Slice", ["unit", "first", "second", "channel"], ["red"]),
        helper.make_node("Slice", ["unit", "second", "end", "channel"], ["others"]),
        helper.make_node("ReduceMean", ["others", "channel"], ["other"], keepdims=1),
        helper.make_node("Sub", ["red", "other"], ["redness"]),
        helper.make_node("Sub", ["redness", "half"], ["centered"]),
        helper.make_node("Mul", ["centered", "gain"], ["mask"]),
        helper.make_node("Sigmoid", ["mask"], ["heat_map"]),
        helper.make_node("Cast", ["valid"], ["inside"], to=TensorProto.FLOAT),
        helper.make_node("Sub", ["one", "inside"], ["outside"]),
        helper.make_node("Mul", ["outside", "far"], ["penalty"]),
        helper.make_node("Sub", ["mask", "penalty"], ["masked"]),
        helper.make_node("ReduceMax", ["masked", "pixels_axes"], ["logit"], keepdims=0),
        helper.make_node("Div", ["logit", "temperature"], ["calibrated"]),
        helper.make_node("Sigmoid", ["calibrated"], ["probability"]),
    ]
    graph = helper.make_graph(
        nodes,
        "red",
        [
            helper.make_tensor_value_info("image", TensorProto.UINT8, ["b", 3, "h", "w"]),
            helper.make_tensor_value_info("valid", TensorProto.UINT8, ["b", 1, "h", "w"]),
        ],
        [
            helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["b"]),
            helper.make_tensor_value_info("heat_map", TensorProto.FLOAT, ["b", 1, "h", "w"]),
            helper.make_tensor_value_info("logit", TensorProto.FLOAT, ["b"]),
        ],
        [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def write_bundle(folder: Path, network: onnx.ModelProto | None = None, **changes: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    weights = b"\x02" + bytes(7) + b"{}"  # the smallest safetensors file
    digest = hashlib.sha256(weights).hexdigest()
    told = dataclasses.replace(info(**changes), files={WEIGHTS_NAME: digest})
    model = network or red_network()
    helper.set_model_props(model, onnx_properties(told))
    (folder / MODEL_NAME).write_bytes(model.SerializeToString())
    (folder / WEIGHTS_NAME).write_bytes(weights)
    (folder / CARD_NAME).write_text("# red")
    (folder / INFO_NAME).write_text(told.to_json())
    write_sums(folder)
    return folder


def gray_photo(height: int, width: int, key: int = 0) -> Image:
    """A photo with grain and without any red."""
    values = derive_rng("gray", key, height, width).integers(60, 200, (height, width, 1), dtype=np.uint8)
    return np.repeat(values, 3, axis=2)


def spotted_photo(height: int, width: int, top: int, left: int, side: int = 16) -> Image:
    """A gray photo with a pure red square."""
    photo = gray_photo(height, width)
    photo[top : top + side, left : left + side] = (255, 0, 0)
    return photo
