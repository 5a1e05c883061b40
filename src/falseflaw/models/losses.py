"""What the detector is trained to lessen: image, mask and overlap errors, wrong order, unsteadiness."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from falseflaw.errors import ConfigurationError


class DetectorLoss(nn.Module):
    """Weighted sum of image and mask cross-entropy, soft Dice, ranking within pairs, and consistency."""

    def __init__(
        self,
        image_weight: float = 1.0,
        mask_weight: float = 1.0,
        dice_weight: float = 0.5,
        label_smoothing: float = 0.0,
        pixel_weight_cap: float = 10.0,
        ranking_weight: float = 0.0,
        ranking_temperature: float = 2.0,
        consistency_weight: float = 0.0,
    ) -> None:
        """Sets the weights.

        Args:
            image_weight: Of the image cross-entropy.
            mask_weight: Of the mask cross-entropy.
            dice_weight: Of 1 - Dice, averaged over the crops that show altered pixels.
            label_smoothing: In [0, 1): 0 and 1 become half of it and 1 minus half of it.
            pixel_weight_cap: Altered pixels weigh as many times more as they are rarer, at most this.
            ranking_weight: Of the ranking within pairs.
            ranking_temperature: Logits by which a negative must exceed another one's to weigh e times more in
                the ranking.
            consistency_weight: Of the divergence of laundered crops from the same crops without laundering.

        Raises:
            ConfigurationError: A value is out of its range.
        """
        super().__init__()
        weights = (image_weight, mask_weight, dice_weight, ranking_weight, consistency_weight)
        if min(weights) < 0 or image_weight + mask_weight + dice_weight == 0:
            raise ConfigurationError(
                "expected loss weights of at least 0, one of image, mask and dice above, "
                f"got {', '.join(map(str, weights))}"
            )
        if not ranking_temperature > 0:
            raise ConfigurationError(f"expected ranking_temperature above 0, got {ranking_temperature}")
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
        self.ranking_weight = ranking_weight
        self.ranking_temperature = ranking_temperature
        self.consistency_weight = consistency_weight

    def forward(
        self,
        logit: Tensor,
        mask_logit: Tensor,
        label: Tensor,
        mask: Tensor,
        valid: Tensor,
        pair: Tensor | None = None,
        clean: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Returns the parts of the loss and their weighted sum `loss`, scalars.

        The parts are `image`, `mask` and `dice`; with `pair` `ranking`, with `clean` `consistency`, each
        where it has a weight.

        Args:
            logit: (B,).
            mask_logit: (B, 1, H, W).
            label: (B,), 0 or 1.
            mask: (B, 1, H, W), 1 where altered.
            valid: (B, 1, H, W), 1 where a pixel counts; those outside the photo do not.
            pair: (B,), a number for each pair, -1 for crops without a partner; None for none at all.
            clean: (B,), where in the batch the same crop without laundering is, -1 for nowhere; None for no
                such crop at all.
        """
        mask, valid, label = mask.to(mask_logit.dtype), valid.to(mask_logit.dtype), label.to(logit.dtype)
        image = self.image_loss(logit, label)
        pixels = self.mask_loss(mask_logit, mask, valid)
        dice = dice_loss(mask_logit, mask, valid)
        total = self.image_weight * image + self.mask_weight * pixels + self.dice_weight * dice
        parts = {"image": image, "mask": pixels, "dice": dice}
        if pair is not None and self.ranking_weight:
            parts["ranking"] = ranking_loss(logit, label, pair, self.ranking_temperature)
            total = total + self.ranking_weight * parts["ranking"]
        if clean is not None and self.consistency_weight:
            parts["consistency"] = consistency_loss(logit, mask_logit, valid, clean)
            total = total + self.consistency_weight * parts["consistency"]
        return {**parts, "loss": total}

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


def ranking_loss(logit: Tensor, label: Tensor, pair: Tensor, temperature: float) -> Tensor:
    """Penalty of negatives that come near their positives or above them; 0 without any pair of both labels.

    The mean of log(1 + exp(negative - positive)) over pairs (RankNet, Burges et al. 2005), in which the pairs
    with the highest negatives, damage that looks altered, weigh more: by softmax of negative / temperature.

    Args:
        logit: (B,).
        label: (B,), 0 or 1.
        pair: (B,), a number for each pair; crops of a pair may lie anywhere. -1 for crops without a partner.
        temperature: Above 0.
    """
    together = (pair[:, None] == pair[None, :]) & (pair[:, None] >= 0)  # (B, B)
    opposed = together & (label[:, None] < 0.5) & (label[None, :] > 0.5)
    negative, positive = opposed.nonzero(as_tuple=True)  # (P,), (P,)
    lower, higher = logit[negative].float(), logit[positive].float()
    weight = torch.softmax(lower.detach() / temperature, dim=0)
    return (weight * F.softplus(lower - higher)).sum()


def consistency_loss(logit: Tensor, mask_logit: Tensor, valid: Tensor, clean: Tensor) -> Tensor:
    """Divergence of laundered crops from the same crops without laundering; 0 without any.

    The Kullback-Leibler divergence of Bernoulli probabilities, of the image plus the mean over the mask's
    valid pixels. Gradients flow to the laundered side alone: the clean side is the teacher.

    Args:
        logit: (B,).
        mask_logit: (B, 1, H, W).
        valid: (B, 1, H, W), 1 where a pixel counts.
        clean: (B,), where in the batch the clean crop is, -1 for nowhere.
    """
    laundered = (clean >= 0).nonzero()[:, 0]  # (L,)
    teacher = clean[laundered]
    image = _divergence(logit[laundered], logit[teacher]).sum() / max(len(laundered), 1)
    counted = (valid[laundered] * valid[teacher]).float()
    each = _divergence(mask_logit[laundered], mask_logit[teacher])
    return image + (each * counted).sum() / counted.sum().clamp_min(1)


def _divergence(logit: Tensor, teacher: Tensor) -> Tensor:
    """KL(teacher || logit) of the Bernoulli distributions of logits, element by element."""
    logit, teacher = logit.float(), teacher.detach().float()
    target = torch.sigmoid(teacher)
    return F.binary_cross_entropy_with_logits(
        logit, target, reduction="none"
    ) - F.binary_cross_entropy_with_logits(teacher, target, reduction="none")
