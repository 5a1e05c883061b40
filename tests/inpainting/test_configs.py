from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import DictConfig
from tests.inpainting.hub import save_tiny

from falseflaw.paths import config_dir

NAMES = sorted(path.stem for path in (config_dir() / "inpainter").glob("*.yaml"))


def composed(name: str) -> DictConfig:
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        return compose("synthesize", [f"inpainter={name}", "output=unused"]).inpainter


SEVERAL = [name for name in NAMES if "inpainters" in composed(name)]


@pytest.mark.parametrize("name", SEVERAL)
def test_a_config_of_several_inpainters_holds_shipped_ones_under_their_names(name: str):
    parts = composed(name).inpainters
    assert len(parts) > 1
    for each, part in parts.items():
        assert part == composed(each)
        assert part.name == each


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name not in SEVERAL])
def test_every_inpainter_config_runs_on_a_tiny_pipeline(
    name: str, tmp_path: Path, saved_pipeline: Path, saved_pixels: Path
):
    config = composed(name)
    inner = config.get("inpainter", config)
    if "inpainter" in config:
        config.autoencoder_folder = "checkpoints/autoencoders/shuffle8"
    if inner._target_.endswith("PixelInpainter"):
        inner.path = str(saved_pixels)
    elif inner.local:
        inner.path = str(saved_pipeline)
        if inner.vae_folder is not None:
            inner.vae_folder = str(saved_pipeline / "vae")
    else:
        config.path = str(save_tiny(config.pipeline_class, tmp_path, config.load.get("variant")))
        config.local = True
        assert "never with the real ones" in (config_dir() / f"inpainter/{name}.yaml").read_text()
    config.device, inner.dtype = "cpu", "float32"
    inpainter = instantiate(config)
    assert inpainter.name == name
    crops = np.full((1, 32, 32, 3), 120, np.uint8)
    masks = np.zeros((1, 32, 32), bool)
    masks[0, 8:20, 8:20] = True
    samples = inpainter.sample(crops, masks, ["a coffee stain on a shirt"], [1])
    assert samples.images.shape == crops.shape
    assert inpainter.round_trip(crops[0]).shape == (32, 32, 3)
    assert set(config) - {"_target_"} == set(inspect.signature(type(inpainter)).parameters)


def test_no_inpainter_of_the_reference_dataset_has_the_name_of_an_autoencoder():
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        config = compose("synthesize", ["build=reference", "output=unused"])
    inpainters = [part.name for part in config.inpainter.inpainters.values()]
    others = [*config.autoencoders.members, *config.autoencoders.others]
    assert len({*inpainters, *others}) == len(inpainters) + len(others)
