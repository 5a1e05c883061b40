from __future__ import annotations

import cv2
import numpy as np
import pytest
from tests.helpers import textured_photo

from falseflaw.imaging.crop import Box
from falseflaw.inpainting import tiles
from falseflaw.inpainting.latent import inpainter as latent
from falseflaw.inpainting.latent.inpainter import LatentInpainter
from falseflaw.inpainting.tiles import in_tiles


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    monkeypatch.setattr(tiles, "WHOLE", 80 * 80)
    monkeypatch.setattr(tiles, "TILE", 64)
    monkeypatch.setattr(tiles, "HALO", 24)
    monkeypatch.setattr(latent, "WHOLE", 80 * 80)
    monkeypatch.setattr(latent, "HALO", 24)


@pytest.mark.parametrize("size", [(80, 80), (130, 97), (64, 200), (129, 128)])
def test_tiles_give_what_the_whole_photo_gives(size):
    photo = textured_photo(np.random.default_rng(1), *size)
    seen = []

    def write(piece):
        seen.append(piece.shape[:2])
        return np.asarray(cv2.GaussianBlur(piece, (31, 31), 5))

    result = in_tiles(photo, write, 8)
    inside = (slice(16, -16),) * 2  # the picture's own border is reflected elsewhere in a piece
    assert np.array_equal(result[inside], cv2.GaussianBlur(photo, (31, 31), 5)[inside])
    assert (len(seen) == 1) == (size == (80, 80))
    assert max(max(piece) for piece in seen) <= max(80, 64 + 2 * 24 + 8)


def test_a_network_sees_corners_on_its_grid():
    photo = np.zeros((150, 150, 3), np.uint8)
    photo[..., 0], photo[..., 1] = np.indices((150, 150))

    def write(piece):
        assert not (piece[0, 0, :2] % 16).any()
        return piece

    assert np.array_equal(in_tiles(photo, write, 16), photo)


def test_a_large_photo_is_regenerated_around_the_sample_and_goes_through_the_autoencoder(saved_pipeline):
    inpainter = LatentInpainter("tiny", str(saved_pipeline), steps=2)
    photo = textured_photo(np.random.default_rng(2), 200, 168)
    box, mask = Box(64, 48, 32, 32), np.zeros((200, 168), bool)
    mask[72:88, 56:72] = True
    crop = box.cut(photo)[None]
    sample = inpainter.sample(crop, box.cut(mask)[None], ["a coffee stain"], [7])
    result = inpainter.regenerate(photo, sample.latents[0], box, mask)
    plain = inpainter.round_trip(photo)
    assert result.shape == plain.shape == photo.shape
    assert (result != plain)[mask].any()
    far = np.ones(mask.shape, bool)
    far[32:136, 16:128] = False
    assert np.array_equal(result[far], plain[far])
    assert (plain != photo).any(axis=2).mean() > 0.5
