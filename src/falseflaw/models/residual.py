"""Learnt high-pass residuals: what remains of a photo when its content is predicted away."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from falseflaw.errors import ConfigurationError

KERNEL = 5
"""Side of the filters; the window in which a pixel is predicted from its neighbors."""


class ConstrainedResidual(nn.Module):
    """5x5 prediction-error filters on each color channel, after Bayar and Stamm (2016, IH&MMSec).

    The center of each filter is -1 and the other 24 weights sum to 1, so that a flat area answers 0.
    The constraint is enforced in `forward` on free parameters, by projection onto the hyperplane of
    sum 1; the paper divides by the sum instead, which blows up where a sum comes near 0.

    The answer is measured in steps of `UNIT` gray levels and clipped at `LIMIT` of them, as residuals
    of steganalysis are (Fridrich and Kodovský 2012): traces are weak and edges would drown them.
    """

    UNIT = 4.0
    LIMIT = 4.0

    center: Tensor

    def __init__(self, filters: int, channels: int = 3) -> None:
        """Makes `filters` filters, shared out evenly over the color `channels`.

        Raises:
            ConfigurationError: `filters` is not a positive multiple of `channels`.
        """
        super().__init__()
        if filters <= 0 or filters % channels:
            raise ConfigurationError(
                f"expected residual_filters as a positive multiple of {channels}, got {filters}"
            )
        self.channels = channels
        self.free = nn.Parameter(torch.rand(filters, 1, KERNEL, KERNEL) / (KERNEL * KERNEL - 1))
        center = torch.zeros(1, 1, KERNEL, KERNEL)
        center[..., KERNEL // 2, KERNEL // 2] = 1
        self.register_buffer("center", center, persistent=False)

    def weight(self) -> Tensor:
        """Returns the constrained filters, (filters, 1, 5, 5)."""
        around = self.free * (1 - self.center)
        excess = around.sum(dim=(2, 3), keepdim=True) - 1
        projected = (around - excess / (KERNEL * KERNEL - 1)) * (1 - self.center)
        return projected - self.center

    def forward(self, image: Tensor, valid: Tensor) -> Tensor:
        """Returns the residual of `image`, 0 wherever a filter's window leaves the photo.

        Args:
            image: float (B, C, H, W) in [0, 255].
            valid: float (B, 1, H, W), 1 inside the photo and 0 in its padding.

        Returns:
            float (B, filters, H, W) in [-LIMIT, LIMIT].
        """
        residual = F.conv2d(image, self.weight(), padding=KERNEL // 2, groups=self.channels)
        # Counted by a convolution with ones: runtimes are slow at average pooling with stride 1.
        count = F.conv2d(valid, torch.ones_like(self.center), padding=KERNEL // 2)
        whole = (count > KERNEL * KERNEL - 0.5).to(residual.dtype)
        return torch.clamp(residual / self.UNIT, -self.LIMIT, self.LIMIT) * whole
