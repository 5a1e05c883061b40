"""Model cards of what is trained here, written from what the training recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from falseflaw.inpainting.latent.networks import NetworkSizes
from falseflaw.photos.licenses import license_of

NOT_JUDGED = "Nobody has looked yet: open `samples.png` of the training and write down here what is seen."
"""Stands where a person's judgement belongs; no training can write that."""

_WRITES = """It writes false
flaws (stains, holes, tears, burns, mould) into {where}, so that detectors {why}.
It is not meant to deceive and not good enough to."""


def latent_card(facts: Mapping[str, Any]) -> str:
    """Returns the card of a latent inpainter as Markdown.

    Args:
        facts: Content of `training.json`.
    """
    autoencoder, denoiser, recipe = facts["autoencoder"], facts["denoiser"], facts["recipe"]
    grid = NetworkSizes(**recipe["sizes"]).grid
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
    what = """A small latent inpainting pipeline in Stable Diffusion's format (`AutoencoderTiny`, 9-channel
`UNet2DConditionModel`, `CLIPTextModel`), trained from scratch by `falseflaw train-inpainter`. """
    use = f"""```python
from diffusers import AutoPipelineForInpainting

pipeline = AutoPipelineForInpainting.from_pretrained(
    path, torch_dtype=torch.float32, safety_checker=None, requires_safety_checker=False
)
```

Crop sides are multiples of {grid}; detectors must never be tested on photos of the fold `inpainter`."""
    rows = [
        ("targets", _targets(recipe)),
        (
            "autoencoder",
            f"{autoencoder['step']} steps, {autoencoder['seconds']:.0f} s, "
            f"{autoencoder['psnr']:.2f} dB PSNR on held-out photos",
        ),
        ("its colors", _colors(autoencoder)),
        ("held out", _held_out(facts)),
        (
            "denoiser",
            f"{_steps(denoiser, recipe['denoiser'])}{started}, {_losses(denoiser)}",
        ),
        ("sees", conditions),
        ("sampling", _sampling(recipe)),
        ("precision", "float16 weights; load with `torch_dtype=torch.float32` on a CPU"),
    ]
    writes = _WRITES.format(where="photos of intact products", why="can learn what AI\npixels look like")
    return _card("FalseFlaw inpainter", what + writes, [*_photos(facts), *rows], use)


def pixel_card(facts: Mapping[str, Any]) -> str:
    """Returns the card of a pixel generator as Markdown; see `latent_card`."""
    denoiser, recipe = facts["denoiser"], facts["recipe"]
    side, how = recipe["sizes"]["side"], recipe["denoiser"]
    what = f"""A small diffusion model on the pixels themselves (`UNet2DModel`, \
{denoiser["parameters"] / 1e6:.1f} M
parameters, no autoencoder, no text), trained from scratch by `falseflaw train-inpainter recipe=pixel`. """
    use = f"""```python
from falseflaw.inpainting.pixel.inpainter import PixelInpainter

inpainter = PixelInpainter("pixel", path)
```

Regions that do not fit {side} x {side} pixels with context are painted smaller and enlarged, which blurs
them. Detectors must never be tested on photos of the fold `inpainter`."""
    rows = [
        ("targets", _targets(recipe)),
        ("held out", _held_out(facts)),
        ("training", f"{_steps(denoiser, how)}, {_losses(denoiser)}"),
        (
            "classes",
            f"nine kinds of flaw, clean material, and none, which {how['no_class']:.0%} of the samples had",
        ),
        ("sampling", _sampling(recipe)),
        ("precision", "float16 weights; computed in float32 on a CPU"),
    ]
    writes = _WRITES.format(
        where=f"squares of {side} x {side} pixels",
        why="meet a generator\nthat leaves no trace of an autoencoder",
    )
    return _card("FalseFlaw pixel generator", what + writes, [*_photos(facts), *rows], use)


