"""EfficientNet-Lite0 with narrow coarse stages: a seventh of its parameters, and its fine stages as they are.

Nine tenths of EfficientNet-Lite0's parameters belong to its three last stages, which tell things apart.
What a network leaves behind in a photo is small, and the fine stages are where it is seen.
"""

from __future__ import annotations

from typing import Any

from timm.models import register_model
from timm.models.efficientnet import EfficientNetFeatures, decode_arch_def
from torch import nn

NAME = "efficientnet_lite0_thin"
WHOLE = "efficientnet_lite0"
"""The backbone whose first stages it shares, tensor by tensor."""

_STAGES = [
    ["ds_r1_k3_s1_e1_c16"],
    ["ir_r2_k3_s2_e6_c24"],
    ["ir_r2_k5_s2_e6_c40"],
    ["ir_r3_k3_s2_e6_c80"],
    # Up to here as in EfficientNet-Lite0, which goes on with 3, 4 and 1 blocks of 112, 192 and 320 channels.
    ["ir_r1_k5_s1_e2_c80"],
    ["ir_r2_k5_s2_e2_c64"],
]
"""In timm's notation: repeats, kernel, stride, expansion and channels of each stage."""


@register_model
def efficientnet_lite0_thin(pretrained: bool = False, *, in_chans: int = 3, **others: Any) -> nn.Module:
    """Builds the backbone with random weights, as `timm.create_model` calls it.

    Args:
        pretrained: timm has no weights of it.
        in_chans: Channels of the input.
        others: What timm passes on as well. It has feature levels and no classifier, so nothing else counts.

    Raises:
        ValueError: Weights are asked for, or a classifier.
    """
    if pretrained or not others.get("features_only"):
        raise ValueError(f"expected {NAME} with features_only=True and pretrained=False")
    backbone: nn.Module = EfficientNetFeatures(
        decode_arch_def(_STAGES),
        in_chans=in_chans,
        stem_size=32,
        fix_stem=True,
        act_layer=nn.ReLU6,
        norm_layer=nn.BatchNorm2d,
    )
    return backbone
