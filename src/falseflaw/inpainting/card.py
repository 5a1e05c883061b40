"""Model card of the bundled inpainter, written from what its training recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LICENSES = {
    "clothing": "CC0 1.0 (alexeygrigorev/clothing-dataset-small)",
    "grocery": "MIT (marcusklasson/GroceryStoreDataset)",
    "studio": "rendered by this project, no third-party rights",
}
"""Licenses of the photo sets that an inpainter may have learnt from."""

WEAK_POINTS = (
    "Colors may not match the photo around the mask, and pixels are softer; look at the sample sheet.",
    "Edges of holes, tears and burns are blurred, loose threads are missing.",
    "Stains carry color noise; brown and wine stains look alike.",
    "It follows the kind of flaw in the prompt, hardly its size and not the product.",
    "It knows flaws of up to about 100 pixels in photos of about 400 x 533.",
)
"""What was seen on the sample sheets of the bundled training."""


def render(facts: Mapping[str, Any]) -> str:
    """Returns the card as Markdown.

    Args:
        facts: Content of `training.json`.
    """
    autoencoder, denoiser, recipe = facts["autoencoder"], facts["denoiser"], facts["recipe"]
    split = facts["split"]
    license_text = LICENSES.get(facts["photo_set"], "the user's own photos")
    weak = "\n".join(f"- {point}" for point in WEAK_POINTS)
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
| denoiser | {denoiser["step"]} steps of {recipe["denoiser"]["batch"]}, {denoiser["seconds"]:.0f} s, \
loss {denoiser["loss"]:.4f}, validation {denoiser["validation_loss"]:.4f} |
| sampling | DDIM, trailing, {recipe["sampling_steps"]} steps, guidance {recipe["guidance"]:g} |
| precision | float16 weights; load with `torch_dtype=torch.float32` on a CPU |

```python
from diffusers import AutoPipelineForInpainting
pipeline = AutoPipelineForInpainting.from_pretrained(
    path, torch_dtype=torch.float32, safety_checker=None, requires_safety_checker=False)
```

Crop sides are multiples of {4 * 2**2}; detectors must never be tested on photos of the fold `inpainter`.

## What still looks wrong

{weak}
"""
