import math

import pytest
import torch

from falseflaw.models.postprocess import to_heat_map_8bit, to_probability


def test_known_probabilities() -> None:
    logit = torch.tensor([0.0, 3.0])
    assert to_probability(logit).tolist() == pytest.approx([0.5, 1 / (1 + math.exp(-3))])
    assert to_probability(logit, 3.0).tolist() == pytest.approx([0.5, 1 / (1 + math.exp(-1))])
    with pytest.raises(ValueError, match="temperature > 0"):
        to_probability(logit, 0.0)


def test_heat_map_rounds_to_eight_bits() -> None:
    share = torch.tensor([0.0, 0.49 / 255, 0.51 / 255, 127.4 / 255, 127.6 / 255, 1.0])
    heat = to_heat_map_8bit(torch.logit(share))
    assert heat.dtype == torch.uint8
    assert heat.tolist() == [0, 0, 1, 127, 128, 255]
