from __future__ import annotations

import itertools
import json
import shutil
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
from tests.inpainting.runs import train

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.inpainting.autoencoders.autoencoder import Autoencoder
from falseflaw.inpainting.autoencoders.family import AutoencoderFamily
from falseflaw.inpainting.autoencoders.networks import build_member, factor_of
from falseflaw.inpainting.autoencoders.perturbation import perturbed
from falseflaw.inpainting.tensors import decode_pixels, encode_pixels, reconstruct, to_tensor
from falseflaw.paths import config_dir
from falseflaw.training.generators.autoencoder.recipe import FamilyLearning, FamilyRecipe
from falseflaw.training.generators.autoencoder.task import distance

NAMES = sorted(
    path.stem.removeprefix("autoencoder_") for path in (config_dir() / "recipe").glob("autoencoder_*.yaml")
)
TINY = {
    "tiny": {
        "encoder_block_out_channels": [8, 8, 8],
        "decoder_block_out_channels": [8, 8, 8],
        "num_encoder_blocks": [0, 0, 1],
        "num_decoder_blocks": [1, 0, 0],
    },
    "kl": {
        "block_out_channels": [8, 8],
        "down_block_types": ["DownEncoderBlock2D"] * 2,
        "up_block_types": ["UpDecoderBlock2D"] * 2,
        "norm_num_groups": 4,
    },
    "shuffle": {"factor": 8, "channels": 16, "blocks": 1, "latent_channels": 12},
    "transposed": {"channels": [8, 16]},
}


STEPS = 6


def recipe_of(architecture: str, steps: int = STEPS) -> FamilyRecipe:
    return FamilyRecipe(
        name=f"small-{architecture}",
        architecture=architecture,
        options=TINY[architecture],
        reserved=architecture == "shuffle",
        learning=FamilyLearning(steps=steps, minutes=None, batch=4, crop=16, learning_rate=3e-3, warmup=2),
        windows=12,
        validation_windows=9,
        window=48,
        held_out=0.2,
        checkpoint_seconds=1e9,
    )


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: train(tmp_path_factory.mktemp(name), recipe_of(name)) for name in TINY}


def composed(override: str) -> DictConfig:
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("train_inpainter", [override])


def recipes() -> dict[str, FamilyRecipe]:
    return {name: instantiate(composed(f"recipe=autoencoder_{name}").recipe) for name in NAMES}


def test_the_family_has_four_unlike_members_of_two_factors_and_reserves_one():
    members = recipes()
    assert len(members) >= 4
    assert all(recipe.name == name for name, recipe in members.items())
    assert len({recipe.architecture for recipe in members.values()}) >= 4
    models = {name: build_member(recipe.architecture, recipe.options) for name, recipe in members.items()}
    assert {factor_of(model) for model in models.values()} == {4, 8}
    assert sum(recipe.reserved for recipe in members.values()) == 1
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
    from falseflaw.training.generators.samples import Curve

    original, calls = Curve.add, []

    def stop(self, name, values):
        original(self, name, values)
        calls.append(name)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Curve, "add", stop)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, replace(recipe_of(architecture), checkpoint_seconds=0.0))
    assert 0 < torch.load(tmp_path / "autoencoder.pt", weights_only=True)["step"] < STEPS
    monkeypatch.undo()
    torch.manual_seed(99)
    again = train(tmp_path, recipe_of(architecture))
    name = "diffusion_pytorch_model.safetensors"
    one, other = load_file(again / name), load_file(saved[architecture] / name)
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert all(value.dtype == torch.float16 for value in one.values())


@pytest.mark.parametrize("architecture", TINY)
def test_a_round_trip_keeps_the_size_of_any_photo(saved, architecture):
    member = Autoencoder("x", str(saved[architecture]))
    assert member.reserved == (architecture == "shuffle")
    photo = textured_photo(np.random.default_rng(0), 37, 51)
    output = member.round_trip(photo)
    assert output.shape == photo.shape
    assert output.dtype == np.uint8
    assert np.array_equal(output, member.round_trip(photo))
    assert not np.array_equal(output, photo)
    whole = photo[:32, :48]  # on the grid of all of them: nothing is padded
    assert np.array_equal(member.round_trip(whole), reconstruct(member._model, whole[None])[0])


