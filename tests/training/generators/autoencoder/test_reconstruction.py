from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.helpers import textured_photo
from tests.inpainting.tiny import TINY

from falseflaw.inpainting.latent.networks import NetworkSizes, build_autoencoder
from falseflaw.inpainting.tensors import to_images, to_tensor
from falseflaw.training.generators.autoencoder.initialization import start_from_colors
from falseflaw.training.generators.autoencoder.reconstruction import color_error, flat_color_error, psnr
from falseflaw.training.generators.latent.autoencoder import whiten
from falseflaw.training.generators.windows import Windows

COLORS = np.array(
    [[0, 160, 120], [200, 30, 120], [120, 160, 60], [240, 230, 80], [40, 40, 200], [128, 128, 128]], np.uint8
)


def photos(count: int, side: int = 32) -> Windows:
    rng = np.random.default_rng(2)
    images = np.stack([textured_photo(rng, side, side) for _ in range(count)])
    return Windows(images, images, np.ones((count, side, side), bool), ["hole"] * count, ["shirt"] * count)


@pytest.mark.parametrize("sizes", [TINY, NetworkSizes(autoencoder_channels=16)])
def test_an_untrained_autoencoder_keeps_every_color(sizes):
    torch.manual_seed(0)
    vae = build_autoencoder(sizes)
    start_from_colors(vae)
    flat = np.broadcast_to(COLORS[:, None, None], (6, 32, 32, 3))
    with torch.no_grad():
        decoded = to_images(vae.decode(vae.encode(to_tensor(flat)).latents).sample)
    assert np.abs(decoded[:, 12:20, 12:20].astype(int) - flat[:, 12:20, 12:20]).max() < 12


def test_whitened_latents_are_uncorrelated_and_still_decode():
    torch.manual_seed(0)
    vae = build_autoencoder(TINY)
    start_from_colors(vae)
    windows = photos(24)
    with torch.no_grad():
        vae.encoder.layers[-1].weight[1] += 0.9 * vae.encoder.layers[-1].weight[0]  # correlate two channels
        before = psnr(vae, windows)
        whiten(vae, windows)
        latents = vae.encode(to_tensor(windows.damaged)).latents * vae.config.scaling_factor
    covariance = torch.cov(latents.permute(1, 0, 2, 3).flatten(1))
    torch.testing.assert_close(covariance, torch.eye(4), rtol=0, atol=2e-2)
    torch.testing.assert_close(latents.mean((0, 2, 3)), torch.zeros(4), rtol=0, atol=2e-2)
    assert psnr(vae, windows) > before - 1


def test_whitening_changes_the_picture_at_the_border_and_in_extremes_only():
    torch.manual_seed(0)
    vae = build_autoencoder(TINY)
    start_from_colors(vae)
    windows = photos(8, 48)
    before = to_images(vae.decode(vae.encode(to_tensor(windows.clean)).latents).sample.detach())
    whiten(vae, windows)
    after = to_images(vae.decode(vae.encode(to_tensor(windows.clean)).latents).sample.detach())
    inner = (slice(None), slice(12, 36), slice(12, 36))
    assert np.abs(before[inner].astype(int) - after[inner]).mean() < 6


class Changed:
    """Stands in for an autoencoder whose photos come back with changed pixels."""

    def __init__(self, change) -> None:
        self.change = change

    def encode(self, pixels):
        return type("Encoded", (), {"latents": pixels})

    def decode(self, latents):
        return type("Decoded", (), {"sample": self.change(latents)})


def gray_windows() -> Windows:
    flat = np.full((4, 16, 16, 3), 100, np.uint8)
    return Windows(flat, flat, np.ones((4, 16, 16), bool), ["hole"] * 4, ["shirt"] * 4)


def test_psnr_is_the_one_of_the_definition():
    darker = Changed(lambda pixels: pixels - 10 / 127.5)
    assert psnr(darker, gray_windows()) == pytest.approx(20 * np.log10(255 / 10))


def test_a_lost_hue_shows_in_the_color_error_of_colors_but_not_of_grays():
    exchanged = Changed(lambda pixels: pixels[:, [2, 1, 0]])  # red for blue: gray photos come back perfectly
    assert psnr(exchanged, gray_windows()) > 70
    assert color_error(exchanged, gray_windows()) < 0.1
    assert flat_color_error(exchanged) > 50


def test_color_errors_are_distances_in_cielab():
    assert flat_color_error(Changed(lambda pixels: pixels)) == 0
    red = Changed(lambda pixels: torch.tensor([1.0, -1.0, -1.0])[:, None, None].expand_as(pixels))
    # CIELAB of sRGB red is (53.24, 80.09, 67.20), of any gray (L, 0, 0)
    assert color_error(red, gray_windows()) == pytest.approx(np.hypot(80.09, 67.20), abs=0.2)


def test_pixels_survive_the_way_to_a_tensor_and_back(rng):
    images = rng.integers(0, 256, (2, 8, 8, 3), dtype=np.uint8)
    assert np.array_equal(to_images(to_tensor(images)), images)


def test_an_untrained_autoencoder_has_the_announced_factor():
    vae = build_autoencoder(TINY)
    assert vae.encode(torch.zeros(1, 3, 32, 40)).latents.shape == (1, 4, 8, 10)
    assert vae.decode(torch.zeros(1, 4, 8, 10)).sample.shape == (1, 3, 32, 40)
