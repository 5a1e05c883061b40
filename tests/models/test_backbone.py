import importlib.util

import pytest
import timm
import torch

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingExtraError
from falseflaw.models import backbone as module
from falseflaw.models.backbone import build_backbone, feature_channels, imagenet_weights, match_by_order


def test_pretrained_features_are_those_of_the_classifier_with_these_weights() -> None:
    classifier = timm.create_model("efficientnet_lite0", pretrained=False)
    missing, unexpected = classifier.load_state_dict(imagenet_weights("efficientnet_lite0"), strict=False)
    assert not unexpected
    assert all(key.endswith("num_batches_tracked") for key in missing)
    plain = build_backbone("efficientnet_lite0", "imagenet", 3).eval()
    widened = build_backbone("efficientnet_lite0", "imagenet", 9).eval()
    image = torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        levels = plain(image)
        wide = widened(torch.cat([image, torch.randn(1, 6, 64, 96)], dim=1))
        classifier.eval()
        expected = classifier.forward_intermediates(image, intermediates_only=True)
    assert [level.shape[1] for level in levels] == feature_channels(plain)
    for level, other, reference in zip(levels, wide, expected, strict=True):
        torch.testing.assert_close(level, reference, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(other, reference, atol=1e-4, rtol=1e-3)  # new channels begin at weight 0


def test_the_thin_backbone_shares_the_fine_stages_and_is_a_seventh_as_large() -> None:
    whole = build_backbone("efficientnet_lite0", "imagenet", 9).eval()
    thin = build_backbone("efficientnet_lite0_thin", "imagenet", 9).eval()
    image = torch.randn(1, 9, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        levels, others = thin(image), whole(image)
    assert [level.shape[1] for level in levels] == feature_channels(thin)
    for index in range(3):  # strides 2, 4 and 8
        torch.testing.assert_close(levels[index], others[index])
    sizes = [sum(tensor.numel() for tensor in network.parameters()) for network in (thin, whole)]
    assert sizes[0] < 0.15 * sizes[1]


def test_order_matching_checks_count_shapes_and_names() -> None:
    wanted = {
        "a.weight": torch.zeros(2, 3),
        "a.num_batches_tracked": torch.zeros(()),
        "a.bias": torch.zeros(4),
    }
    given = {"x.weight": torch.ones(2, 3), "y.bias": torch.ones(4)}
    matched = match_by_order(given, wanted, "file")
    assert list(matched) == ["a.weight", "a.bias"]
    assert matched["a.bias"].sum() == 4
    with pytest.raises(InvalidDataError, match="expected 2 tensors in file, got 1"):
        match_by_order({"x.weight": torch.ones(2, 3)}, wanted, "file")
    with pytest.raises(InvalidDataError, match=r"expected \(4,\) for a.bias in file, got \(5,\) in y.bias"):
        match_by_order({**given, "y.bias": torch.ones(5)}, wanted, "file")
    with pytest.raises(InvalidDataError, match=r"y.running_mean"):
        match_by_order({"x.weight": torch.ones(2, 3), "y.running_mean": torch.ones(4)}, wanted, "file")


@pytest.mark.parametrize(
    ("name", "pretrained", "message"),
    [
        ("no_such_network", "none", "no_such_network"),
        ("vit_tiny_patch16_224", "none", "vit_tiny_patch16_224"),
        ("test_efficientnet", "imagenet", "packaged ImageNet weights"),
        ("efficientnet_lite0", "imagenet21k", "none or imagenet"),
    ],
)
def test_one_line_for_a_backbone_that_cannot_be(name: str, pretrained: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        build_backbone(name, pretrained, 3)
    assert "\n" not in str(caught.value)


def test_missing_weights_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        module.importlib.util, "find_spec", lambda name: None if name == module._PACKAGE else real(name)
    )
    with pytest.raises(MissingExtraError, match=r"falseflaw\[train\]"):
        build_backbone("efficientnet_lite0", "imagenet", 3)


def test_timm_knows_the_thin_backbone_and_what_it_cannot_do() -> None:
    assert timm.is_model("efficientnet_lite0_thin")
    for words in ({"features_only": True, "pretrained": True}, {}):
        with pytest.raises(ValueError, match="features_only=True and pretrained=False"):
            timm.create_model("efficientnet_lite0_thin", **words)
