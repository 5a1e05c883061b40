"""Every writer writes on another device what it writes on the CPU: noise is drawn there and moved."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf
from tests.elsewhere import ELSEWHERE, elsewhere
from tests.helpers import textured_photo
from tests.inpainting.hub import save_tiny
from tests.inpainting.members import TINY
from tests.inpainting.rewriters.published import publish_taef2

from falseflaw.imaging.crop import Box
from falseflaw.inpainting.autoencoders.autoencoder import Autoencoder
from falseflaw.inpainting.autoencoders.networks import build_member
from falseflaw.inpainting.finished import FinishedInpainter
from falseflaw.inpainting.inpainter import Inpainter
from falseflaw.inpainting.latent.inpainter import LatentInpainter
from falseflaw.inpainting.pixel.inpainter import PixelInpainter
from falseflaw.inpainting.rewriters.denoised import DenoisedLatents
from falseflaw.inpainting.rewriters.taef2 import Taef2
from falseflaw.inpainting.tensors import device_of
from falseflaw.paths import config_dir

PHOTO = textured_photo(np.random.default_rng(5), 40, 56)
THERE = str(ELSEWHERE)


def saved_member(folder: Path, architecture: str) -> str:
    build_member(architecture, TINY[architecture]).save_pretrained(folder)
    recipe = {"architecture": architecture, "reserved": False}
    (folder / "training.json").write_text(json.dumps({"recipe": recipe}))
    return str(folder)


def written(inpainter: Inpainter) -> list[np.ndarray]:
    crops = np.stack([textured_photo(np.random.default_rng(seed), 32, 32) for seed in range(2)])
    masks = np.zeros((2, 32, 32), bool)
    masks[:, 8:20, 8:20] = True
    samples = inpainter.sample(crops, masks, ["a coffee stain on a shirt", "clean fabric"], [1, 2])
    mask = np.zeros(PHOTO.shape[:2], bool)
    mask[8:20, 16:28] = True
    whole = inpainter.regenerate(PHOTO, samples.latents[0], Box(0, 8, 32, 32), mask)
    return [*samples.images, whole, inpainter.round_trip(PHOTO)]


def assert_alike(there: list[np.ndarray], here: list[np.ndarray]) -> None:
    for one, other in zip(there, here, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1  # other kernels round in another way


def test_the_latent_inpainter(saved_pipeline):
    def make(device: str) -> LatentInpainter:
        return LatentInpainter(
            "x", str(saved_pipeline), steps=2, device=device, condition="photo", call={"eta": 1.0}
        )

    with elsewhere():
        inpainter = make(THERE)
        assert device_of(inpainter.pipeline.unet) == ELSEWHERE
        there = written(inpainter)
    assert_alike(there, written(make("cpu")))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sd15", "sdxl", "flux_fill"])
def test_the_families_of_a_hub(name, tmp_path):
    config = OmegaConf.load(config_dir() / "inpainter" / f"{name}.yaml")
    folder = str(save_tiny(config.pipeline_class, tmp_path, None))
    with elsewhere():
        there = written(LatentInpainter(name, folder, config.pipeline_class, 2, device=THERE))
    assert_alike(there, written(LatentInpainter(name, folder, config.pipeline_class, 2)))


def test_the_pixel_generator_and_a_finished_one(saved_pixels, tmp_path):
    member = saved_member(tmp_path, "shuffle")

    def make(device: str) -> FinishedInpainter:
        inner = PixelInpainter("x", str(saved_pixels), steps=2, eta=1.0, device=device)
        return FinishedInpainter("both", inner, member, device)

    with elsewhere():
        there = written(make(THERE))
    assert_alike(there, written(make("cpu")))


@pytest.mark.parametrize("architecture", TINY)
def test_autoencoders_and_their_perturbed_copies(architecture, tmp_path):
    folder = saved_member(tmp_path, architecture)

    def rewritten(device: str) -> list[np.ndarray]:
        member = Autoencoder("x", folder, device)
        return [member.round_trip(PHOTO), member.perturbed_round_trip(PHOTO, 0.2, 3)]

    with elsewhere():
        there = rewritten(THERE)
    assert_alike(there, rewritten("cpu"))


def test_rewriters_from_elsewhere(saved_pipeline, tmp_path, monkeypatch):
    taef2 = str(publish_taef2(tmp_path, monkeypatch))

    def rewritten(device: str) -> list[np.ndarray]:
        denoised = DenoisedLatents(str(saved_pipeline), steps=2, eta=0.5, device=device)
        return [writer.round_trip(PHOTO, 7) for writer in (denoised, Taef2(taef2, device=device))]

    with elsewhere():
        there = rewritten(THERE)
    assert_alike(there, rewritten("cpu"))
