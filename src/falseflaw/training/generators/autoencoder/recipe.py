"""Recipe of one autoencoder of the family: what it is, how it learns, what it leaves behind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderTiny
from torch import Tensor, nn

from falseflaw.errors import ConfigurationError
from falseflaw.inpainting import family_card
from falseflaw.inpainting.autoencoders.networks import build_member, factor_of
from falseflaw.inpainting.checkpoints import Checkpoints
from falseflaw.inpainting.loop import learn
from falseflaw.inpainting.tensors import decode_pixels, encode_pixels, latents_in, reconstruct, to_tensor
from falseflaw.seeding import derive_rng
from falseflaw.training.generators.autoencoder.initialization import start_from_colors
from falseflaw.training.generators.autoencoder.reconstruction import quality
from falseflaw.training.generators.autoencoder.task import ReconstructionRecipe, distance, draw_batch
from falseflaw.training.generators.recipe import Material, TrainingRecipe
from falseflaw.training.generators.result import halved, save_result
from falseflaw.training.generators.samples import Curve, write_tiles
from falseflaw.training.generators.windows import Windows

_GAIN = 8
"""Differences are shown this many times larger in the sheet."""


@dataclass(frozen=True)
class FamilyLearning(ReconstructionRecipe):
    """How a member of the family learns.

    Attributes:
        kl_weight: Weight of the Kullback-Leibler term where the encoder gives a distribution.
        ema: Decay of the averaged weights, which are the ones that are saved.
    """

    kl_weight: float = 1e-6
    ema: float = 0.99


@dataclass(frozen=True, kw_only=True)
class FamilyRecipe(TrainingRecipe):
    """Everything that decides what an autoencoder of the family becomes.

    Attributes:
        name: Its name in manifests.
        architecture: One of `family_networks.ARCHITECTURES`.
        options: Arguments of its constructor.
        reserved: Whether it must never be used in a training set, so that it can test unseen autoencoders.
        learning: How it learns.
    """

    pace = "learning"

    name: str
    architecture: str
    options: Mapping[str, Any]
    reserved: bool
    learning: FamilyLearning

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", json.loads(json.dumps(dict(self.options))))
        factor = factor_of(build_member(self.architecture, self.options))
        self.check_windows(self.learning.crop)
        if self.learning.crop % factor:
            raise ConfigurationError(f"expected crops in multiples of {factor}, got {self.learning.crop}")

    def train(self, material: Material, output: Path, progress: bool) -> Path:
        """See `TrainingRecipe`; returns the folder of the autoencoder."""
        model = build_member(self.architecture, self.options).train()
        model.to(memory_format=torch.channels_last)
        if isinstance(model, AutoencoderTiny):
            start_from_colors(model)
        curve = Curve(output)

        def report(values: Mapping[str, float], modules: Mapping[str, nn.Module]) -> None:
            curve.add("autoencoder", {**values, **quality(modules["model"], material.validation)})

        learnt = learn(
            {"model": model},
            self.learning,
            lambda step: self._loss(model, material.learning, material.seed, step),
            lambda modules: self._validate(modules["model"], material.validation),
            Checkpoints(output / "autoencoder.pt", self.checkpoint_seconds, material.fingerprint, progress),
            report,
            "autoencoder",
        )
        write_sheet(output / "samples.png", model, material.validation)
        facts = {
            **material.facts,
            "autoencoder": {
                **learnt,
                **quality(model, material.validation),
                "parameters": sum(weight.numel() for weight in model.parameters()),
                "factor": factor_of(model),
            },
            "recipe": json.loads(json.dumps(asdict(self))),
        }
        return save_result(output, facts, family_card.render(facts), halved(model).save_pretrained)

    def _loss(self, model: Any, windows: Windows, seed: int, step: int) -> Tensor:
        pixels = to_tensor(draw_batch(windows, self.learning, derive_rng("family", seed, self.name, step)))
        encoded = model.encode(pixels)
        latents = latents_in(encoded, torch.Generator().manual_seed(seed + step))
        loss: Tensor = distance(decode_pixels(model, latents), pixels, self.learning)
        if hasattr(encoded, "latent_dist"):
            loss = loss + self.learning.kl_weight * encoded.latent_dist.kl().mean()
        return loss

    @torch.no_grad()
    def _validate(self, model: Any, windows: Windows) -> float:
        pixels = to_tensor(windows.clean[: min(32, len(windows))])
        output = decode_pixels(model, encode_pixels(model, pixels))
        return float(distance(output, pixels, self.learning))


def write_sheet(path: Path, model: nn.Module, windows: Windows, count: int = 12) -> None:
    """Writes a PNG of rows: photo, the photo after the autoencoder, their difference made larger."""
    photos = windows.damaged[: min(count, len(windows))]
    side = photos.shape[1] // 32 * 32
    photos = photos[:, :side, :side]
    outputs = reconstruct(model, photos)
    differences = 128 + _GAIN * (outputs.astype(np.int16) - photos)
    shown = np.clip(differences, 0, 255).astype(np.uint8)
    write_tiles(path, list(zip(photos, outputs, shown, strict=True)), 3)
