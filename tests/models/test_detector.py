import pytest
import torch

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.models.detector import Detector


def photo(height: int, width: int, seed: int, batch: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (batch, 3, height, width), dtype=torch.uint8, generator=generator)


@torch.inference_mode()
def test_shapes_and_pixel_types(detector: Detector) -> None:
    image, valid = photo(64, 96, 0, batch=2), torch.ones(2, 1, 64, 96)
    logit, mask_logit = detector(image, valid)
    assert logit.shape == (2,)
    assert mask_logit.shape == (2, 1, 64, 96)
    for pixels, inside in ((image.float(), valid.bool()), (image, valid.to(torch.uint8))):
        again, mask_again = detector(pixels, inside)
        torch.testing.assert_close(again, logit)
        torch.testing.assert_close(mask_again, mask_logit)


@torch.inference_mode()
def test_batchmates_do_not_change_a_score(detector: Detector) -> None:
    images, valid = photo(64, 64, 1, batch=4), torch.ones(4, 1, 64, 64)
    together, masks = detector(images, valid)
    for index in range(4):
        alone, mask = detector(images[index : index + 1], valid[:1])
        torch.testing.assert_close(alone[0], together[index], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(mask[0], masks[index], atol=1e-4, rtol=1e-4)


@torch.inference_mode()
def test_padding_content_changes_nothing(detector: Detector) -> None:
    image, valid = photo(96, 96, 2), torch.ones(1, 1, 96, 96)
    valid[..., 70:, :] = 0
    valid[..., 81:] = 0
    other = torch.where(valid.bool(), image, photo(96, 96, 9))
    assert (other != image).any()
    for first, second in zip(detector(image, valid), detector(other, valid), strict=True):
        torch.testing.assert_close(first, second, atol=0, rtol=0)
    changed = image.clone()
    changed[..., 30:40, 30:40] = 255 - changed[..., 30:40, 30:40]
    assert detector(changed, valid)[0] != detector(image, valid)[0]


@torch.inference_mode()
def test_image_head_pools_valid_pixels_alone(detector: Detector) -> None:
    # Independent of `_pool`: the same three summaries over the valid cells, cell by cell.
    generator = torch.Generator().manual_seed(5)
    top = torch.randn(1, 4, 2, 2, generator=generator)
    decoded = torch.randn(1, 3, 16, 16, generator=generator)
    logits = torch.randn(1, 1, 16, 16, generator=generator)
    inside = torch.zeros(1, 1, 64, 64)
    inside[..., :32, :48] = 1
    pooled = detector._pool(top, decoded, logits, inside)[0]
    cells = logits[0, 0, :8, :12].flatten().double()
    torch.testing.assert_close(pooled[:4], (top[0, :, 0, 0] * 1 + top[0, :, 0, 1] * 0.5) / 1.5)
    weights = cells.exp() / cells.exp().sum()
    expected = (decoded[0, :, :8, :12].flatten(1).double() * weights).sum(1)
    torch.testing.assert_close(pooled[4:7].double(), expected, atol=1e-5, rtol=1e-5)
    sharp = detector.sharpness
    smooth = torch.log(torch.exp(sharp * cells).mean()) / sharp
    torch.testing.assert_close(pooled[7].double(), smooth, atol=1e-5, rtol=1e-5)


def test_gradients_reach_every_parameter(detector: Detector) -> None:
    detector.train()
    logit, mask_logit = detector(photo(64, 64, 3, batch=2), torch.ones(2, 1, 64, 64))
    (logit.sum() + mask_logit.square().mean()).backward()
    idle = [name for name, parameter in detector.named_parameters() if parameter.grad is None]
    assert idle == []


@pytest.mark.parametrize("stride", [2, 4, 8])
def test_mask_strides_and_rgb_alone(stride: int) -> None:
    plain = Detector("test_efficientnet", residual_filters=0, decoder_channels=8, mask_stride=stride).eval()
    assert plain(photo(64, 32, 0), torch.ones(1, 1, 64, 32))[1].shape == (1, 1, 64, 32)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mask_stride": 16}, "mask_stride"),
        ({"residual_filters": 5}, "residual_filters"),
        ({"decoder_channels": 0}, "decoder_channels"),
        ({"sharpness": 0}, "sharpness"),
    ],
)
def test_one_line_for_values_out_of_range(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Detector(**{"backbone": "test_efficientnet", **arguments})


def test_one_line_for_shapes_that_do_not_fit(detector: Detector) -> None:
    with pytest.raises(InvalidDataError, match=r"multiples of 32, got \(1, 3, 40, 64\)"):
        detector(torch.zeros(1, 3, 40, 64), torch.ones(1, 1, 40, 64))
    with pytest.raises(InvalidDataError, match=r"expected valid \(1, 1, 64, 64\)"):
        detector(torch.zeros(1, 3, 64, 64), torch.ones(1, 1, 32, 64))
