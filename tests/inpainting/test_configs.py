from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate
from omegaconf import OmegaConf
from tests.inpainting.hub import save_tiny

from falseflaw.paths import config_dir

INPAINTERS = sorted((config_dir() / "inpainter").glob("*.yaml"))
SINGLE = [path for path in INPAINTERS if "_target_" in OmegaConf.load(path)]


@pytest.mark.parametrize(
    "path", [path for path in INPAINTERS if path not in SINGLE], ids=lambda path: path.stem
)
def test_a_config_of_several_inpainters_holds_shipped_ones_under_their_names(path: Path):
    with initialize_config_dir(str(config_dir()), version_base="1.3"):
        parts = compose("synthesize", [f"inpainter={path.stem}", "output=unused"]).inpainter.inpainters
    assert len(parts) > 1
    for name, part in parts.items():
        assert part == OmegaConf.load(config_dir() / f"inpainter/{name}.yaml")
        assert part.name == name


@pytest.mark.slow
@pytest.mark.parametrize("path", SINGLE, ids=lambda path: path.stem)
def test_every_inpainter_config_runs_on_a_tiny_pipeline(
    path: Path, tmp_path: Path, saved_pipeline: Path, saved_pixels: Path
):
    config = OmegaConf.load(path)
    if config._target_.endswith("PixelInpainter"):
        config.path = str(saved_pixels)
    elif config.local:
        config.path = str(saved_pipeline)
    else:
        config.path = str(save_tiny(config.pipeline_class, tmp_path, config.load.get("variant")))
        config.local = True
        assert "never with the real ones" in path.read_text()
    config.device, config.dtype = "cpu", "float32"
    inpainter = instantiate(config)
    assert inpainter.name == path.stem
    crops = np.full((1, 32, 32, 3), 120, np.uint8)
    masks = np.zeros((1, 32, 32), bool)
    masks[0, 8:20, 8:20] = True
    samples = inpainter.sample(crops, masks, ["a coffee stain on a shirt"], [1])
    assert samples.images.shape == crops.shape
    assert inpainter.round_trip(crops[0]).shape == (32, 32, 3)
    assert set(config) - {"_target_"} == set(inspect.signature(type(inpainter)).parameters)
