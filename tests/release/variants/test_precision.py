import numpy as np
import onnx
import onnxruntime
import pytest
from tests.helpers import textured_photo

from falseflaw.models.onnx import export_onnx
from falseflaw.release.variants.precision import (
    PrecisionError,
    convolutions_of,
    to_fp16,
    to_int8,
)
from falseflaw.seeding import derive_rng

PHOTOS = [textured_photo(derive_rng("precision", index), 96, 128) for index in range(3)]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> onnx.ModelProto:
    """A small network of three convolutions with the inputs and outputs of a detector."""
    import torch
    from torch import Tensor, nn

    class Small(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 48, 3, padding=1)
            self.second = nn.Conv2d(48, 48, 3, padding=1)
            self.mask = nn.Conv2d(48, 1, 3, padding=1)

        def forward(self, image: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
            pixels = (image.float() / 255 - 0.5) * valid.float()
            mask = self.mask(torch.relu(self.second(torch.relu(self.first(pixels)))))
            return mask.flatten(1).amax(dim=1), mask

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("precision") / "model.onnx"
    export_onnx(Small().eval(), 1.0, path, {"name": "small"})
    return onnx.load(path)


def answers(model: onnx.ModelProto, photo: np.ndarray) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    image = photo.transpose(2, 0, 1)[None]
    feeds = {"image": np.ascontiguousarray(image), "valid": np.ones((1, 1, *photo.shape[:2]), np.uint8)}
    return session.run(["probability", "heat_map", "logit"], feeds)


def kinds(model: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in model.graph.node]


def inputs_and_outputs(model: onnx.ModelProto) -> list[bytes]:
    return [value.SerializeToString() for value in (*model.graph.input, *model.graph.output)]


def test_half_precision_halves_the_weights_and_moves_little(network: onnx.ModelProto) -> None:
    half = to_fp16(network)
    assert half.ByteSize() < 0.75 * network.ByteSize()
    assert inputs_and_outputs(half) == inputs_and_outputs(network)
    assert {value.key: value.value for value in half.metadata_props} == {"name": "small"}
    for photo in PHOTOS:
        for exact, moved in zip(answers(network, photo), answers(half, photo), strict=True):
            assert moved.dtype == np.float32
            assert 0 < np.abs(exact - moved).max() < 1e-2


def test_zeros_are_halved_as_well(network: onnx.ModelProto) -> None:
    pruned = onnx.ModelProto()
    pruned.CopyFrom(network)
    for tensor in pruned.graph.initializer:
        if len(tensor.dims) == 4:
            values = onnx.numpy_helper.to_array(tensor).copy()
            values.flat[::2] = 0
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    assert to_fp16(pruned).ByteSize() == to_fp16(network).ByteSize()


def test_weights_beyond_half_precision_stay(network: onnx.ModelProto) -> None:
    large = onnx.ModelProto()
    large.CopyFrom(network)
    for tensor in large.graph.initializer:
        if "second" in tensor.name and len(tensor.dims) == 4:
            values = onnx.numpy_helper.to_array(tensor).copy()
            values.flat[0] = 1e6
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    answered = answers(to_fp16(large), PHOTOS[0])
    assert all(np.isfinite(values).all() for values in answered)


@pytest.mark.slow
def test_convolutions_of_eight_bits(network: onnx.ModelProto) -> None:
    small = to_int8(network, PHOTOS, 1, 32)
    assert inputs_and_outputs(small) == inputs_and_outputs(network)
    assert kinds(small).count("Conv") == kinds(network).count("Conv") == 3
    quantized = [tensor for tensor in small.graph.initializer if tensor.data_type == onnx.TensorProto.INT8]
    assert len([tensor for tensor in quantized if len(tensor.dims) == 4]) == 2
    first = convolutions_of(network)[0]
    (kept,) = (node for node in small.graph.node if node.name == first)
    weights = {tensor.name: tensor for tensor in small.graph.initializer}
    assert weights[kept.input[1]].data_type == onnx.TensorProto.FLOAT
    for photo in PHOTOS:
        exact, moved = answers(network, photo), answers(small, photo)
        assert np.abs(exact[0] - moved[0]).max() < 0.05
        assert np.abs(exact[1] - moved[1]).mean() < 0.05


@pytest.mark.slow
def test_weights_that_are_stored_in_half_precision_become_eight_bits_too(network: onnx.ModelProto) -> None:
    halved = to_fp16(network)
    small = to_int8(halved, PHOTOS, 1, 32)
    assert kinds(small).count("QuantizeLinear") == kinds(to_int8(network, PHOTOS, 1, 32)).count(
        "QuantizeLinear"
    )
    assert any("__fp16" in tensor.name for tensor in halved.graph.initializer)  # as it was


def test_photos_of_any_size_calibrate(network: onnx.ModelProto) -> None:
    photos = [textured_photo(derive_rng("odd"), 33, 65), textured_photo(derive_rng("wide"), 40, 900)]
    assert "QuantizeLinear" in kinds(to_int8(network, photos, 2, 32))


@pytest.mark.parametrize(("photos", "kept"), [([], 0), (PHOTOS, 3), (PHOTOS, 99)])
def test_nothing_to_quantize_is_one_line(network: onnx.ModelProto, photos: list, kept: int) -> None:
    with pytest.raises(PrecisionError, match="expected photos to calibrate on and convolutions") as caught:
        to_int8(network, photos, kept, 32)
    assert "\n" not in str(caught.value)


def test_a_network_that_cannot_be_quantized_is_one_line(network: onnx.ModelProto) -> None:
    with pytest.raises(PrecisionError, match="cannot quantize") as caught:
        to_int8(network, [np.zeros((64, 64, 1), np.uint8)], 1, 32)
    assert "\n" not in str(caught.value)
