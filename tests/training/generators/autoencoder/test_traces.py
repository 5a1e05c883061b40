from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch
from tests.helpers import textured_photo
from torch import Tensor, nn
from torch.nn import functional

from falseflaw.training.generators.autoencoder.traces import traces


class Blurring(nn.Module):
    """An autoencoder that keeps the latents' pixels, after a mean of `side` pixels."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.side = side

    def encode(self, pixels: Tensor) -> Tensor:
        return pixels

    def decode(self, latents: Tensor) -> Tensor:
        return functional.avg_pool2d(latents, self.side, 1, self.side // 2, count_include_pad=False)


def windows(count: int) -> SimpleNamespace:
    photos = [textured_photo(np.random.default_rng(seed), 64, 64) for seed in range(count)]
    return SimpleNamespace(damaged=np.stack(photos))


def test_what_gives_photos_back_as_they_are_cannot_be_told_from_them():
    given = SimpleNamespace(learning=windows(12), validation=windows(8), seed=0)
    figures = traces(Blurring(1), given)
    assert figures == {"energy_kept": 1.0, "patch_auroc": 0.5}


def test_what_blurs_is_told_from_photos_and_keeps_less_detail():
    state = torch.random.get_rng_state()
    figures = traces(Blurring(3), SimpleNamespace(learning=windows(12), validation=windows(8), seed=0))
    assert figures["energy_kept"] < 0.8
    assert figures["patch_auroc"] > 0.95
    assert torch.equal(torch.random.get_rng_state(), state)  # what is trained does not depend on it
