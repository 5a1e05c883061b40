from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf
from tests.inpainting.rewriters.published import publish_taef2

from falseflaw.paths import config_dir

CONFIGS = sorted(path.stem for path in (config_dir() / "autoencoders").glob("*.yaml"))


def others_of(name: str, *overrides: str) -> DictConfig:
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("synthesize", [f"autoencoders={name}", *overrides, "output=unused"])
    return config.autoencoders.get("others") or OmegaConf.create({})


@pytest.mark.parametrize("name", CONFIGS)
def test_a_writer_from_elsewhere_is_given_every_argument_by_its_name(name: str):
    for part in others_of(name).values():
        wanted = set(inspect.signature(get_class(part["_target_"])).parameters)
        assert wanted - {"folder"} == set(part) - {"_target_"}


def test_each_config_adds_to_the_one_before():
    bundled, downloaded, everything = map(others_of, ("bundled", "downloaded", "everything"))
    assert set(bundled) < set(downloaded) < set(everything)
    assert set(others_of("everything", "~autoencoders.others.realesrgan_x4")) == {*everything} - {
        "realesrgan_x4"
    }


def test_what_needs_no_extra_is_made_and_rewrites(
    tmp_path: Path, saved_pipeline: Path, monkeypatch: pytest.MonkeyPatch
):
    config = others_of("downloaded")
    config.taef2.path = str(publish_taef2(tmp_path, monkeypatch))
    config.latent_denoised.path = str(saved_pipeline)
    config.latent_denoised.vae_folder = str(saved_pipeline / "vae")
    for part in config.values():
        part.device = "cpu"
        assert not instantiate(part).reserved
