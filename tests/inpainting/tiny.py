"""The smallest networks that have every part of the shipped ones."""

from falseflaw.inpainting.latent.networks import NetworkSizes
from falseflaw.inpainting.pixel.networks import PixelSizes

TINY = NetworkSizes(
    autoencoder_channels=8,
    encoder_blocks=(0, 0, 1),
    decoder_blocks=(1, 0, 0),
    unet_channels=(16, 32),
    norm_groups=8,
    text_width=32,
    text_layers=1,
    text_heads=2,
    crop=32,
)

TINY_PIXELS = PixelSizes(side=16, channels=(8, 16), norm_groups=4, heads=2)
