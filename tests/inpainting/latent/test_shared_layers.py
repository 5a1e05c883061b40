from __future__ import annotations

import pytest
import torch
from tests.inpainting.tiny import TINY

from falseflaw.inpainting.latent.networks import build_unet
from falseflaw.inpainting.latent.shared_layers import share_first_layers


@pytest.mark.parametrize("guided", [True, False])
def test_a_unet_gives_the_same_and_does_its_first_level_once_where_halves_are_equal(guided):
    torch.manual_seed(0)
    unet = build_unet(TINY).eval()
    latents = torch.randn(4, 9, 8, 8)
    if guided:
        latents = torch.cat([latents[:2]] * 2)
    states = torch.randn(4, TINY.text_length, TINY.text_width)
    seen: list[int] = []
    unet.down_blocks[0].resnets[0].register_forward_hook(lambda _, inputs, __: seen.append(len(inputs[0])))
    with torch.inference_mode():
        expected = unet(latents, 500, encoder_hidden_states=states).sample
        share_first_layers(unet)
        shared = unet(latents, 500, encoder_hidden_states=states).sample
    torch.testing.assert_close(shared, expected, rtol=1e-5, atol=1e-5)
    assert seen == [4, 2 if guided else 4]
    assert not torch.allclose(shared[0], shared[2])


def test_an_odd_batch_is_left_alone():
    unet = build_unet(TINY).eval()
    share_first_layers(unet)
    assert unet(torch.randn(3, 9, 8, 8), 1, encoder_hidden_states=torch.randn(3, 4, 32)).sample.shape[0] == 3
