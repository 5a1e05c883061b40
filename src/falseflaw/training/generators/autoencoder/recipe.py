"""Recipe of one autoencoder of the family: what it is, how it learns, what it leaves behind."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from diffusers import AutoencoderTiny
from torch import Tensor, nn

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.inpainting.autoencoders.networks import build_member, factor_of
from falseflaw.inpainting.loading import load_model
from falseflaw.inpainting.tensors import reconstruct
from falseflaw.paths import WEIGHTS_HINT, find_existing
from falseflaw.seeding import derive_rng
from falseflaw.training.batches import ValidatedBatches
from falseflaw.training.generators.autoencoder.finishing import FinishRecipe, FinishTask
from falseflaw.training.generators.autoencoder.initialization import start_from_colors
from falseflaw.training.generators.autoencoder.reconstruction import psnr, quality
from falseflaw.training.generators.autoencoder.task import AutoencoderTask, ReconstructionRecipe, batches_of
from falseflaw.training.generators.autoencoder.traces import traces
from falseflaw.training.generators.card import autoencoder_card
from falseflaw.training.generators.earlier import check_same_photos, read_record, weight_digests
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
        architecture: One of `networks.ARCHITECTURES`.
        options: Arguments of its constructor.
        reserved: Whether it must never be used in a training set, so that it can test unseen autoencoders.
        learning: How it learns; None where it begins with weights that need no more than finishing.
        finish: How its decoder is made sharp afterwards; None leaves it smooth.
        start: Folder of an autoencoder of this architecture that learnt from the same photos, to begin with.
    """

    last_stage = "learning"

    name: str
    architecture: str
    options: Mapping[str, Any]
    reserved: bool
    learning: FamilyLearning | None
    finish: FinishRecipe | None = None
    start: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "options", json.loads(json.dumps(dict(self.options))))
        factor = factor_of(build_member(self.architecture, self.options))
        stages = [stage for stage in (self.learning, self.finish) if stage is not None]
        if not stages or (self.learning is None) != (self.start is not None):
            raise ConfigurationError(
                "expected a recipe that learns, or one that finishes the weights in start; "
                "got another combination of recipe.learning, recipe.finish and recipe.start"
            )
        for stage in stages:
            self.check_windows(stage.crop)
            if stage.crop % factor:
                raise ConfigurationError(f"expected crops in multiples of {factor}, got {stage.crop}")

    def identity(self) -> dict[str, Any]:
        """See `TrainingRecipe`; the finish has checkpoints of its own, so that it can be tried anew."""
        values = super().identity() if self.learning is not None else asdict(self)
        del values["finish"]
        if values.pop("start") is not None:
            values["start"] = weight_digests(self._started_from())
        return values

    def train(self, windows: TrainingWindows, stages: Stages) -> Path:
        """See `TrainingRecipe`; returns the folder of the autoencoder."""
        model = build_member(self.architecture, self.options)
        if self.start is not None:
            self._begin_with(model, windows.facts)
        elif isinstance(model, AutoencoderTiny):
            start_from_colors(model)
        facts: dict[str, Any] = dict(windows.facts)
        learnt: dict[str, Any] = {}
        if self.learning is not None:
            learnt = self._learn(model, self.learning, windows, stages)
        if self.finish is not None:
            facts["finish"] = self._finish(model, self.finish, windows, stages)
        facts["autoencoder"] = {
            **learnt,
            **quality(model, windows.validation),
            "parameters": sum(weight.numel() for weight in model.parameters()),
            "factor": factor_of(model),
        }
        facts["recipe"] = json.loads(json.dumps(asdict(self)))
        if stages.speaks:
            write_sheet(stages.run_dir / "samples.png", model, windows.validation)
        return save_result(stages, facts, autoencoder_card(facts), halved(model).save_pretrained)

    def _started_from(self) -> Path:
        return find_existing(str(self.start), "an autoencoder", WEIGHTS_HINT)

    def _begin_with(self, model: nn.Module, facts: Mapping[str, Any]) -> None:
        """Loads the weights of an earlier training of the same photos.

        A pipeline has its record one folder above.
        """
        folder = self._started_from()
        recorded = folder if (folder / "training.json").is_file() else folder.parent
        check_same_photos(folder, read_record(recorded), facts)
        loaded = load_model(type(model), folder)
        try:
            model.load_state_dict(loaded.state_dict())
        except RuntimeError as error:  # other shapes
            raise InvalidDataError(
                f"expected a {self.architecture} autoencoder with these options in {folder}, "
                f"got other tensors: {' '.join(str(error).split())[:160]}"
            ) from error

    def _learn(
        self, model: nn.Module, learning: FamilyLearning, windows: TrainingWindows, stages: Stages
    ) -> dict[str, Any]:
        """Trains the model to give photos back; returns what that came to."""
        task = AutoencoderTask(model, learning, windows.fingerprint, self._penalty)
        batches = self._batches(windows, learning, "family", stages.workers)
        learnt = stages.fit("autoencoder", task, batches, learning)
        return {**asdict(learnt), "validation_loss": mean_loss(task, batches)}

    def _finish(
        self, model: nn.Module, finish: FinishRecipe, windows: TrainingWindows, stages: Stages
    ) -> dict[str, Any]:
        """Makes the decoder sharp; returns what that came to and what tells its output, before and after."""
        before = {**traces(model, windows), "psnr": psnr(model, windows.validation)}
        told = json.dumps(finish.identity(), sort_keys=True).encode()
        task = FinishTask(model, finish, f"{windows.fingerprint} {hashlib.sha256(told).hexdigest()[:16]}")
        learnt = stages.fit("finish", task, self._batches(windows, finish, "finish", stages.workers), finish)
        after = {**traces(model, windows), "psnr": psnr(model, windows.validation)}
        return {**asdict(learnt), "before": before, "after": after}

    def _batches(
        self, windows: TrainingWindows, recipe: ReconstructionRecipe, stage: str, workers: int
    ) -> ValidatedBatches:
        return batches_of(
            windows.learning,
            windows.validation,
            recipe,
            lambda number: derive_rng(stage, windows.seed, self.name, number),
            windows.seed,
            workers,
        )

    def _penalty(self, encoded: Any, latents: Tensor) -> Tensor:
        """Keeps the distribution near the normal one, where the encoder gives one."""
        if not hasattr(encoded, "latent_dist"):
            return latents.new_zeros(())
        assert self.learning is not None
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
