"""Tiny autoencoders of every architecture."""

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
    "resampled": {"channels": [8, 16, 16], "latent_channels": 4, "levels": 9},
}
