import math

import pytest
import torch

from falseflaw.errors import ConfigurationError
from falseflaw.models.losses import DetectorLoss, consistency_loss, dice_loss, ranking_loss


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
    [
        {"image_weight": -1},
        {"image_weight": 0, "mask_weight": 0, "dice_weight": 0, "ranking_weight": 1},
        {"label_smoothing": 1},
        {"ranking_weight": -0.1},
        {"consistency_weight": -0.1},
        {"ranking_temperature": 0},
    ],
)
def test_refuses_values_out_of_range(arguments: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError):
        DetectorLoss(**arguments)


def test_ranking_is_the_penalty_of_each_pair_wherever_its_members_lie() -> None:
    logit, label = torch.tensor([1.0, 3.0]), torch.tensor([0.0, 1.0])
    expected = torch.tensor(math.log(1 + math.exp(-2)))
    torch.testing.assert_close(ranking_loss(logit, label, torch.tensor([0, 0]), 2.0), expected)
    swapped = ranking_loss(logit.flip(0), label.flip(0), torch.tensor([5, 5]), 2.0)
    torch.testing.assert_close(swapped, expected)
    scattered = torch.tensor([1.0, 9.0, 3.0, -9.0])
    pairs = torch.tensor([4, -1, 4, -1])  # the others have no partner
    torch.testing.assert_close(ranking_loss(scattered, torch.tensor([0.0, 0, 1, 1]), pairs, 2.0), expected)
    # Labels say who is the negative, not places: a swapped pair is penalized the other way round.
    wrong = ranking_loss(logit, 1 - label, torch.tensor([0, 0]), 2.0)
    torch.testing.assert_close(wrong, torch.tensor(math.log(1 + math.exp(2))))


def test_ranking_knows_no_pair_of_one_label() -> None:
    logit = torch.tensor([1.0, 3.0], requires_grad=True)
    loss = ranking_loss(logit, torch.zeros(2), torch.tensor([0, 0]), 2.0)
    assert float(loss.detach()) == 0
    loss.backward()  # type: ignore[no-untyped-call]
    assert logit.grad is not None
    assert not logit.grad.any()


def test_the_damage_that_looks_most_altered_weighs_most_in_the_ranking() -> None:
    logit = torch.tensor([3.0, 4.0, -3.0, -2.0], requires_grad=True)  # both pairs are one logit apart
    ranking_loss(logit, torch.tensor([0.0, 1, 0, 1]), torch.tensor([0, 0, 1, 1]), 2.0).backward()
    assert logit.grad is not None
    hard, easy = logit.grad[0], logit.grad[2]
    assert float(hard / easy) == pytest.approx(math.exp(6 / 2), rel=1e-4)
    torch.testing.assert_close(logit.grad[1::2], -logit.grad[::2])  # no gradient through the weights


def test_consistency_is_none_of_equal_crops_and_pulls_the_laundered_one_alone() -> None:
    logit = torch.tensor([2.0, 2.0, -1.0], requires_grad=True)
    mask_logit = torch.randn(3, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    mask_logit[1] = mask_logit[0]
    mask_logit.requires_grad_()
    valid = torch.ones(3, 1, 4, 4)
    same = consistency_loss(logit, mask_logit, valid, torch.tensor([-1, 0, -1]))
    assert float(same.detach()) == pytest.approx(0, abs=1e-6)
    consistency_loss(logit, mask_logit, valid, torch.tensor([-1, -1, 0])).backward()
    assert logit.grad is not None
    assert mask_logit.grad is not None
    assert logit.grad[:2].tolist() == [0, 0]
    assert logit.grad[2] < 0  # up, to where the clean crop is
    assert not mask_logit.grad[:2].any()
    assert mask_logit.grad[2].any()


def test_consistency_of_known_probabilities_on_pixels_that_count() -> None:
    odds = torch.tensor([0.8, 0.5])
    logit = torch.logit(odds)
    expected = 0.8 * math.log(0.8 / 0.5) + 0.2 * math.log(0.2 / 0.5)
    mask_logit = logit[:, None, None, None].expand(2, 1, 2, 2).clone()
    valid = torch.ones(2, 1, 2, 2)
    clean = torch.tensor([-1, 0])
    loss = consistency_loss(logit, mask_logit, valid, clean)
    assert float(loss) == pytest.approx(2 * expected, rel=1e-4)
    mask_logit[1, :, 0], valid[0, :, 0] = 50.0, 0  # what counts on one side alone does not count
    assert float(consistency_loss(logit, mask_logit, valid, clean)) == pytest.approx(2 * expected, rel=1e-4)
    assert float(consistency_loss(logit, mask_logit, valid, torch.tensor([-1, -1]))) == 0


def test_ranking_and_consistency_count_by_their_weights() -> None:
    logit, mask_logit, label, mask, valid = example()
    pair, clean = torch.tensor([0, 0, 1]), torch.tensor([-1, -1, 0])
    parts = DetectorLoss(ranking_weight=0.3, consistency_weight=0.2)(
        logit, mask_logit, label, mask, valid, pair, clean
    )
    plain = DetectorLoss()(logit, mask_logit, label, mask, valid, pair, clean)
    assert set(parts) - set(plain) == {"ranking", "consistency"}
    expected = plain["loss"] + 0.3 * parts["ranking"] + 0.2 * parts["consistency"]
    torch.testing.assert_close(parts["loss"], expected)
