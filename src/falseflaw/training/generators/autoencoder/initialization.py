"""A start for the autoencoder that already sees color, so that training has to add the detail only.

From random weights, training on photos settles early on brightness and one color axis (orange to blue) and
finds green only after thousands of steps.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderTiny
from torch import Tensor, nn

OPPONENT = ((1.0, 1.0, 1.0), (1.8, 0.0, -1.8), (-1.5, 3.0, -1.5))
"""Brightness, red minus blue, green minus magenta of RGB in [0, 1], scaled to deviations alike in photos."""


@torch.no_grad()
def start_from_colors(vae: AutoencoderTiny) -> None:
    """Sets weights so that the first three latents are the mean color of a patch, and are decoded as such.

    Channels 0 to 2 of every layer carry the color; the blocks leave it alone at first. All other weights
    stay random and find out what else is worth a latent.

    Args:
        vae: Untrained autoencoder with at least three latent channels.
    """
    center, average = torch.zeros(3, 3), torch.zeros(3, 3)
    center[1, 1], average[1:, 1:] = 1.0, 0.25
    smooth = torch.outer(torch.tensor([1.0, 2.0, 1.0]), torch.tensor([1.0, 2.0, 1.0])) / 16
    opponent, same = torch.tensor(OPPONENT), torch.eye(3)
    encoder, decoder = _convolutions(vae.encoder.layers), _convolutions(vae.decoder.layers)
    _carry(encoder[0], same, center)
    for layer in encoder[1:-1]:
        _carry(layer, same, average)  # halves the side
    _carry(encoder[-1], opponent, center, bias=-opponent @ torch.full((3,), 0.5))
    _carry(decoder[0], torch.linalg.inv(opponent), center, bias=torch.full((3,), 0.5))
    for layer in decoder[1:-1]:
        _carry(layer, same, smooth)  # after doubling the side
    nn.init.zeros_(decoder[-1].weight)
    _carry(decoder[-1], same, center)
    for layer in [*vae.encoder.layers, *vae.decoder.layers]:
        if hasattr(layer, "fuse"):  # a residual block: add nothing to the color
            _carry(_convolutions(layer.conv)[-1], torch.zeros(3, 3), center)


def _convolutions(layers: nn.Sequential) -> list[nn.Conv2d]:
    return [layer for layer in layers if isinstance(layer, nn.Conv2d)]


def _carry(layer: nn.Conv2d, mixture: Tensor, kernel: Tensor, bias: Tensor | None = None) -> None:
    """Makes the first three outputs a mixture (3, 3) of the first three inputs, filtered by `kernel`."""
    layer.weight[:3].zero_()
    layer.weight[:3, :3] = mixture[:, :, None, None] * kernel
    if layer.bias is not None:
        layer.bias[:3] = 0 if bias is None else bias
