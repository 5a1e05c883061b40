"""The detector of `tests.runtime.red` in torch, and its real export."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from tests.runtime.red import GAIN, gray_photo, info, spotted_photo
from torch import Tensor, nn

from falseflaw.models.detector import Detector
from falseflaw.release.bundle import Release, release_bundle
from falseflaw.release.signing import Signer
from falseflaw.runtime.bundle import BundleInfo
from falseflaw.statistics.familiarity import Familiarity
from falseflaw.types import Image


class RedDetector(nn.Module):
    """Calls red pixels altered, and a photo as altered as its reddest valid pixel."""

    stride_multiple = 32

    def __init__(self, gain: float = GAIN) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.tensor(gain))

    def forward(self, image: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        pixels = image.float() / 255
        redness = pixels[:, :1] - pixels[:, 1:].mean(dim=1, keepdim=True)  # (B, 1, H, W)
        mask_logit = self.gain * (redness - 0.5)
        logit = (mask_logit - 1e4 * (1 - valid.to(mask_logit.dtype))).flatten(1).amax(dim=1)
        return logit, mask_logit


class ColorfulDetector(RedDetector):
    """Also tells features: mean and spread of every channel over the valid pixels."""

    def with_features(self, image: Tensor, valid: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logit, mask_logit = self(image, valid)
        inside = valid.to(mask_logit.dtype)
        pixels = image.float() / 255 * inside
        count = inside.sum(dim=(2, 3))
        mean = pixels.sum(dim=(2, 3)) / count  # (B, 3)
        spread = pixels.square().sum(dim=(2, 3)) / count - mean.square()
        return logit, mask_logit, torch.cat([mean, spread], dim=1)


DETECTOR = {
    "backbone": "test_efficientnet",
    "residual_filters": 3,
    "decoder_channels": 8,
    "head_channels": 8,
    "mask_stride": 8,
}

PHOTOS = (spotted_photo(70, 90, 20, 30), gray_photo(96, 64), gray_photo(65, 131))


def make_bundle(
    folder: Path,
    photos: Sequence[Image] = PHOTOS,
    detector: nn.Module | None = None,
    card: Callable[[BundleInfo], str] = lambda final: f"# {final.name}\n",
    show: Callable[[str], None] = lambda text: None,
    familiarity: Familiarity | None = None,
    signer: Signer | None = None,
    **changes: object,
) -> Release:
    return release_bundle(
        (detector or RedDetector()).eval(),
        info(**changes),
        photos,
        folder,
        card,
        latency_size=(64, 64),
        latency_photos=2,
        show=show,
        familiarity=familiarity,
        signer=signer,
    )


def make_detector_bundle(folder: Path, seed: int = 0, **changes: object) -> Release:
    """Exports the real network, as small as it gets, with random weights."""
    torch.manual_seed(seed)
    detector = Detector(**DETECTOR).eval()  # type: ignore[arg-type]
    return release_bundle(
        detector,
        info(**{"detector": DETECTOR, "name": "small"} | changes),
        PHOTOS,
        folder,
        lambda final: f"# {final.name}\n",
        latency_size=(64, 64),
        latency_photos=2,
    )
