from pathlib import Path

import pytest
import torch
import yaml

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.models.architectures import build_detector
from falseflaw.models.checkpoint import load_detector, save_detector_checkpoint
from falseflaw.models.detector import Detector
from falseflaw.models.losses import DetectorLoss
from falseflaw.models.whole_image import WholeImageClassifier
from falseflaw.paths import config_dir

TINY = {"architecture": "whole_image", "backbone": "test_efficientnet"}


@pytest.fixture
def classifier() -> WholeImageClassifier:
    torch.manual_seed(0)
    return WholeImageClassifier("test_efficientnet").eval()


def photo(height: int, width: int, seed: int, batch: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (batch, 3, height, width), dtype=torch.uint8, generator=generator)


@torch.inference_mode()
def test_the_logit_is_the_mean_of_the_activation_map(classifier: WholeImageClassifier) -> None:
    logit, activation = classifier(photo(64, 96, 0, batch=2), torch.ones(2, 1, 64, 96))
    assert logit.shape == (2,)
    assert activation.shape == (2, 1, 64, 96)
    cells = torch.nn.functional.avg_pool2d(activation, 32)
    assert cells.std() > 0
    # Bilinear enlargement keeps the mean but for the photo's rim, whose cells it repeats.
    torch.testing.assert_close(activation.mean(dim=(1, 2, 3)), logit, atol=0.05, rtol=0.05)


@torch.inference_mode()
def test_batchmates_do_not_change_a_score(classifier: WholeImageClassifier) -> None:
    images, valid = photo(64, 64, 1, batch=4), torch.ones(4, 1, 64, 64)
    together, maps = classifier(images, valid)
    for index in range(4):
        alone, activation = classifier(images[index : index + 1], valid[:1])
        torch.testing.assert_close(alone[0], together[index], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(activation[0], maps[index], atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_padding_content_changes_nothing(classifier: WholeImageClassifier) -> None:
    image, valid = photo(96, 96, 2), torch.ones(1, 1, 96, 96)
    valid[..., 70:, :] = 0
    valid[..., 81:] = 0
    other = torch.where(valid.bool(), image, photo(96, 96, 9))
    for first, second in zip(classifier(image, valid), classifier(other, valid), strict=True):
        torch.testing.assert_close(first, second, atol=0, rtol=0)


def test_it_learns_from_labels_and_never_from_masks(classifier: WholeImageClassifier) -> None:
    classifier.train()
    image, valid = photo(64, 64, 3, batch=2), torch.ones(2, 1, 64, 64)
    mask = torch.zeros(2, 1, 64, 64)
    mask[0, :, :16, :16] = 1

    def gradients(loss: DetectorLoss) -> list[torch.Tensor]:
        classifier.zero_grad()
        torch.manual_seed(4)
        logit, activation = classifier(image, valid)
        loss(logit, activation, torch.tensor([1.0, 0.0]), mask, valid)["loss"].backward()
        return [parameter.grad.clone() for parameter in classifier.parameters()]

    both, labels = gradients(DetectorLoss()), gradients(DetectorLoss(mask_weight=0, dice_weight=0))
    assert all(gradient.abs().sum() > 0 for gradient in both[-2:])
    for first, second in zip(both, labels, strict=True):
        torch.testing.assert_close(first, second, atol=0, rtol=0)


@torch.inference_mode()
def test_a_checkpoint_remembers_its_architecture(classifier: WholeImageClassifier, tmp_path: Path) -> None:
    loaded = load_detector(save_detector_checkpoint(classifier, tmp_path / "best.ckpt", TINY))
    assert isinstance(loaded, WholeImageClassifier)
    image, valid = photo(64, 64, 5), torch.ones(1, 1, 64, 64)
    torch.testing.assert_close(loaded(image, valid)[0], classifier(image, valid)[0], atol=0, rtol=0)
    other = save_detector_checkpoint(classifier, tmp_path / "other.ckpt", {"backbone": "test_efficientnet"})
    with pytest.raises(InvalidDataError, match="of another architecture"):
        load_detector(other)
    unknown = save_detector_checkpoint(classifier, tmp_path / "unknown.ckpt", {"architecture": "os.system"})
    with pytest.raises(InvalidDataError, match="segmentation or whole_image"):
        load_detector(unknown)


def test_only_what_is_named_is_built() -> None:
    assert isinstance(build_detector({"backbone": "test_efficientnet"}), Detector)
    assert isinstance(build_detector(TINY), WholeImageClassifier)
    with pytest.raises(ConfigurationError, match="segmentation or whole_image, got 'resnet'"):
        build_detector({"architecture": "resnet"})


def test_one_line_for_shapes_that_do_not_fit(classifier: WholeImageClassifier) -> None:
    with pytest.raises(InvalidDataError, match=r"multiples of 32, got \(1, 3, 40, 64\)"):
        classifier(torch.zeros(1, 3, 40, 64), torch.ones(1, 1, 40, 64))


def test_rgb_only_is_of_the_detectors_size() -> None:
    """Within 2 %: what it lacks then is the filters, not capacity."""
    folder = config_dir() / "model"
    reference = yaml.safe_load((folder / "reference.yaml").read_text()) | {"pretrained": "none"}
    changed = yaml.safe_load((folder / "rgb_only.yaml").read_text())
    assert changed.pop("defaults") == ["reference", "_self_"]
    sizes = [
        sum(parameter.numel() for parameter in build_detector(arguments).parameters())
        for arguments in (reference, reference | changed)
    ]
    assert build_detector(reference | changed).residual is None
    assert abs(sizes[1] / sizes[0] - 1) < 0.02
