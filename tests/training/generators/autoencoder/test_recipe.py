from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig
from safetensors.torch import load_file
from tests.helpers import textured_photo
from tests.inpainting.members import TINY
from tests.training.generators.killing import kill_midway
from tests.training.generators.members import STEPS, recipe_of, train_all
from tests.training.generators.runs import stopping_at, train

from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.autoencoders.networks import build_member, factor_of
from falseflaw.inpainting.tensors import decode_pixels, encode_pixels, to_tensor
from falseflaw.paths import config_dir
from falseflaw.training.callbacks import BestAndLast
from falseflaw.training.generators.autoencoder.recipe import FamilyRecipe
from falseflaw.training.generators.autoencoder.task import distance

NAMES = sorted(path.stem for path in (config_dir() / "recipe/autoencoder").glob("*.yaml"))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return train_all(tmp_path_factory)


def composed(override: str) -> DictConfig:
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("train_inpainter", [override])


def recipes() -> dict[str, FamilyRecipe]:
    return {name: instantiate(composed(f"recipe=autoencoder/{name}").recipe) for name in NAMES}


def test_the_family_has_many_unlike_members_half_of_them_sharp_and_reserves_three():
    members = recipes()
    assert len(members) >= 12
    assert all(recipe.name == name for name, recipe in members.items())
    assert len({recipe.architecture for recipe in members.values()}) >= 4
    models = {name: build_member(recipe.architecture, recipe.options) for name, recipe in members.items()}
    assert {factor_of(model) for model in models.values()} == {4, 8, 16}
    channels = {encode_pixels(model, torch.zeros(1, 3, 64, 64)).shape[1] for model in models.values()}
    assert channels == {3, 4, 8, 16}
    reserved = [recipe for recipe in members.values() if recipe.reserved]
    assert sorted(recipe.finish is not None for recipe in reserved) == [False, False, True]
    assert sum(recipe.finish is not None for recipe in members.values()) >= len(members) / 2
    for model in models.values():  # two bytes a weight, and a limit of 4 MB
        assert sum(weight.numel() for weight in model.parameters()) * 2 < 4e6


@pytest.mark.parametrize("architecture", TINY)
def test_every_architecture_learns(architecture):
    torch.manual_seed(0)
    recipe, model = recipe_of(architecture), build_member(architecture, TINY[architecture])
    photos = np.stack([textured_photo(np.random.default_rng(seed), 32, 32) for seed in range(4)])
    pixels = to_tensor(photos)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(60):
        loss = distance(decode_pixels(model, encode_pixels(model, pixels)), pixels, recipe.learning)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.slow
@pytest.mark.parametrize("architecture", TINY)
def test_it_records_what_it_learnt_from(saved, architecture):
    facts = json.loads((saved[architecture] / "training.json").read_text())
    assert facts["autoencoder"]["step"] == STEPS
    assert np.isfinite(list(facts["autoencoder"].values())).all()
    assert not set(facts["contributors"]) & set(facts["validation_contributors"])
    card = (saved[architecture] / "MODEL_CARD.md").read_text()
    assert ("Reserved" in card) == (architecture == "shuffle")
    assert (saved[architecture].parent / "samples.png").stat().st_size > 0


@pytest.mark.parametrize("architecture", ["kl", "transposed"])
def test_a_stopped_training_ends_as_if_it_had_not_been(saved, tmp_path, monkeypatch, architecture):
    monkeypatch.setattr(BestAndLast, "on_train_batch_end", stopping_at("autoencoder", 3))
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, recipe_of(architecture))
    monkeypatch.undo()
    last = tmp_path / "autoencoder/checkpoints/last.ckpt"
    assert torch.load(last, weights_only=True)["global_step"] == 3
    torch.manual_seed(99)
    again = train(tmp_path, recipe_of(architecture))
    name = "diffusion_pytorch_model.safetensors"
    one, other = load_file(again / name), load_file(saved[architecture] / name)
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert all(value.dtype == torch.float16 for value in one.values())


@pytest.mark.slow
def test_a_training_killed_without_warning_goes_on_where_it_was(tmp_path):
    steps = 30
    kill_midway("tests.training.generators.members", tmp_path / "killed", steps, "autoencoder")
    name = "diffusion_pytorch_model.safetensors"
    one, other = (
        load_file(train(tmp_path / run, recipe_of("kl", steps)) / name) for run in ("killed", "alone")
    )
    assert all(torch.equal(one[key], other[key]) for key in one)


@pytest.mark.parametrize(
    "wrong",
    [
        {"architecture": "vq"},
        {"options": {"channels": [8, 16], "colour": 3}},
        {"options": {"channels": [8, 8, 8, 8, 8]}},  # factor 32 against crops of 16
        {"window": 8},
    ],
)
def test_recipes_that_cannot_work_are_refused(wrong):
    with pytest.raises(ConfigurationError):
        replace(recipe_of("transposed"), **wrong)
