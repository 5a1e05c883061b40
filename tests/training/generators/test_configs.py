from __future__ import annotations

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf

from falseflaw.damage.prompts import all_prompts
from falseflaw.inpainting.latent.networks import (
    build_autoencoder,
    build_text_encoder,
    build_tokenizer,
    build_unet,
)
from falseflaw.paths import config_dir
from falseflaw.training.generators.latent.recipe import LatentRecipe


@pytest.mark.parametrize("path", sorted((config_dir() / "recipe").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_recipe_can_be_built_and_spells_out_every_argument(path: Path):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("train_inpainter", [f"recipe={path.stem}"]).recipe
    recipe = instantiate(config)
    for part in set(config) & {"sizes", "autoencoder", "denoiser"}:
        names = set(config[part]) - {"_target_"}
        assert names == set(vars(getattr(recipe, part)))


@pytest.mark.parametrize("name", ["latent", "tiny"])
def test_every_prompt_fits_the_text_length(name: str):
    recipe = instantiate(OmegaConf.load(config_dir() / f"recipe/{name}.yaml"))
    assert isinstance(recipe, LatentRecipe)
    tokenizer = build_tokenizer(all_prompts(), recipe.sizes.text_length)
    longest = max(len(ids) for ids in tokenizer(all_prompts()).input_ids)
    assert longest <= recipe.sizes.text_length


def test_the_latent_recipe_fits_its_size_limit():
    recipe = instantiate(OmegaConf.load(config_dir() / "recipe/latent.yaml"))
    tokenizer = build_tokenizer(all_prompts(), recipe.sizes.text_length)
    modules = (
        build_autoencoder(recipe.sizes),
        build_unet(recipe.sizes),
        build_text_encoder(recipe.sizes, tokenizer),
    )
    assert sum(weight.numel() for module in modules for weight in module.parameters()) * 2 < 40e6
    assert recipe.sizes.factor == 4
    assert recipe.sizes.grid == 16
