"""What the detector is trained to lessen: image, mask and overlap errors."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from falseflaw.errors import ConfigurationError


class DetectorLoss(nn.Module):
    """Weighted sum of image cross-entropy, mask cross-entropy and soft Dice on positives."""

    def __init__(
        self,
        image_weight: float = 1.0,
        mask_weight: float = 1.0,
        dice_weight: float = 0.5,
        label_smoothing: float = 0.0,
        pixel_weight_cap: float = 10.0,
    ) -> None:
        """Sets the weights.

        Args:
            image_weight: Of the image cross-entropy.
            mask_weight: Of the mask cross-entropy.
            dice_weight: Of 1 - Dice, averaged over the crops that show altered pixels.
            label_smoothing: In [0, 1): 0 and 1 become half of it and 1 minus half of it.
            pixel_weight_cap: Altered pixels weigh as many times more as they are rarer, at most this.

        Raises:
            ConfigurationError: A value is out of its range.
        """
        super().__init__()
        if min(image_weight, mask_weight, dice_weight) < 0 or image_weight + mask_weight + dice_weight == 0:
            raise ConfigurationError(
                "expected loss weights of at least 0, one of them above, "
                f"got {image_weight}, {mask_weight}, {dice_weight}"
            )
        if not 0 <= label_smoothing < 1 or pixel_weight_cap < 1:
            raise ConfigurationError(
                "expected label_smoothing in [0, 1) and pixel_weight_cap of at least 1, "
                f"got {label_smoothing} and {pixel_weight_cap}"
            )
        self.image_weight = image_weight
        self.mask_weight = mask_weight
        self.dice_weight = dice_weight
        self.label_smoothing = label_smoothing
        self.pixel_weight_cap = pixel_weight_cap

    def forward(
        self, logit: Tensor, mask_logit: Tensor, label: Tensor, mask: Tensor, valid: Tensor
    ) -> dict[str, Tensor]:
        """Returns the parts `image`, `mask`, `dice` and their weighted sum `loss`, scalars.

        Args:
            logit: (B,).
            mask_logit: (B, 1, H, W).
            label: (B,), 0 or 1.
            mask: (B, 1, H, W), 1 where altered.
            valid: (B, 1, H, W), 1 inside the photo; other pixels do not count.
        """
        mask, valid, label = mask.to(mask_logit.dtype), valid.to(mask_logit.dtype), label.to(logit.dtype)
        image = self.image_loss(logit, label)
        pixels = self.mask_loss(mask_logit, mask, valid)
        dice = dice_loss(mask_logit, mask, valid)
        total = self.image_weight * image + self.mask_weight * pixels + self.dice_weight * dice
        return {"image": image, "mask": pixels, "dice": dice, "loss": total}

    def image_loss(self, logit: Tensor, label: Tensor) -> Tensor:
        """Binary cross-entropy of the image logits against smoothed labels."""
        target = label * (1 - self.label_smoothing) + self.label_smoothing / 2
        return F.binary_cross_entropy_with_logits(logit, target)

    def mask_loss(self, mask_logit: Tensor, mask: Tensor, valid: Tensor) -> Tensor:
        """Pixel cross-entropy, altered and untouched pixels of the batch balanced up to the cap."""
        altered = (mask * valid).sum()
        untouched = ((1 - mask) * valid).sum()
        weight = (untouched / altered.clamp_min(1)).clamp(1, self.pixel_weight_cap)
        each = F.binary_cross_entropy_with_logits(mask_logit, mask, reduction="none")
        weights = valid * torch.where(mask > 0.5, weight, torch.ones_like(weight))
        return (each * weights).sum() / weights.sum().clamp_min(1)


def dice_loss(mask_logit: Tensor, mask: Tensor, valid: Tensor) -> Tensor:
    """1 - soft Dice (Milletari et al. 2016) averaged over the images with altered pixels; 0 without any."""
    probability = torch.sigmoid(mask_logit) * valid
    mask = mask * valid
    overlap = (probability * mask).sum(dim=(1, 2, 3))  # (B,)
    area = probability.sum(dim=(1, 2, 3)) + mask.sum(dim=(1, 2, 3))
    positive = (mask.sum(dim=(1, 2, 3)) > 0).to(probability.dtype)
    dice = (2 * overlap + 1) / (area + 1)
    return ((1 - dice) * positive).sum() / positive.sum().clamp_min(1)
