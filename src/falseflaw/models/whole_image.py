"""A baseline: the whole photo to one logit, as detectors of generated images do it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from falseflaw.models.backbone import STRIDES, build_backbone, feature_channels
from falseflaw.models.detector import check_input

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


class WholeImageClassifier(nn.Module):
    """RGB → timm backbone → mean over the photo → one logit, as CNNDetection does (Wang et al. 2020).

    It has no mask: nothing is ever learnt from where a photo was altered. What stands in its place is the
    class activation map (Zhou et al. 2016), whose mean over the photo is the logit; it is cut off from the
    gradient, so that a loss on masks changes no weight. Padded pixels (`valid` 0) change nothing, and in eval
    mode an image's result does not depend on its batchmates.
    """

    stride_multiple = STRIDES[-1]

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: str = "efficientnet_lite0", pretrained: str = "none") -> None:
        """Builds the network.

        Args:
            backbone: timm model with features at strides 2 to 32.
            pretrained: `none`, or `imagenet` for weights carried by a Python package.

        Raises:
            ConfigurationError: A value is out of range.
        """
        super().__init__()
        self.backbone = build_backbone(backbone, pretrained, 3)
        self.head = nn.Conv2d(
            feature_channels(self.backbone)[-1], 1, 1
        )  # linear: its mean is the mean's logit
        self.register_buffer("mean", 255 * torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Judges a batch of photos of one size.

        Args:
            image: uint8, or float in [0, 255], (B, 3, H, W); H and W are multiples of 32.
            valid: bool, uint8 or float (B, 1, H, W): 1 inside the photo, 0 in its padding.

        Returns:
            Image logits (B,), and class activation maps (B, 1, H, W) without a gradient; uncalibrated.

        Raises:
            InvalidDataError: A shape does not fit.
        """
        if not torch.compiler.is_compiling():
            check_input(image, valid, self.stride_multiple)
        inside = valid.to(self.mean.dtype)
        normalized = (image.to(self.mean.dtype) - self.mean) / self.std * inside
        top = self.backbone(normalized)[-1]  # (B, C, h, w), h = H / 32
        share = F.avg_pool2d(inside, self.stride_multiple)  # (B, 1, h, w), valid share of each cell
        activation = self.head(top)  # (B, 1, h, w)
        logit = (activation * share).sum(dim=(1, 2, 3)) / share.sum(dim=(1, 2, 3)).clamp_min(1e-6)  # (B,)
        factor = float(self.stride_multiple)
        evidence = activation.detach()
        return logit, F.interpolate(evidence, scale_factor=factor, mode="bilinear", align_corners=False)
