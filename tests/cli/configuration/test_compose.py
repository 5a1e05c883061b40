from __future__ import annotations

import pytest
from omegaconf import OmegaConf

from falseflaw.cli.configuration.compose import _set_device, compose_synthesis


def devices_in(part: object) -> list[str]:
    """Returns every device that is named below a part of a configuration."""
    if not isinstance(part, dict):
        return []
    below = [device for value in part.values() for device in devices_in(value)]
    return [*below, *([part["device"]] if "device" in part else [])]


@pytest.mark.parametrize("inpainter", ["latent", "all_bundled", "pixel_finished", "sdxl"])
def test_one_word_moves_all_networks(inpainter):
    words = [f"inpainter={inpainter}", "autoencoders=everything", "device=meta"]
    config = compose_synthesis(words)
    _set_device(config)
    resolved = OmegaConf.to_container(config, resolve=True)
    found = [devices_in(resolved[part]) for part in ("inpainter", "autoencoders")]
    assert set(found[0]) == {"meta"}
    assert found[1] == ["meta"] * 3  # taef2, denoised latents and the family; super-resolution has none


def test_without_it_each_stays_where_it_says():
    config = compose_synthesis(["inpainter=sdxl"])
    _set_device(config)
    assert (config.inpainter.device, config.autoencoders.device) == ("cuda", "cpu")
