"""From logits to what is told: calibrated probability and 8-bit heat map."""

from __future__ import annotations

import torch
from torch import Tensor


def to_probability(logit: Tensor, temperature: float = 1.0) -> Tensor:
    """Returns sigmoid(logit / temperature), in [0, 1] (Guo et al. 2017)."""
    if not temperature > 0:
        raise ValueError(f"expected temperature > 0, got {temperature}")
    return torch.sigmoid(logit / temperature)


def to_heat_map(mask_logit: Tensor) -> Tensor:
    """Returns sigmoid(mask_logit), float in [0, 1], of the same shape."""
    return torch.sigmoid(mask_logit)


def to_heat_map_8bit(mask_logit: Tensor) -> Tensor:
    """Returns round(255 * heat map) as uint8, of the same shape."""
    return torch.round(255 * to_heat_map(mask_logit)).to(torch.uint8)
