"""Tiny pipelines of random weights, one of each class that a configuration names, saved as a hub would."""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DiffusionPipeline,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxFillPipeline,
    FluxTransformer2DModel,
    StableDiffusionInpaintPipeline,
    StableDiffusionXLInpaintPipeline,
    UNet2DConditionModel,
)
from tokenizers import Tokenizer, models
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5Config,
    T5EncoderModel,
    T5TokenizerFast,
)

from falseflaw.damage.prompts import VOCABULARY
from falseflaw.inpainting.latent.networks import build_tokenizer

WIDTH = 32


def _vae(latent_channels: int, scaling: float, shift: float | None) -> AutoencoderKL:
    """Latents of a quarter of the side; hub models have an eighth, which wants one level more."""
    return AutoencoderKL(
        block_out_channels=(8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        latent_channels=latent_channels,
        norm_num_groups=8,
        layers_per_block=1,
        sample_size=32,
        scaling_factor=scaling,
        shift_factor=shift,
    )


def _text(tokenizer: CLIPTokenizer) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        projection_dim=WIDTH,
        intermediate_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=tokenizer.model_max_length,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )


def _unet(**changes: object) -> UNet2DConditionModel:
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=9,
        out_channels=4,
        block_out_channels=(16, 32),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=2,
        norm_num_groups=8,
        **{"cross_attention_dim": WIDTH, **changes},
    )


def _stable_diffusion(tokenizer: CLIPTokenizer) -> DiffusionPipeline:
    return StableDiffusionInpaintPipeline(
        vae=_vae(4, 0.18215, None),
        text_encoder=CLIPTextModel(_text(tokenizer)),
        tokenizer=tokenizer,
        unet=_unet(),
        scheduler=DDIMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            clip_sample=False,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _stable_diffusion_xl(tokenizer: CLIPTokenizer) -> DiffusionPipeline:
    return StableDiffusionXLInpaintPipeline(
        vae=_vae(4, 0.13025, None),
        text_encoder=CLIPTextModel(_text(tokenizer)),
        text_encoder_2=CLIPTextModelWithProjection(_text(tokenizer)),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=_unet(
            cross_attention_dim=2 * WIDTH,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=WIDTH + 6 * 8,
        ),
        scheduler=EulerDiscreteScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
    )


def _flux_fill(tokenizer: CLIPTokenizer) -> DiffusionPipeline:
    pieces = ["<pad>", "</s>", "<unk>", *(f"▁{word}" for word in VOCABULARY)]
    unigram = Tokenizer(models.Unigram([(piece, -1.0) for piece in pieces], unk_id=2))
    second = T5TokenizerFast(tokenizer_object=unigram, extra_ids=0, model_max_length=512)
    return FluxFillPipeline(
        vae=_vae(4, 0.3611, 0.1159),
        text_encoder=CLIPTextModel(_text(tokenizer)),
        tokenizer=tokenizer,
        text_encoder_2=T5EncoderModel(
            T5Config(
                vocab_size=len(VOCABULARY) + 3, d_model=WIDTH, d_ff=WIDTH, d_kv=8, num_layers=1, num_heads=2
            )
        ),
        tokenizer_2=second,
        transformer=FluxTransformer2DModel(
            patch_size=1,
            in_channels=16 + 16 + 4 * 16,  # noise, masked photo, mask: 4 latents a patch, 4x4 pixels a latent
            out_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=WIDTH,
            pooled_projection_dim=WIDTH,
            guidance_embeds=True,
            axes_dims_rope=(4, 4, 8),
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    )


_BUILDERS = {
    "StableDiffusionInpaintPipeline": _stable_diffusion,
    "StableDiffusionXLInpaintPipeline": _stable_diffusion_xl,
    "FluxFillPipeline": _flux_fill,
}


def save_tiny(class_name: str, folder: Path, variant: str | None = None) -> Path:
    """Saves a tiny pipeline of a class, in half precision where the variant says so."""
    torch.manual_seed(0)
    pipeline = _BUILDERS[class_name](build_tokenizer(VOCABULARY, 77))
    if variant == "fp16":
        pipeline.to(dtype=torch.float16)
    pipeline.save_pretrained(folder, variant=variant)
    return folder
