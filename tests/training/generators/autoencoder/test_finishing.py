from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.helpers import textured_photo
from tests.inpainting.members import TINY
from tests.training.generators.members import recipe_of
from tests.training.generators.runs import stopping_at, train

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.inpainting.autoencoders.networks import build_member
from falseflaw.training.callbacks import BestAndLast
from falseflaw.training.generators.autoencoder.finishing import (
    FinishRecipe,
    FinishTask,
    energy_distance,
    fine_detail,
)

WEIGHTS = "diffusion_pytorch_model.safetensors"
FINISH = FinishRecipe(
    max_steps=4, max_time=None, batch=2, crop=16, learning_rate=1e-3, warmup=1, pretrained="none"
)


@pytest.fixture(scope="module")
def smooth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("smooth"), recipe_of("resampled"))


@pytest.fixture(scope="module")
def sharp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("sharp"), replace(recipe_of("resampled"), finish=FINISH))


def test_energies_are_compared_as_logarithms():
    torch.manual_seed(0)
    detail = fine_detail(torch.rand(2, 3, 48, 48) * 2 - 1)
    assert energy_distance(detail, detail) == 0
    assert float(energy_distance(2 * detail, detail)) == pytest.approx(math.log(4), rel=0.01)
    flat = torch.zeros(2, 3, 48, 48)
    assert torch.allclose(fine_detail(flat + 0.5), fine_detail(flat), atol=1e-5)


def test_a_finish_changes_the_decoder_alone(smooth, sharp):
    before, after = load_file(smooth / WEIGHTS), load_file(sharp / WEIGHTS)
    same = {name for name, weight in before.items() if torch.equal(weight, after[name])}
    assert same == {name for name in before if name.startswith("encoder.")}
    facts = json.loads((sharp / "training.json").read_text())
    assert facts["finish"]["step"] == FINISH.max_steps
    assert 0 <= facts["finish"]["after"]["patch_auroc"] <= 1
    card = (sharp / "MODEL_CARD.md").read_text()
    assert "told from photos" in card
    assert "told from photos" not in (smooth / "MODEL_CARD.md").read_text()


def test_a_stopped_finish_ends_as_if_it_had_not_been(sharp, tmp_path, monkeypatch):
    recipe = replace(recipe_of("resampled"), finish=FINISH)
    monkeypatch.setattr(BestAndLast, "on_train_batch_end", stopping_at("finish", 2))
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, recipe)
    monkeypatch.undo()
    torch.manual_seed(99)
    one, other = load_file(train(tmp_path, recipe) / WEIGHTS), load_file(sharp / WEIGHTS)
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_weights_of_an_earlier_training_can_be_finished(smooth, tmp_path):
    recipe = replace(recipe_of("resampled"), learning=None, finish=FINISH, start=str(smooth))
    before, after = load_file(smooth / WEIGHTS), load_file(train(tmp_path, recipe) / WEIGHTS)
    assert all(
        torch.equal(weight, after[name]) for name, weight in before.items() if name.startswith("encoder.")
    )
    with pytest.raises(InvalidDataError, match="same photos"):
        train(tmp_path / "other seed", recipe, seed=4)
    other = replace(recipe, architecture="transposed", options=TINY["transposed"])
    with pytest.raises(InvalidDataError, match="cannot load TransposedAutoencoder"):
        train(tmp_path / "other kind", other)


def test_a_finish_brings_fine_detail_back():
    torch.manual_seed(0)
    model = build_member("resampled", {"channels": [8, 16], "latent_channels": 16})
    photos = np.stack([textured_photo(np.random.default_rng(seed), 48, 48) for seed in range(4)])
    task = FinishTask(model, replace(FINISH, critic_weight=0.0, energy_weight=1.0), "")
    task.log = lambda *args, **kwargs: None  # type: ignore[method-assign]
    optimizer = torch.optim.Adam([weight for weight in task.parameters() if weight.requires_grad], lr=3e-3)
    losses = [energy(task, photos)]
    for step in range(40):
        optimizer.zero_grad()
        task.loss((photos, step)).backward()
        optimizer.step()
    losses.append(energy(task, photos))
    assert losses[1] < 0.7 * losses[0]


def energy(task: FinishTask, photos: np.ndarray) -> float:
    from falseflaw.inpainting.tensors import decode_pixels, encode_pixels, to_tensor

    with torch.no_grad():
        pixels = to_tensor(photos)
        output = decode_pixels(task.model, encode_pixels(task.model, pixels))
        return float(energy_distance(fine_detail(output), fine_detail(pixels)))


@pytest.mark.parametrize(
    "wrong",
    [
        {"learning": None},
        {"learning": None, "start": "somewhere", "finish": None},
        {"start": "somewhere"},
        {"finish": replace(FINISH, crop=18)},
    ],
)
def test_recipes_that_cannot_begin_or_do_nothing_are_refused(wrong):
    with pytest.raises(ConfigurationError):
        replace(recipe_of("resampled"), finish=wrong.pop("finish", FINISH), **wrong)
