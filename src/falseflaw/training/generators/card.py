"""Model card of the bundled inpainter, written from what its training recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falseflaw.inpainting.latent.networks import NetworkSizes
from falseflaw.photos.licenses import license_of

NOT_JUDGED = "Nobody has looked yet: open `samples.png` of the training and write down here what is seen."
"""Stands where a person's judgement belongs; no training can write that."""


def render(facts: Mapping[str, Any]) -> str:
    """Returns the card as Markdown.

    Args:
        facts: Content of `training.json`.
    """
    autoencoder, denoiser, recipe = facts["autoencoder"], facts["denoiser"], facts["recipe"]
    split, grid = facts["split"], NetworkSizes(**recipe["sizes"]).grid
    before = facts.get("start")
    started = (
        ""
        if not before
        else (
            f" after {before['denoiser']['step']} steps on an earlier state of the damage engine "
            f"(revision {str(before['git_revision'])[:7]})"
        )
    )
    seen = recipe["denoiser"]["seen"]
    conditions = (
        f"{seen:.0%} of the samples saw the intact crop (`condition: photo`), the others a hole in its place "
        "(`condition: hole`, what diffusers' pipeline shows it)"
        if seen
        else "a hole in place of the region (`condition: hole`)"
    )
    license_text = license_of(facts["photo_set"]) or "that of the photos' owner"
    return f"""# FalseFlaw inpainter

A small latent inpainting pipeline in Stable Diffusion's format (`AutoencoderTiny`, 9-channel
`UNet2DConditionModel`, `CLIPTextModel`), trained from scratch by `falseflaw train-inpainter`. It writes false
flaws (stains, holes, tears, burns, mould) into photos of intact products, so that detectors can learn what AI
pixels look like. It is not meant to deceive and not good enough to.

| | |
| --- | --- |
| photos | {facts["photos"]} of `{facts["photo_set"]}`, fold `{facts["fold"]}` only, \
{len(facts["contributors"])} contributors |
| license of the photos | {license_text} |
| split | {", ".join(f"{key} {value}" for key, value in split.items())} |
| targets | flaws painted by the damage engine before the camera step, {recipe["windows"]} windows |
| autoencoder | {autoencoder["step"]} steps, {autoencoder["seconds"]:.0f} s, \
{autoencoder["psnr"]:.2f} dB PSNR on held-out photos |
| its colors | off by {autoencoder["color_error"]:.1f} in the a*b* plane on areas of held-out photos, by at \
most {autoencoder["flat_color_error"]:.1f} on 27 flat colors; about 2 can just be seen side by side |
| held out | {facts["validation_photos"]} photos of {len(facts["validation_contributors"])} contributors |
| denoiser | {denoiser["step"]} steps of {recipe["denoiser"]["batch"]}{started}, \
{denoiser["seconds"]:.0f} s, loss {denoiser["loss"]:.4f}, validation {denoiser["validation_loss"]:.4f} |
| sees | {conditions} |
| sampling | DDIM, trailing, {recipe["sampling_steps"]} steps, guidance {recipe["guidance"]:g} |
| precision | float16 weights; load with `torch_dtype=torch.float32` on a CPU |

```python
from diffusers import AutoPipelineForInpainting

pipeline = AutoPipelineForInpainting.from_pretrained(
    path, torch_dtype=torch.float32, safety_checker=None, requires_safety_checker=False
)
```

Crop sides are multiples of {grid}; detectors must never be tested on photos of the fold `inpainter`.

## What still looks wrong

{NOT_JUDGED}
"""
