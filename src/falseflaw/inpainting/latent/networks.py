"""The networks of the bundled inpainter: diffusers' and transformers' own classes at a CPU's size."""

from __future__ import annotations

import itertools
import json
import re
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from diffusers import AutoencoderTiny, DDIMScheduler, StableDiffusionInpaintPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from falseflaw.errors import ConfigurationError

_BOS, _EOS = "<|startoftext|>", "<|endoftext|>"
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789'-.,"
_WORD = re.compile(r"[a-z]+|[0-9]")


@dataclass(frozen=True)
class NetworkSizes:
    """Sizes of the four networks.

    Attributes:
        autoencoder_channels: Width of every convolution of the autoencoder.
        encoder_blocks: Residual blocks at the encoder's levels, full resolution first. The number of
            levels sets the compression: three levels make latents of a quarter of the side.
        decoder_blocks: Residual blocks at the decoder's levels, latent resolution first.
        latent_channels: Channels of a latent.
        unet_channels: Width of the UNet per level; multiples of `norm_groups`. The
            first level has no attention.
        layers_per_block: Residual layers of a UNet level.
        norm_groups: Groups of the UNet's group normalization.
        text_width: Width of the text encoder and of the cross attention.
        text_layers: Transformer layers of the text encoder.
        text_heads: Attention heads of the text encoder.
        text_length: Tokens of a prompt, the two special ones included.
        crop: Side of the training crops in pixels; the pipeline's default size.
    """

    autoencoder_channels: int = 64
    encoder_blocks: tuple[int, ...] = (0, 1, 2)
    decoder_blocks: tuple[int, ...] = (2, 1, 1)
    latent_channels: int = 4
    unet_channels: tuple[int, ...] = (64, 128, 192)
    layers_per_block: int = 1
    norm_groups: int = 32
    text_width: int = 128
    text_layers: int = 2
    text_heads: int = 4
    text_length: int = 16
    crop: int = 128

    def __post_init__(self) -> None:
        for name in ("encoder_blocks", "decoder_blocks", "unet_channels"):  # Hydra passes lists
            object.__setattr__(self, name, tuple(int(value) for value in getattr(self, name)))
        if len(self.encoder_blocks) != len(self.decoder_blocks):
            raise ConfigurationError(
                f"expected as many encoder_blocks as decoder_blocks, got {len(self.encoder_blocks)} "
                f"and {len(self.decoder_blocks)}"
            )
        if bad := [width for width in self.unet_channels if width % self.norm_groups]:
            raise ConfigurationError(
                f"expected unet_channels in multiples of {self.norm_groups}, got {bad[0]}"
            )
        if self.crop % self.grid:
            raise ConfigurationError(f"expected crop in multiples of {self.grid}, got {self.crop}")

    @property
    def factor(self) -> int:
        """Photo pixels per latent pixel."""
        return 1 << (len(self.encoder_blocks) - 1)

    @property
    def grid(self) -> int:
        """Sides of a crop must be multiples of this: the autoencoder's factor times the UNet's."""
        return self.factor << (len(self.unet_channels) - 1)

    def to_json(self) -> dict[str, object]:
        """Returns the values as plain types."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]


def build_autoencoder(sizes: NetworkSizes, scaling_factor: float = 1.0) -> AutoencoderTiny:
    """Returns an untrained autoencoder; pixels in [-1, 1], latents of 1/`sizes.factor` of the side."""
    channels = (sizes.autoencoder_channels,) * len(sizes.encoder_blocks)
    return AutoencoderTiny(
        encoder_block_out_channels=channels,
        decoder_block_out_channels=channels,
        num_encoder_blocks=sizes.encoder_blocks,
        num_decoder_blocks=sizes.decoder_blocks,
        latent_channels=sizes.latent_channels,
        scaling_factor=scaling_factor,
    )


def build_unet(sizes: NetworkSizes) -> UNet2DConditionModel:
    """Returns an untrained denoiser; channels in: noisy latent, mask, latent of the masked photo."""
    deeper = len(sizes.unet_channels) - 1
    return UNet2DConditionModel(
        sample_size=sizes.crop // sizes.factor,
        in_channels=2 * sizes.latent_channels + 1,
        out_channels=sizes.latent_channels,
        block_out_channels=sizes.unet_channels,
        down_block_types=("DownBlock2D",) + ("CrossAttnDownBlock2D",) * deeper,
        up_block_types=("CrossAttnUpBlock2D",) * deeper + ("UpBlock2D",),
        layers_per_block=sizes.layers_per_block,
        cross_attention_dim=sizes.text_width,
        attention_head_dim=4,  # diffusers reads this as the number of heads
        norm_num_groups=sizes.norm_groups,
    )


def build_text_encoder(sizes: NetworkSizes, tokenizer: CLIPTokenizer) -> CLIPTextModel:
    """Returns an untrained text encoder for the tokenizer's vocabulary."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=sizes.text_width,
            projection_dim=sizes.text_width,
            intermediate_size=2 * sizes.text_width,
            num_hidden_layers=sizes.text_layers,
            num_attention_heads=sizes.text_heads,
            max_position_embeddings=sizes.text_length,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def build_scheduler() -> DDIMScheduler:
    """Returns the noise schedule: Stable Diffusion's betas, v-prediction, trailing (Lin et al. 2024)."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        timestep_spacing="trailing",
        set_alpha_to_one=False,
        steps_offset=1,
        clip_sample=False,
    )


def build_tokenizer(prompts: Iterable[str], length: int) -> CLIPTokenizer:
    """Returns a CLIP tokenizer to which every word of the prompts is one token.

    Other words fall apart into known pieces and letters, so that any English prompt can be encoded.
    """
    words = sorted({word for prompt in prompts for word in _WORD.findall(prompt.lower())})
    merges = _merges(words)
    symbols = [*_ALPHABET, *(letter + "</w>" for letter in _ALPHABET), *(a + b for a, b in merges)]
    vocabulary = {token: index for index, token in enumerate([_BOS, _EOS, *dict.fromkeys(symbols)])}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
        Path(folder, "merges.txt").write_text(
            "\n".join(["#version: 0.2", *(f"{a} {b}" for a, b in merges)]) + "\n",
            encoding="utf-8",
            newline="\n",
        )
        Path(folder, "tokenizer_config.json").write_text(
            json.dumps(
                {
                    "tokenizer_class": "CLIPTokenizer",
                    "bos_token": _BOS,
                    "eos_token": _EOS,
                    "unk_token": _EOS,
                    "pad_token": _EOS,
                    "model_max_length": length,
                }
            ),
            encoding="utf-8",
        )
        return CLIPTokenizer.from_pretrained(folder)


def _merges(words: Sequence[str]) -> list[tuple[str, str]]:
    """Byte-pair merges that make one token of each word.

    A new merge ranks after all older ones, and so cannot take apart a word that was whole before it.
    """
    ranks: dict[tuple[str, str], int] = {}
    for word in words:
        while len(pieces := _split(word, ranks)) > 1:
            ranks[pieces[0], pieces[1]] = len(ranks)
    return list(ranks)


def _split(word: str, ranks: dict[tuple[str, str], int]) -> list[str]:
    pieces = [*word[:-1], word[-1] + "</w>"]
    while len(pieces) > 1:
        pairs = [(ranks.get(pair, len(ranks)), pair) for pair in itertools.pairwise(pieces)]
        rank, (first, second) = min(pairs, key=lambda entry: entry[0])
        if rank == len(ranks):
            break
        merged: list[str] = []
        index = 0
        while index < len(pieces):
            if pieces[index : index + 2] == [first, second]:
                merged.append(first + second)
                index += 2
            else:
                merged.append(pieces[index])
                index += 1
        pieces = merged
    return pieces


def encode_prompts(
    prompts: Sequence[str], tokenizer: CLIPTokenizer, text_encoder: CLIPTextModel
) -> torch.Tensor:
    """Returns the text states of prompts as the pipeline computes them, float (B, length, width)."""
    tokens = tokenizer(
        list(prompts),
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )
    return text_encoder(tokens.input_ids.to(text_encoder.device))[0]  # type: ignore[no-any-return]


def build_pipeline(
    sizes: NetworkSizes,
    prompts: Iterable[str],
    vae: AutoencoderTiny | None = None,
    unet: UNet2DConditionModel | None = None,
    text_encoder: CLIPTextModel | None = None,
    tokenizer: CLIPTokenizer | None = None,
) -> StableDiffusionInpaintPipeline:
    """Returns a complete inpainting pipeline; parts that are not given are built untrained.

    Args:
        sizes: Sizes of the parts to build.
        prompts: Texts whose words become the vocabulary, where no tokenizer is given.
        vae: Autoencoder with its latent scaling in the config.
        unet: Denoiser.
        text_encoder: Text encoder of the tokenizer's vocabulary.
        tokenizer: Tokenizer.
    """
    tokenizer = tokenizer or build_tokenizer(prompts, sizes.text_length)
    return StableDiffusionInpaintPipeline(
        vae=vae or build_autoencoder(sizes),
        text_encoder=text_encoder or build_text_encoder(sizes, tokenizer),
        tokenizer=tokenizer,
        unet=unet or build_unet(sizes),
        scheduler=build_scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
