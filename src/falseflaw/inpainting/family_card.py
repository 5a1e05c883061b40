"""Model card of an autoencoder of the family, written from what its training recorded."""

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
    learnt, recipe = facts["autoencoder"], facts["recipe"]
    use = (
        "**Reserved: never in a training set**, so that detectors can be tested on an autoencoder "
        "they do not know."
        if recipe["reserved"]
        else "May be used in training sets."
    )
    options = ", ".join(f"{name} {value}" for name, value in recipe["options"].items())
    return f"""# FalseFlaw autoencoder `{recipe["name"]}`

Rewrites whole photos, as every latent generator does to the pixels it leaves alone. {use}

| | |
| --- | --- |
| architecture | {recipe["architecture"]}: {options} |
| size | {learnt["parameters"]:,} parameters, {learnt["factor"]} photo pixels per latent pixel |
| photos | {facts["photos"]} of `{facts["photo_set"]}`, fold `{facts["fold"]}` only, \
{len(facts["contributors"])} contributors |
| license of the photos | {license_of(facts["photo_set"]) or "that of the photos' owner"} |
| training | {learnt["step"]} steps of {recipe["learning"]["batch"]} crops of \
{recipe["learning"]["crop"]} pixels, {learnt["seconds"]:.0f} s |
| quality | {learnt["psnr"]:.2f} dB PSNR on {facts["validation_photos"]} photos of \
{len(facts["validation_contributors"])} held-out contributors |
| its colors | off by {learnt["color_error"]:.1f} in the a*b* plane on areas of held-out photos, by at most \
{learnt["flat_color_error"]:.1f} on 27 flat colors; about 2 can just be seen side by side |
| precision | float16 weights, read as float32 |

## What still looks wrong

{NOT_JUDGED}
"""
