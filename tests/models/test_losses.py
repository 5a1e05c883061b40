import math

import pytest
import torch

from falseflaw.errors import ConfigurationError
from falseflaw.models.losses import DetectorLoss, dice_loss


def example() -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    logit = torch.randn(3, generator=generator)
    mask_logit = torch.randn(3, 1, 8, 8, generator=generator)
    label = torch.tensor([1.0, 0.0, 1.0])
    mask = torch.zeros(3, 1, 8, 8, dtype=torch.uint8)
    mask[0, :, 2:4, 2:4] = 1
    return logit, mask_logit, label, mask, torch.ones_like(mask)


def test_total_is_the_weighted_sum() -> None:
    parts = DetectorLoss(2.0, 0.5, 0.25)(*example())
    expected = 2 * parts["image"] + 0.5 * parts["mask"] + 0.25 * parts["dice"]
    torch.testing.assert_close(parts["loss"], expected)


def test_known_image_loss_with_and_without_smoothing() -> None:
    logit, label = torch.tensor([2.0]), torch.tensor([1.0])
    probability = 1 / (1 + math.exp(-2))
    plain = DetectorLoss().image_loss(logit, label)
    assert float(plain) == pytest.approx(-math.log(probability), rel=1e-5)
    smooth = DetectorLoss(label_smoothing=0.1).image_loss(logit, label)
    expected = -0.95 * math.log(probability) - 0.05 * math.log(1 - probability)
    assert float(smooth) == pytest.approx(expected, rel=1e-5)


def test_altered_and_untouched_pixels_weigh_alike_up_to_the_cap() -> None:
    _, mask_logit, _, mask, valid = example()
    each = torch.nn.functional.softplus(torch.where(mask > 0, -mask_logit, mask_logit))
    altered, untouched = each[mask > 0].mean(), each[mask == 0].mean()
    balanced = DetectorLoss(pixel_weight_cap=1000).mask_loss(mask_logit, mask.float(), valid.float())
    torch.testing.assert_close(balanced, (altered + untouched) / 2)
    plain = DetectorLoss(pixel_weight_cap=1).mask_loss(mask_logit, mask.float(), valid.float())
    torch.testing.assert_close(plain, each.mean())


def test_padding_does_not_count() -> None:
    logit, mask_logit, label, mask, valid = example()
    valid[..., 6:] = 0
    loss = DetectorLoss()
    changed = torch.where(valid > 0, mask_logit, mask_logit + 50)
    first, second = (loss(logit, value, label, mask, valid) for value in (mask_logit, changed))
    for name in first:
        torch.testing.assert_close(first[name], second[name])


def test_dice_is_near_zero_for_the_truth_and_ignores_negatives() -> None:
    _, _, _, mask, valid = example()
    truth = (mask.float() - 0.5) * 60
    assert float(dice_loss(truth, mask.float(), valid.float())) < 1e-3
    assert float(dice_loss(-truth, mask.float(), valid.float())) > 0.9
    worse = truth.clone()
    worse[1:] = 60  # alarms all over the photos without altered pixels
    torch.testing.assert_close(
        dice_loss(worse, mask.float(), valid.float()), dice_loss(truth, mask.float(), valid.float())
    )
    assert float(dice_loss(worse, torch.zeros_like(worse), valid.float())) == 0


@pytest.mark.parametrize(
    "arguments",
    [{"image_weight": -1}, {"image_weight": 0, "mask_weight": 0, "dice_weight": 0}, {"label_smoothing": 1}],
)
def test_refuses_values_out_of_range(arguments: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        DetectorLoss(**arguments)
