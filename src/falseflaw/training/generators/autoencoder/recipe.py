"""Recipe of one autoencoder of the family: what it is, how it learns, what it leaves behind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from diffusers import AutoencoderTiny
from torch import Tensor, nn

from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.autoencoders.networks import build_member, factor_of
from falseflaw.inpainting.tensors import reconstruct
from falseflaw.seeding import derive_rng
from falseflaw.training.generators.autoencoder.initialization import start_from_colors
from falseflaw.training.generators.autoencoder.reconstruction import quality
from falseflaw.training.generators.autoencoder.task import AutoencoderTask, ReconstructionRecipe, batches_of
from falseflaw.training.generators.card import autoencoder_card
from falseflaw.training.generators.recipe import TrainingRecipe, TrainingWindows
from falseflaw.training.generators.result import halved, save_result
from falseflaw.training.generators.samples import write_tiles
from falseflaw.training.generators.task import mean_loss
from falseflaw.training.generators.windows import Windows

if TYPE_CHECKING:
    from falseflaw.training.generators.stages import Stages

_GAIN = 8
"""Differences are shown this many times larger in the sheet."""


@dataclass(frozen=True, kw_only=True)
class FamilyLearning(ReconstructionRecipe):
    """How a member of the family learns.

    Attributes:
        kl_weight: Weight of the Kullback-Leibler term where the encoder gives a distribution.
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

    last_stage = "learning"

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

    def train(self, windows: TrainingWindows, stages: Stages) -> Path:
        """See `TrainingRecipe`; returns the folder of the autoencoder."""
        model = build_member(self.architecture, self.options)
        if isinstance(model, AutoencoderTiny):
            start_from_colors(model)
        task = AutoencoderTask(model, self.learning, windows.fingerprint, self._penalty)
        batches = batches_of(
            windows.learning,
            windows.validation,
            self.learning,
            lambda number: derive_rng("family", windows.seed, self.name, number),
            windows.seed,
            stages.workers,
        )
        learnt = stages.fit("autoencoder", task, batches, self.learning)
        facts = {
            **windows.facts,
            "autoencoder": {
                **asdict(learnt),
                "validation_loss": mean_loss(task, batches),
                **quality(model, windows.validation),
                "parameters": sum(weight.numel() for weight in model.parameters()),
                "factor": factor_of(model),
            },
            "recipe": json.loads(json.dumps(asdict(self))),
        }
        if stages.speaks:
            write_sheet(stages.run_dir / "samples.png", model, windows.validation)
        return save_result(stages, facts, autoencoder_card(facts), halved(model).save_pretrained)

    def _penalty(self, encoded: Any, latents: Tensor) -> Tensor:
        """Keeps the distribution near the normal one, where the encoder gives one."""
        if not hasattr(encoded, "latent_dist"):
            return latents.new_zeros(())
        kl: Tensor = self.learning.kl_weight * encoded.latent_dist.kl().mean()
        return kl


def write_sheet(path: Path, model: nn.Module, windows: Windows, count: int = 12) -> None:
    """Writes a PNG of rows: photo, the photo after the autoencoder, their difference made larger."""
    photos = windows.damaged[: min(count, len(windows))]
    side = photos.shape[1] // 32 * 32
    photos = photos[:, :side, :side]
    outputs = reconstruct(model, photos)
    differences = 128 + _GAIN * (outputs.astype(np.int16) - photos)
    shown = np.clip(differences, 0, 255).astype(np.uint8)
    write_tiles(path, list(zip(photos, outputs, shown, strict=True)), 3)
