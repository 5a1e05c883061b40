"""From feature levels to a mask: a light feature pyramid (Lin et al. 2017)."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from falseflaw.errors import ConfigurationError


class PyramidDecoder(nn.Module):
    """Adds coarse levels to finer ones, top down, to one feature map and one mask logit.

    Upsampling doubles, so that no size has to be read from a tensor: the graph stays exportable with
    free height and width.
    """

    def __init__(self, in_channels: Sequence[int], channels: int, stride: int) -> None:
        """Builds laterals for the levels at strides 2, 4, 8, ... whose channels are `in_channels`.

        Raises:
            ConfigurationError: `stride` is not 2, 4 or 8.
        """
        super().__init__()
        if stride not in {2, 4, 8}:
            raise ConfigurationError(f"expected mask_stride as 2, 4 or 8, got {stride}")
        self.finest = {2: 0, 4: 1, 8: 2}[stride]
        self.stride = stride
        self.laterals = nn.ModuleList(_block(count, channels, 1) for count in in_channels[self.finest :])
        self.smooth = nn.ModuleList(_block(channels, channels, 3) for _ in in_channels[self.finest :][:-1])
        self.mask = nn.Conv2d(channels, 1, 1)

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Returns features (B, channels, H / s, W / s) and mask logits (B, 1, H / s, W / s), s the stride."""
        levels = list(features[self.finest :])
        top = self.laterals[-1](levels[-1])
        for index in range(len(levels) - 2, -1, -1):
            doubled = F.interpolate(top, scale_factor=2.0, mode="nearest")  # (B, C, 2h, 2w)
            top = self.smooth[index](self.laterals[index](levels[index]) + doubled)
        return top, self.mask(top)

    def enlarge(self, mask_logit: Tensor) -> Tensor:
        """Brings mask logits to the photo's size, (B, 1, H, W)."""
        return F.interpolate(
            mask_logit, scale_factor=float(self.stride), mode="bilinear", align_corners=False
        )


def _block(in_channels: int, channels: int, kernel: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(inplace=True),
    )
