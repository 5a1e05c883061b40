"""Nothing stays on the CPU: on a device of another name, one tensor that did would raise."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import lightning.pytorch as pl
import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.elsewhere import elsewhere, trainer_elsewhere
from tests.inpainting.members import TINY as MEMBERS
from tests.inpainting.tiny import TINY, TINY_PIXELS
from tests.training.generators.autoencoder.test_finishing import FINISH
from tests.training.generators.members import recipe_of
from tests.training.generators.pixels import PIXEL_RECIPE, with_steps
from tests.training.generators.runs import RECIPE, TRAINER, train

from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.autoencoders.autoencoder import Autoencoder
from falseflaw.inpainting.autoencoders.networks import build_member
from falseflaw.inpainting.autoencoders.perturbation import perturbed
from falseflaw.inpainting.latent.networks import build_pipeline
from falseflaw.inpainting.pixel.networks import build_pixel_pipeline
from falseflaw.inpainting.tensors import device_of, encode_pixels, to_tensor
from falseflaw.training.generators.autoencoder import traces
from falseflaw.training.generators.autoencoder.task import AutoencoderTask
from falseflaw.training.generators.latent import task as latent
from falseflaw.training.generators.latent.autoencoder import SettlingTask, to_whiteness
from falseflaw.training.generators.pixel import task as pixel
from falseflaw.training.generators.windows import Windows

ELSEWHERE = torch.device("meta")


def windows(count: int = 4) -> Windows:
    images = np.random.default_rng(0).integers(0, 256, (count, 48, 48, 3), dtype=np.uint8)
    flaws = np.zeros((count, 48, 48), bool)
    flaws[:, 20:30, 18:28] = True
    return Windows(images, images, flaws, ["hole"] * count, ["shirt"] * count)


def trainable() -> SimpleNamespace:
    return SimpleNamespace(learning=windows(), validation=windows(), seed=1)


@pytest.mark.parametrize("architecture", MEMBERS)
def test_autoencoders_learn_where_they_are(architecture):
    recipe = recipe_of(architecture)
    task = AutoencoderTask(
        build_member(architecture, MEMBERS[architecture]), recipe.learning, "x", recipe._penalty
    )
    task.to(ELSEWHERE)
    assert task.loss((windows().clean, 1)).device == ELSEWHERE
    assert task.validation_loss(windows()).device == ELSEWHERE


def test_the_latent_inpainter_learns_where_it_is():
    pipeline = build_pipeline(TINY, ["a hole on a shirt"])
    whole = AutoencoderTask(pipeline.vae, RECIPE.autoencoder, "x", lambda _, latents: to_whiteness(latents))
    assert whole.to(ELSEWHERE).loss((windows().clean, 1)).device == ELSEWHERE
    settling = SettlingTask(pipeline.vae, RECIPE.autoencoder, "x").to(ELSEWHERE)
    assert settling.loss((windows().clean, 1)).device == ELSEWHERE
    task = latent.DenoiserTask(pipeline, RECIPE.denoiser, "x").to(ELSEWHERE)
    batches = latent.batches_of(trainable(), RECIPE.denoiser)
    assert task.loss(batches.draw(0)).device == ELSEWHERE
    assert task.validation_loss(batches.draw_validation(0)).device == ELSEWHERE


def test_the_pixel_generator_learns_where_it_is():
    task = pixel.PixelDenoiserTask(build_pixel_pipeline(TINY_PIXELS), PIXEL_RECIPE.denoiser, "x").to(
        ELSEWHERE
    )
    assert task.loss(pixel.batches_of(trainable(), PIXEL_RECIPE.denoiser, 16).draw(0)).device == ELSEWHERE


@pytest.mark.parametrize("architecture", MEMBERS)
def test_autoencoders_rewrite_photos_where_they_are(architecture):
    model = build_member(architecture, MEMBERS[architecture]).to(ELSEWHERE)
    assert device_of(model) == ELSEWHERE
    with perturbed(model.decoder, 0.2, seed=1):
        assert encode_pixels(model, to_tensor(windows().clean, ELSEWHERE)).device == ELSEWHERE


LEARNING = recipe_of("kl", 2)
WHOLE = {
    "latent": replace(
        RECIPE,
        autoencoder=replace(RECIPE.autoencoder, max_steps=2, settle_steps=2),
        denoiser=replace(RECIPE.denoiser, max_steps=2),
    ),
    "pixel": with_steps(2),
    "autoencoder": replace(LEARNING, finish=replace(FINISH, max_steps=2, latent_noise=0.1)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_training_runs_elsewhere(name, tmp_path, monkeypatch):
    monkeypatch.setattr(traces, "_STEPS", 2)

    def make_trainer(**given: Any) -> pl.Trainer:
        return trainer_elsewhere(**{**TRAINER, **given})

    with elsewhere():
        saved = train(tmp_path, WHOLE[name], make_trainer=make_trainer)
    for path in saved.rglob("*.safetensors"):
        assert all(torch.isfinite(weight).all() for weight in load_file(path).values())
    assert (saved / "MODEL_CARD.md").is_file()
    assert any(tmp_path.glob("*.png"))


@pytest.mark.parametrize("device", ["cuda", "abacus"])
def test_a_device_that_is_not_there_is_named(device):
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ConfigurationError, match=r"autoencoders\.device"):
        Autoencoder("tiny8", "checkpoints/autoencoders/tiny8", device)
