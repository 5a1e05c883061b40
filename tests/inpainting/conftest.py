from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.inpainting.tiny import TINY, TINY_PIXELS

from falseflaw.inpainting.latent.networks import build_pipeline
from falseflaw.inpainting.pixel.networks import build_pixel_pipeline


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def saved_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny pipeline of random weights, saved as a hub model would be."""
    torch.manual_seed(0)
    pipeline = build_pipeline(TINY, ["a coffee stain on a shirt", "clean fabric"])
    folder = tmp_path_factory.mktemp("pipeline")
    pipeline.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def saved_pixels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny pixel generator of random weights; the square that it paints is as large as the real one's."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("pixels")
    build_pixel_pipeline(replace(TINY_PIXELS, side=64)).save_pretrained(folder)
    return folder
