"""The detector: photo in, evidence of alteration out, for the whole photo and per pixel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.models.backbone import STRIDES, build_backbone, feature_channels
from falseflaw.models.decoder import PyramidDecoder
from falseflaw.models.residual import ConstrainedResidual

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)
_FAR = 1e4
"""Subtracted from the logits of padded pixels: their softmax weight becomes exactly 0 in float32."""


class Detector(nn.Module):
    """RGB and learnt high-pass residuals → timm backbone → pyramid decoder → mask, image head.

    Scaling and normalization happen inside, so training, evaluation and the exported model take the
    same 8-bit pixels. Padded pixels (`valid` 0) change nothing: inputs, residuals and all pooling are
    masked with `valid`. In eval mode an image's result does not depend on its batchmates.
    """

    stride_multiple = STRIDES[-1]

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        backbone: str = "efficientnet_lite0",
        pretrained: str = "none",
        residual_filters: int = 6,
        decoder_channels: int = 64,
        mask_stride: int = 4,
        head_channels: int = 64,
        sharpness: float = 2.0,
    ) -> None:
        """Builds the network.

        Args:
            backbone: timm model with features at strides 2 to 32.
            pretrained: `none`, or `imagenet` for weights carried by a Python package.
            residual_filters: High-pass filters in all, a multiple of 3; 0 for RGB alone.
            decoder_channels: Width of the pyramid.
            mask_stride: Pixels per mask logit before bilinear enlargement: 2, 4 or 8.
            head_channels: Hidden width of the image head.
            sharpness: Of the smooth maximum over mask logits: towards 0 it is the mean, large the maximum.

        Raises:
            ConfigurationError: A value is out of range.
        """
        super().__init__()
        if decoder_channels <= 0 or head_channels <= 0 or sharpness <= 0:
            raise ConfigurationError(
                "expected decoder_channels, head_channels and sharpness above 0, "
                f"got {decoder_channels}, {head_channels} and {sharpness}"
            )
        self.sharpness = float(sharpness)
        self.residual = ConstrainedResidual(residual_filters) if residual_filters else None
        self.backbone = build_backbone(backbone, pretrained, 3 + residual_filters)
        channels = feature_channels(self.backbone)
        self.decoder = PyramidDecoder(channels, decoder_channels, mask_stride)
        self.head = nn.Sequential(
            nn.Linear(channels[-1] + decoder_channels + 1, head_channels),
            nn.ReLU(inplace=True),
            nn.Linear(head_channels, 1),
        )
        self.register_buffer("mean", 255 * torch.tensor(_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(_STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, image: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Judges a batch of photos of one size.

        Args:
            image: uint8, or float in [0, 255], (B, 3, H, W); H and W are multiples of 32.
            valid: bool, uint8 or float (B, 1, H, W): 1 inside the photo, 0 in its padding.

        Returns:
            Image logits (B,) and mask logits (B, 1, H, W), uncalibrated.

        Raises:
            InvalidDataError: A shape does not fit.
        """
        logit, mask_logit, _ = self.with_features(image, valid)
        return logit, mask_logit

    def with_features(self, image: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Judges as `forward` does, and tells what the image head saw as well, (B, C_top + D + 1)."""
        if not torch.compiler.is_compiling():
            check_input(image, valid, self.stride_multiple)
        inside = valid.to(self.mean.dtype)
        pixels = image.to(self.mean.dtype) * inside
        normalized = (pixels - self.mean) / self.std * inside
        if self.residual is not None:
            normalized = torch.cat([normalized, self.residual(pixels, inside)], dim=1)  # (B, 3 + F, H, W)
        features = self.backbone(normalized)  # five levels, (B, C_i, H / s_i, W / s_i)
        decoded, mask_logit = self.decoder(features)  # (B, D, h, w), (B, 1, h, w)
        pooled = self._pool(features[-1], decoded, mask_logit, inside)  # (B, C_top + D + 1)
        logit = self.head(pooled)  # (B, 1)
        return logit.squeeze(1), self.decoder.enlarge(mask_logit), pooled

    def _pool(self, top: Tensor, decoded: Tensor, mask_logit: Tensor, inside: Tensor) -> Tensor:
        """Returns what the image head sees, (B, C_top + D + 1), from valid pixels alone.

        The mean of the coarsest features, the mean of the decoder's features weighted with the softmax of
        the mask logits, and the smooth maximum log(mean(exp(s m))) / s of the mask logits m.
        """
        coarse = F.avg_pool2d(inside, self.stride_multiple)  # (B, 1, H / 32, W / 32), valid share
        overall = (top * coarse).sum(dim=(2, 3)) / coarse.sum(dim=(2, 3)).clamp_min(1e-6)  # (B, C_top)
        share = F.avg_pool2d(inside, self.decoder.stride).flatten(1)  # (B, h w)
        logits = mask_logit.flatten(1) - _FAR * (share < 0.5).to(mask_logit.dtype)  # (B, h w)
        attention = torch.softmax(logits, dim=1)
        attended = (decoded.flatten(2) * attention.unsqueeze(1)).sum(dim=2)  # (B, D)
        count = (share >= 0.5).to(logits.dtype).sum(dim=1, keepdim=True).clamp_min(1.0)  # (B, 1)
        total = torch.logsumexp(self.sharpness * logits, dim=1, keepdim=True)
        smooth = (total - torch.log(count)) / self.sharpness  # (B, 1)
        return torch.cat([overall, attended, smooth], dim=1)


def check_input(image: Tensor, valid: Tensor, multiple: int) -> None:
    """Checks the shapes that a network is given.

    Raises:
        InvalidDataError: They are not (B, 3, H, W) and (B, 1, H, W), or H or W is no multiple of `multiple`.
    """
    if image.ndim != 4 or image.shape[1] != 3 or image.shape[2] % multiple or image.shape[3] % multiple:
        raise InvalidDataError(
            f"expected image (B, 3, H, W) with H and W multiples of {multiple}, got {tuple(image.shape)}"
        )
    if valid.shape != (image.shape[0], 1, *image.shape[2:]):
        raise InvalidDataError(
            f"expected valid {(image.shape[0], 1, *image.shape[2:])} beside image {tuple(image.shape)}, "
            f"got {tuple(valid.shape)}"
        )
