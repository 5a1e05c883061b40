from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from falseflaw.errors import ConfigurationError
from falseflaw.models.detector import Detector
from falseflaw.models.halving import as_half, halve, move_scales, restore_halved, store_halved
from falseflaw.models.onnx import export_onnx
from falseflaw.models.weights import detector_of, read_weights, write_weights

ARGUMENTS = {"backbone": "test_efficientnet", "residual_filters": 3, "decoder_channels": 16}


@pytest.fixture
def detector() -> Detector:
    """One whose normalizations have seen something, each channel another scale."""
    torch.manual_seed(0)
    made = Detector(**ARGUMENTS)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.3)
            nn.init.uniform_(module.running_var, 0.2, 3.0)
            nn.init.normal_(module.weight, 1.0, 0.5)  # a few are negative
            nn.init.normal_(module.bias, std=0.2)
    return made.eval()


def photos() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    image = torch.randint(0, 256, (2, 3, 96, 128), dtype=torch.uint8, generator=generator)
    return image, torch.ones(2, 1, 96, 128, dtype=torch.uint8)


@pytest.mark.parametrize("training", [False, True])
def test_moved_scales_change_no_answer(detector: Detector, training: bool) -> None:
    detector.double().train(training)
    for module in detector.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-9  # beside a batch's own variance it weighs more or less once scales have moved
    with torch.no_grad():
        before = detector.with_features(*photos())
    weights = {name: tensor.clone() for name, tensor in detector.state_dict().items()}
    move_scales(detector)
    assert any(not torch.equal(weights[name], tensor) for name, tensor in detector.state_dict().items())
    with torch.no_grad():
        after = detector.with_features(*photos())
    for ours, theirs in zip(after, before, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


def test_weights_and_network_of_a_halved_detector_are_half_as_large_and_lose_nothing(
    detector: Detector, tmp_path: Path
) -> None:
    sizes = {}
    for name in ("whole", "halved"):
        if name == "halved":
            halve(detector)
        write_weights(detector, tmp_path / f"{name}.safetensors", ARGUMENTS)
        export_onnx(detector, 1.0, tmp_path / f"{name}.onnx", {"name": name})
        sizes[name] = [(tmp_path / f"{name}{ending}").stat().st_size for ending in (".safetensors", ".onnx")]
    for whole, half in zip(sizes["whole"], sizes["halved"], strict=True):
        assert half < 0.65 * whole
    again = detector_of(read_weights(tmp_path / "halved.safetensors"), tmp_path)
    for name, tensor in detector.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name
        assert again.state_dict()[name].dtype == tensor.dtype
    network = onnx.load(tmp_path / "halved.onnx")
    session = onnxruntime.InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])
    image, valid = photos()
    feeds = {"image": image.numpy(), "valid": valid.numpy()}
    (logit,) = session.run(["logit"], feeds)
    with torch.no_grad():
        expected = detector(image, valid)[0].numpy()
    np.testing.assert_allclose(logit, expected, atol=1e-4)  # not 1e-2, as weights that were rounded twice
    restore_halved(network)
    assert not [
        tensor for tensor in network.graph.initializer if tensor.data_type == onnx.TensorProto.FLOAT16
    ]
    session = onnxruntime.InferenceSession(network.SerializeToString(), providers=["CPUExecutionProvider"])
    np.testing.assert_array_equal(session.run(["logit"], feeds)[0], logit)


def test_exported_network_tells_no_path_of_the_machine(detector: Detector, tmp_path: Path) -> None:
    export_onnx(detector, 1.0, tmp_path / "model.onnx", {"name": "told"})
    content = (tmp_path / "model.onnx").read_bytes()
    assert str(Path(__file__).resolve().parents[2]).encode() not in content
    assert b"stack_trace" not in content
    assert b"told" in content


def test_only_what_half_precision_holds_is_stored_in_it() -> None:
    exact, other = torch.arange(512.0), torch.arange(512.0) / 3
    assert as_half(exact).dtype == torch.float16
    assert as_half(other).dtype == as_half(exact[:10]).dtype == torch.float32
    values = {"exact": exact.numpy(), "other": other.numpy(), "large": np.full(300, 1e6, np.float32)}
    network = onnx.helper.make_graph(
        [], "graph", [], [], [onnx.numpy_helper.from_array(array, name) for name, array in values.items()]
    )
    model = onnx.helper.make_model(network)
    store_halved(model)
    kinds = {tensor.name: tensor.data_type for tensor in model.graph.initializer}
    assert kinds == {"exact__fp16": 10, "other": 1, "large": 1}  # onnx's numbers for half and single
    restore_halved(model)
    kept = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    assert kept.keys() == values.keys()
    for name, array in values.items():
        np.testing.assert_array_equal(kept[name], array)


def test_one_line_for_weights_beyond_half_precision(detector: Detector) -> None:
    with torch.no_grad():
        detector.decoder.mask.weight.fill_(1.0)
        detector.head[0].weight.fill_(1e6)
    with pytest.raises(ConfigurationError, match="half precision"):
        halve(detector)
