"""Computes once what guidance would compute twice: layers before the first that hears of the prompt.

Classifier-free guidance runs the denoiser on each latent with and without its prompt. Until the first cross
attention both see the same numbers.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only


def share_first_layers(unet: nn.Module) -> None:
    """Lets a UNet's first layers work on half a batch where its halves are equal; no result changes.

    Args:
        unet: A `UNet2DConditionModel`; its first level is shared where it has no attention.
    """
    layers: Any = unet
    _wrap(layers.conv_in)
    if not hasattr(layers.down_blocks[0], "attentions"):
        _wrap(layers.down_blocks[0])


def _wrap(module: nn.Module) -> None:
    inner = module.forward

    def forward(*values: Any, **named: Any) -> Any:
        if not all(_doubled(value) for value in (*values, *named.values()) if isinstance(value, Tensor)):
            return inner(*values, **named)
        first, named_first = tree_map_only(Tensor, lambda value: value.chunk(2)[0], (values, named))
        return tree_map_only(Tensor, lambda value: torch.cat([value, value]), inner(*first, **named_first))

    module.forward = forward


def _doubled(batch: Tensor) -> bool:
    return len(batch) % 2 == 0 and torch.equal(*batch.chunk(2))