def autoencoder_card(facts: Mapping[str, Any]) -> str:
    """Returns the card of an autoencoder of the family as Markdown; see `latent_card`."""
    learnt, recipe = facts["autoencoder"], facts["recipe"]
    use = (
        "**Reserved: never in a training set**, so that detectors can be tested on an autoencoder "
        "they do not know."
        if recipe["reserved"]
        else "May be used in training sets."
    )
    options = ", ".join(f"{name} {value}" for name, value in recipe["options"].items())
    how = recipe["learning"]
    rows = [
        ("training", _learning(learnt, how, recipe.get("start"))),
        *_finish(facts),
        ("quality", f"{learnt['psnr']:.2f} dB PSNR on {_held_out(facts)} held out"),
        ("its colors", _colors(learnt)),
        ("precision", "float16 weights, read as float32"),
    ]
    size = f"{learnt['parameters']:,} parameters, {learnt['factor']} photo pixels per latent pixel"
    first = [("architecture", f"{recipe['architecture']}: {options}"), ("size", size)]
    photos = [row for row in _photos(facts) if row[0] != "split"]
    what = f"Rewrites whole photos, as every latent generator does to the pixels it leaves alone. {use}"
    return _card(f"FalseFlaw autoencoder `{recipe['name']}`", what, [*first, *photos, *rows])


def _learning(learnt: Mapping[str, Any], how: Mapping[str, Any] | None, start: str | None) -> str:
    if how is None:
        return f"began with the weights in `{start}`, whose encoder it keeps"
    return f"{_steps(learnt, how)} crops of {how['crop']} pixels, {learnt['seconds']:.0f} s"


def _finish(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    if "finish" not in facts:
        return []
    learnt, how = facts["finish"], facts["recipe"]["finish"]
    before, after = learnt["before"], learnt["after"]
    return [
        (
            "finish of the decoder",
            f"{_steps(learnt, how)} crops of {how['crop']} pixels, {learnt['seconds']:.0f} s, against a "
            "critic of patches, features and energies of fine detail",
        ),
        (
            "fine detail kept",
            f"{after['energy_kept']:.2f} of the deviation (before the finish {before['energy_kept']:.2f})",
        ),
        (
            "told from photos",
            f"by a small classifier of patches with AUROC {after['patch_auroc']:.3f} "
            f"(before {before['patch_auroc']:.3f})",
        ),
    ]


def _card(title: str, what: str, rows: Sequence[tuple[str, str]], use: str = "") -> str:
    table = "\n".join(f"| {name} | {text} |" for name, text in rows)
    parts = [f"# {title}", what, f"| | |\n| --- | --- |\n{table}", use]
    return "\n\n".join([*filter(None, parts), "## What still looks wrong", NOT_JUDGED]) + "\n"


def _photos(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    contributors = len(facts["contributors"])
    return [
        (
            "photos",
            f"{facts['photos']} of `{facts['photo_set']}`, fold `{facts['fold']}` only, "
            f"{contributors} contributors",
        ),
        ("license of the photos", license_of(facts["photo_set"]) or "that of the photos' owner"),
        ("split", ", ".join(f"{key} {value}" for key, value in facts["split"].items())),
    ]


def _held_out(facts: Mapping[str, Any]) -> str:
    return f"{facts['validation_photos']} photos of {len(facts['validation_contributors'])} contributors"


def _targets(recipe: Mapping[str, Any]) -> str:
    return f"flaws painted by the damage engine before the camera step, {recipe['windows']} windows"


def _steps(learnt: Mapping[str, Any], how: Mapping[str, Any]) -> str:
    return f"{learnt['step']} steps of {how['batch']}"


def _losses(learnt: Mapping[str, Any]) -> str:
    return f"{learnt['seconds']:.0f} s, loss {learnt['loss']:.4f}, validation {learnt['validation_loss']:.4f}"


def _sampling(recipe: Mapping[str, Any]) -> str:
    return f"DDIM, trailing, {recipe['sampling_steps']} steps, guidance {recipe['guidance']:g}"


def _colors(learnt: Mapping[str, Any]) -> str:
    return (
        f"off by {learnt['color_error']:.1f} in the a*b* plane on areas of held-out photos, by at most "
        f"{learnt['flat_color_error']:.1f} on 27 flat colors; about 2 can just be seen side by side"
    )