def test_members_write_unlike_pixels(saved):
    photo = textured_photo(np.random.default_rng(0), 48, 48)
    outputs = [Autoencoder("x", str(path)).round_trip(photo).astype(int) for path in saved.values()]
    for one, other in itertools.combinations(outputs, 2):
        assert np.abs(one - other).mean() > 1


def test_the_mean_is_decoded_where_the_encoder_gives_a_distribution():
    model = build_member("kl", TINY["kl"]).eval()
    pixels = torch.rand(1, 3, 16, 16) * 2 - 1
    with torch.no_grad():
        one, other = (decode_pixels(model, encode_pixels(model, pixels)) for _ in range(2))
    assert torch.equal(one, other)


def test_broken_folders_are_named(saved, tmp_path):
    with pytest.raises(MissingDataError, match="train-inpainter"):
        Autoencoder("x", str(tmp_path / "nothing"))
    (tmp_path / "bare").mkdir()
    with pytest.raises(InvalidDataError, match=r"training\.json"):
        Autoencoder("x", str(tmp_path / "bare"))
    shutil.copytree(saved["tiny"], tmp_path / "torn")
    weights = tmp_path / "torn/diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(InvalidDataError, match="cannot load") as caught:
        Autoencoder("x", str(tmp_path / "torn"))
    assert "\n" not in str(caught.value)
    with pytest.raises(InvalidDataError, match="uint8"):
        Autoencoder("x", str(saved["tiny"])).round_trip(np.zeros((8, 8), np.uint8))


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


def family_of(saved, tmp_path, **options) -> AutoencoderFamily:
    for name in ("kl", "shuffle"):
        shutil.copytree(saved[name], tmp_path / name)
    return AutoencoderFamily(str(tmp_path), ["kl", "shuffle"], **options)


def test_a_perturbed_member_writes_otherwise_for_every_seed_and_alike_for_one(saved, tmp_path):
    family = family_of(saved, tmp_path, perturbation=(0.2, 0.3))
    assert family.names == ("kl", "shuffle", "kl_perturbed")  # what is reserved stays as it was trained
    assert family.reserved == {"shuffle"}
    photo = textured_photo(np.random.default_rng(0), 48, 48)
    plain = family.round_trip("kl", photo, 1)
    one, again, other = (family.round_trip("kl_perturbed", photo, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, plain)
    assert np.array_equal(plain, family.round_trip("kl", photo, 3))  # the true weights are back


@pytest.mark.parametrize("architecture", TINY)
def test_a_perturbed_decoder_keeps_the_tint(saved, architecture):
    member = Autoencoder("x", str(saved[architecture]))
    photo = np.full((96, 96, 3), (90, 120, 150), np.uint8)
    plain = member.round_trip(photo).astype(int)
    changed = member.perturbed_round_trip(photo, 0.3, seed=5).astype(int)
    assert np.abs(changed - plain)[16:-16, 16:-16].mean(axis=(0, 1)).max() < 8
    assert np.abs((changed - plain)[16:-16, 16:-16].mean(axis=(0, 1))).max() < 1


def test_a_decoder_is_put_back_when_its_use_fails():
    model = build_member("transposed", TINY["transposed"])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    changed = []

    def use() -> None:
        with perturbed(model.decoder, 0.2, seed=1):
            changed.extend(n for n, value in model.state_dict().items() if not torch.equal(value, before[n]))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        use()
    assert changed
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("wrong", [(0.0, 0.1), (0.3, 0.2), (0.1, 2.0), (0.1,)])
def test_strengths_of_no_range_are_refused(saved, tmp_path, wrong):
    with pytest.raises(ConfigurationError, match="perturbation"):
        family_of(saved, tmp_path, perturbation=wrong)
