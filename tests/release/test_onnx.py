from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from tests.release.tiny import make_bundle
from tests.runtime.red import gray_photo, spotted_photo
from torch import Tensor, nn

from falseflaw.models.onnx import ExportError, export_onnx
from falseflaw.models.recovery import recover_detector
from falseflaw.models.whole_image import WholeImageClassifier
from falseflaw.release.bundle import Release
from falseflaw.runtime.predictor import Predictor


def test_the_file_holds_everything_and_says_where_it_comes_from(release: Release) -> None:
    model = onnx.load(release.folder / "model.onnx", load_external_data=False)
    assert all(tensor.data_location == onnx.TensorProto.DEFAULT for tensor in model.graph.initializer)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert metadata["git_revision"] == "abc"
    assert metadata["name"] == "tiny"
    assert metadata["checkpoint_sha256"] == "0" * 64


def test_inputs_are_8_bit_and_their_sizes_free(release: Release) -> None:
    model = onnx.load(release.folder / "model.onnx")
    kinds = {item.name: item.type.tensor_type for item in [*model.graph.input, *model.graph.output]}
    assert list(kinds) == ["image", "valid", "probability", "heat_map", "logit"]
    assert kinds["image"].elem_type == kinds["valid"].elem_type == onnx.TensorProto.UINT8
    for name, free in (("image", (0, 2, 3)), ("valid", (0, 2, 3)), ("heat_map", (0, 2, 3)), ("logit", (0,))):
        dimensions = kinds[name].shape.dim
        assert all(dimensions[index].dim_param for index in free), name
    assert kinds["image"].shape.dim[1].dim_value == 3


def test_the_export_answers_as_an_independent_network_does(release: Release, red_bundle: Path) -> None:
    exported, by_hand = Predictor(release.folder), Predictor(red_bundle)
    for photo in (spotted_photo(77, 130, 9, 100), gray_photo(64, 64), gray_photo(1, 1)):
        got, expected = exported.infer(photo[None]), by_hand.infer(photo[None])
        for name in ("probability", "heat_map", "logit"):
            np.testing.assert_allclose(getattr(got, name), getattr(expected, name), rtol=1e-5, atol=1e-6)


def test_a_whole_image_classifier_exports_with_its_activation_map(tmp_path: Path) -> None:
    torch.manual_seed(0)
    classifier = WholeImageClassifier("test_efficientnet").eval()
    made = make_bundle(tmp_path / "bundle", detector=classifier)
    assert made.parity
    assert all(row.passed for row in made.parity)
    image = spotted_photo(64, 96, 9, 60)
    activation = classifier(torch.from_numpy(image).permute(2, 0, 1)[None], torch.ones(1, 1, 64, 96))[1]
    heat = Predictor(made.folder).infer(image[None]).heat_map[0]
    np.testing.assert_allclose(heat, torch.sigmoid(activation[0, 0]).detach().numpy(), atol=1e-4)
    arguments = {"architecture": "whole_image", "backbone": "test_efficientnet"}
    recovered = recover_detector(made.folder / "model.onnx", arguments)
    again = recovered(torch.from_numpy(image).permute(2, 0, 1)[None], torch.ones(1, 1, 64, 96))[1]
    torch.testing.assert_close(again, activation, atol=1e-4, rtol=1e-4)


class Branching(nn.Module):
    def forward(self, image: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        mask = image[:, :1].float()
        if mask.sum() > 3:  # depends on the data: no graph can hold it
            mask = mask * 2
        return mask.flatten(1).amax(dim=1), mask


def test_a_detector_that_cannot_be_exported_is_one_line_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="cannot export the detector to ONNX") as caught:
        export_onnx(Branching(), 1.0, tmp_path / "model.onnx", {})
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_calibration_is_part_of_the_graph(release: Release) -> None:
    outputs = Predictor(release.folder).infer(spotted_photo(64, 64, 3, 3)[None])
    temperature = release.info.operating_point.temperature
    expected = torch.sigmoid(torch.from_numpy(outputs.logit) / temperature).numpy()
    assert temperature != 1
    np.testing.assert_allclose(outputs.probability, expected, atol=1e-6)
