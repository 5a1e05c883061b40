import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from falseflaw.training.callbacks import AverageWeights


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)
        self.register_buffer("positions", torch.arange(300))


def test_the_average_follows_the_weights_and_leaves_numbers_alone() -> None:
    module = Counting()
    averaged = AveragedModel(module, use_buffers=True, **AverageWeights(0.5)._kwargs)
    averaged.update_parameters(module)
    start = averaged.module.linear.weight.clone()
    with torch.no_grad():
        module.linear.weight += 1
    for _ in range(2):
        averaged.update_parameters(module)
    # decay (1 + n) / (10 + n) at first: 2 / 11 and then 3 / 12 of the old value are kept
    torch.testing.assert_close(averaged.module.linear.weight, start + 1 - 2 / 11 * 3 / 12)
    assert torch.equal(averaged.module.positions, torch.arange(300))


def test_a_long_training_is_averaged_with_the_decay_asked_for() -> None:
    module = Counting()
    averaged = AveragedModel(module, use_buffers=True, **AverageWeights(0.5)._kwargs)
    averaged.n_averaged.fill_(1000)
    start = averaged.module.linear.weight.clone()
    with torch.no_grad():
        module.linear.weight += 1
    averaged.update_parameters(module)
    torch.testing.assert_close(averaged.module.linear.weight, start + 0.5)
