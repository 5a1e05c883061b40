"""Model card of the pixel generator, written from what its training recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from falseflaw.photos.licenses import license_of
from falseflaw.training.generators.card import NOT_JUDGED


def render(facts: Mapping[str, Any]) -> str:
    """Returns the card as Markdown.

    Args:
        facts: Content of `training.json`.
    """
    denoiser, recipe, split = facts["denoiser"], facts["recipe"], facts["split"]
    side, how = recipe["sizes"]["side"], recipe["denoiser"]
    license_text = license_of(facts["photo_set"]) or "that of the photos' owner"
    return f"""# FalseFlaw pixel generator

A small diffusion model on the pixels themselves (`UNet2DModel`, {denoiser["parameters"] / 1e6:.1f} M
parameters, no autoencoder, no text), trained from scratch by `falseflaw train-inpainter recipe=pixel`. It
writes false flaws (stains, holes, tears, burns, mould) into squares of {side} x {side} pixels, so that
detectors meet a generator that leaves no trace of an autoencoder. It is not meant to deceive and not good
enough to.

| | |
| --- | --- |
| photos | {facts["photos"]} of `{facts["photo_set"]}`, fold `{facts["fold"]}` only, \
{len(facts["contributors"])} contributors |
| license of the photos | {license_text} |
| split | {", ".join(f"{key} {value}" for key, value in split.items())} |
| targets | flaws painted by the damage engine before the camera step, {recipe["windows"]} windows |
| held out | {facts["validation_photos"]} photos of {len(facts["validation_contributors"])} contributors |
| training | {denoiser["step"]} steps of {how["batch"]}, {denoiser["seconds"]:.0f} s, \
loss {denoiser["loss"]:.4f}, validation {denoiser["validation_loss"]:.4f} |
| classes | nine kinds of flaw, clean material, and none, which {how["no_class"]:.0%} of the samples had |
| sampling | DDIM, trailing, {recipe["sampling_steps"]} steps, guidance {recipe["guidance"]:g} |
| precision | float16 weights; computed in float32 on a CPU |

```python
from falseflaw.inpainting.pixel.inpainter import PixelInpainter

inpainter = PixelInpainter("pixel", path)
```

Regions that do not fit {side} x {side} pixels with context are painted smaller and enlarged, which blurs
them. Detectors must never be tested on photos of the fold `inpainter`.

## What still looks wrong

{NOT_JUDGED}
"""
