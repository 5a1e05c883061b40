"""Recipe of the latent inpainter: its autoencoder, then its denoiser, saved as one pipeline."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from falseflaw.damage.prompts import all_prompts, prompt
from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.latent.networks import NetworkSizes, build_pipeline
from falseflaw.seeding import derive_rng
from falseflaw.training.generators.autoencoder.initialization import start_from_colors
from falseflaw.training.generators.card import latent_card
from falseflaw.training.generators.earlier import weight_digests
from falseflaw.training.generators.latent.autoencoder import AutoencoderRecipe, train_autoencoder
from falseflaw.training.generators.latent.task import DenoiserRecipe, DenoiserTask, batches_of
from falseflaw.training.generators.latent.warm_start import find_start, load_start
from falseflaw.training.generators.recipe import GeneratorRecipe, TrainingWindows
from falseflaw.training.generators.result import halved, save_result
from falseflaw.training.generators.samples import SampleSheets, write_sample_sheet
from falseflaw.training.generators.task import mean_loss
from falseflaw.types import DamageKind

if TYPE_CHECKING:
    from falseflaw.training.generators.stages import Stages


@dataclass(frozen=True, kw_only=True)
class LatentRecipe(GeneratorRecipe):
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

    def train(self, windows: TrainingWindows, stages: Stages) -> Path:
        """See `TrainingRecipe`; returns the folder of the pipeline."""
        start = None if self.start is None else load_start(self.start, self.sizes.to_json(), windows.facts)
        if start is None:
            pipeline: Any = build_pipeline(self.sizes, all_prompts())
            start_from_colors(pipeline.vae)
            autoencoder = train_autoencoder(pipeline.vae, windows, self.autoencoder, stages)
            before = f"{autoencoder['step']} and {autoencoder['settle_steps']}"
            fingerprint = f"{windows.fingerprint} after {before}"
        else:
            pipeline, autoencoder = start.pipeline, dict(start.facts["autoencoder"])
            fingerprint = windows.fingerprint
        task = DenoiserTask(pipeline, self.denoiser, fingerprint)
        batches = batches_of(windows, self.denoiser, stages.workers)

        def sheet() -> None:
            self._write_sheet(stages.run_dir / "samples.png", pipeline, windows)

        sheets = SampleSheets(sheet, self.sheet_seconds)
        denoiser = stages.fit("denoiser", task, batches, self.denoiser, [sheets])
        pipeline.vae.to(task.device)
        facts = {
            **windows.facts,
            "autoencoder": autoencoder,
            "denoiser": {**asdict(denoiser), "validation_loss": mean_loss(task, batches)},
            **({} if start is None else {"start": start.lineage()}),
            "recipe": json.loads(json.dumps(asdict(self))),
        }
        if stages.speaks:
            sheet()
        return save_result(stages, facts, latent_card(facts), lambda folder: _save(pipeline, folder))

    def _write_sheet(self, path: Path, pipeline: Any, windows: TrainingWindows) -> None:
        validation, seed = windows.validation, windows.seed
        shown = [
            prompt(DamageKind(kind), product, derive_rng("sheet prompt", seed, index))
            for index, (kind, product) in enumerate(zip(validation.kinds, validation.products, strict=True))
        ]
        sampler = build_pipeline(
            self.sizes, (), pipeline.vae, pipeline.unet, pipeline.text_encoder, pipeline.tokenizer
        )
        sampler.set_progress_bar_config(disable=True)
        write_sample_sheet(
            path,
            sampler,
            validation,
            shown,
            self.denoiser.crop,
            self.sampling_steps,
            self.guidance,
            seed,
            ("hole", "photo") if self.denoiser.seen else ("hole",),
        )


def _save(pipeline: Any, folder: Path) -> None:
    """Saves the pipeline in float16."""
    vae, unet, text = (halved(part) for part in (pipeline.vae, pipeline.unet, pipeline.text_encoder))
    build_pipeline(NetworkSizes(), (), vae, unet, text, pipeline.tokenizer).save_pretrained(folder)
