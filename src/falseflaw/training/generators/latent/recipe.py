"""Recipe of the latent inpainter: its autoencoder, then its denoiser, saved as one pipeline."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from falseflaw.damage.prompts import all_prompts, prompt
from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.checkpoints import Checkpoints
from falseflaw.inpainting.latent.networks import NetworkSizes, build_pipeline
from falseflaw.seeding import derive_rng
from falseflaw.training.generators import card
from falseflaw.training.generators.autoencoder.initialization import start_from_colors
from falseflaw.training.generators.autoencoder.task import AutoencoderRecipe, train_autoencoder
from falseflaw.training.generators.latent.task import DenoiserRecipe, train_denoiser
from falseflaw.training.generators.latent.warm_start import find_start, load_start, weight_digests
from falseflaw.training.generators.recipe import GeneratorRecipe, Material
from falseflaw.training.generators.result import halved, save_result
from falseflaw.training.generators.samples import Curve, write_sample_sheet
from falseflaw.types import DamageKind


@dataclass(frozen=True, kw_only=True)
class Recipe(GeneratorRecipe):
    """Everything that decides what the inpainter becomes.

    Attributes:
        sizes: Sizes of the networks.
        autoencoder: Recipe of the autoencoder.
        denoiser: Recipe of UNet and text encoder.
        start: Folder of a pipeline of the same sizes that learnt from the same photos: the training starts
            from its weights and keeps its autoencoder. None starts from nothing.
    """

    sizes: NetworkSizes
    autoencoder: AutoencoderRecipe
    denoiser: DenoiserRecipe
    start: str | None = None

    def __post_init__(self) -> None:
        self.check_windows(max(self.autoencoder.crop, self.denoiser.crop))
        sides = (self.denoiser.crop, *self.denoiser.smaller_crops)
        if any(side % self.sizes.grid for side in sides) or self.autoencoder.crop % self.sizes.factor:
            raise ConfigurationError(
                f"expected crops of the denoiser in multiples of {self.sizes.grid} and of the autoencoder in "
                f"multiples of {self.sizes.factor}, got {list(sides)} and {self.autoencoder.crop}"
            )

    def identity(self) -> dict[str, Any]:
        """See `TrainingRecipe`; another autoencoder would have other latents, so its recipe is in it."""
        kept = super().identity()
        if self.start is not None:
            kept["start"] = weight_digests(find_start(self.start))
        return kept

    def train(self, material: Material, output: Path, progress: bool) -> Path:
        """See `TrainingRecipe`; returns the folder of the pipeline."""
        learning, validation, seed = material.learning, material.validation, material.seed
        curve = Curve(output)

        def checkpoints(name: str) -> Checkpoints:
            return Checkpoints(output / f"{name}.pt", self.checkpoint_seconds, material.fingerprint, progress)

        start = None if self.start is None else load_start(self.start, self.sizes.to_json(), material.facts)
        if start is None:
            pipeline = build_pipeline(self.sizes, all_prompts())
            start_from_colors(pipeline.vae)
            autoencoder = train_autoencoder(
                pipeline.vae,
                learning,
                validation,
                self.autoencoder,
                checkpoints("autoencoder"),
                seed,
                lambda values: curve.add("autoencoder", values),
            )
        else:
            pipeline, autoencoder = start.pipeline, dict(start.facts["autoencoder"])
        shown = [
            prompt(DamageKind(kind), product, derive_rng("sheet prompt", seed, index))
            for index, (kind, product) in enumerate(zip(validation.kinds, validation.products, strict=True))
        ]
        last_sheet = [float("-inf")]

        def sheet(modules: Mapping[str, Any]) -> None:
            last_sheet[0] = time.monotonic()
            shadow = build_pipeline(
                self.sizes, (), pipeline.vae, modules["unet"], modules["text_encoder"], pipeline.tokenizer
            )
            shadow.set_progress_bar_config(disable=True)
            write_sample_sheet(
                output / "samples.png",
                shadow,
                validation,
                shown,
                self.denoiser.crop,
                self.sampling_steps,
                self.guidance,
                seed,
                ("hole", "photo") if self.denoiser.seen else ("hole",),
            )

        def report(values: Mapping[str, float], modules: Mapping[str, Any]) -> None:
            curve.add("denoiser", values)
            if time.monotonic() - last_sheet[0] >= self.sheet_seconds:
                sheet(modules)

        denoiser = train_denoiser(
            pipeline, learning, validation, self.denoiser, checkpoints("denoiser"), seed, report
        )
        sheet({"unet": pipeline.unet, "text_encoder": pipeline.text_encoder})
        facts = {
            **material.facts,
            "autoencoder": autoencoder,
            "denoiser": denoiser,
            **({} if start is None else {"start": start.lineage()}),
            "recipe": json.loads(json.dumps(asdict(self))),
        }
        return save(pipeline, facts, output)


def save(pipeline: Any, facts: Mapping[str, Any], output: Path) -> Path:
    """Saves the pipeline in float16 as `output/pipeline`, with `training.json` and a model card."""
    saved = build_pipeline(
        NetworkSizes(),
        (),
        halved(pipeline.vae),
        halved(pipeline.unet),
        halved(pipeline.text_encoder),
        pipeline.tokenizer,
    )
    return save_result(output, facts, card.render(facts), saved.save_pretrained)
