"""Trains autoencoders to give photos back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.tensors import decode_pixels, encode_pixels, latents_in, to_tensor
from falseflaw.training.batches import ValidatedBatches
from falseflaw.training.generators.autoencoder.reconstruction import quality
from falseflaw.training.generators.stage_recipe import StageRecipe
from falseflaw.training.generators.task import StageTask
from falseflaw.training.generators.windows import Windows
from falseflaw.types import Image

_VALIDATED = 32
"""Windows that the validation loss is the mean of."""


@dataclass(frozen=True, kw_only=True)
class ReconstructionRecipe(StageRecipe):
    """How an autoencoder learns to give photos back.

    Attributes:
        crop: Side of a crop in pixels.
        gradient_weight: Weight of the difference of image gradients against the absolute difference.
        color_weight: Weight of the difference of color over areas of 4x4 pixels.
        exchanged: Share of crops whose color channels are exchanged at random.
    """

    crop: int
    gradient_weight: float = 0.5
    color_weight: float = 0.5
    exchanged: float = 0.3

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.crop > 0:
            raise ConfigurationError(f"expected autoencoder crop > 0, got {self.crop}")


class AutoencoderTask(StageTask):
    """Trains an autoencoder of any class."""

    def __init__(
        self,
        model: nn.Module,
        recipe: ReconstructionRecipe,
        fingerprint: str,
        penalty: Callable[[Any, Tensor], Tensor] | None = None,
    ) -> None:
        """Takes the autoencoder over.

        Args:
            model: Learns in place.
            recipe: How.
            fingerprint: See `StageTask`.
            penalty: Returns what the loss has besides the distance of photos, from what `encode` gave and the
                latents in it.
        """
        super().__init__(recipe.optimizer(), fingerprint)
        self.model = model.train().to(memory_format=torch.channels_last)
        self.recipe = recipe
        self._penalty = penalty

    def loss(self, batch: tuple[Image, int]) -> Tensor:
        """Returns the loss of crops; the number beside them is the seed of what the encoder draws."""
        images, seed = batch
        pixels = to_tensor(images, self.device)
        encoded = self.model.encode(pixels)  # type: ignore[operator]
        latents = latents_in(encoded, torch.Generator().manual_seed(seed))
        loss = distance(decode_pixels(self.model, latents), pixels, self.recipe)
        return loss if self._penalty is None else loss + self._penalty(encoded, latents)

    def validation_loss(self, batch: Windows) -> Tensor:
        """Returns the distance of intact windows from what comes back of them."""
        pixels = to_tensor(batch.clean[: min(_VALIDATED, len(batch))], self.device)
        return distance(decode_pixels(self.model, encode_pixels(self.model, pixels)), pixels, self.recipe)

    def validation_step(self, batch: Windows, batch_index: int) -> None:
        """Logs the loss and the quality of what comes back."""
        super().validation_step(batch, batch_index)
        figures: Mapping[str, float] = quality(self.model, batch)
        self.log_dict({f"val/{name}": value for name, value in figures.items()}, batch_size=1, sync_dist=True)


def draw_batch(windows: Windows, recipe: ReconstructionRecipe, rng: np.random.Generator) -> Image:
    """Draws the crops of a step, uint8 (B, S, S, 3), some with their color channels exchanged."""
    chosen = rng.integers(len(windows), size=recipe.batch)
    crops = [windows.anywhere(int(index), recipe.crop, rng) for index in chosen]
    return np.stack(
        [crop[..., rng.permutation(3)] if rng.random() < recipe.exchanged else crop for crop in crops]
    )


def batches_of(
    learning: Windows,
    validation: Windows,
    recipe: ReconstructionRecipe,
    rng_of: Callable[[int], np.random.Generator],
    seed: int,
    workers: int = 0,
) -> ValidatedBatches:
    """Returns the crops to learn from, and as the one validation batch all windows for it.

    Args:
        learning: Windows to learn from.
        validation: Windows of other contributors.
        recipe: Says what a batch holds.
        rng_of: Returns the random generator of a batch by its number.
        seed: That of what an encoder draws is this plus the batch's number.
        workers: See `ValidatedBatches`.
    """
    return ValidatedBatches(
        lambda number: (draw_batch(learning, recipe, rng_of(number)), seed + number),
        lambda number: validation,
        workers=workers,
    )


def distance(output: Tensor, pixels: Tensor, recipe: ReconstructionRecipe) -> Tensor:
    """Mean absolute difference of pixels, of their differences to the next pixel, and of the color of areas.

    Photos are mostly gray, blue and red; the last term and crops with exchanged channels keep the others.
    """
    difference = output - pixels
    edges = (difference[..., 1:] - difference[..., :-1]).abs().mean()
    edges = edges + (difference[..., 1:, :] - difference[..., :-1, :]).abs().mean()
    areas = functional.avg_pool2d(difference, 4)  # (B, 3, H / 4, W / 4)
    colors = (areas - areas.roll(1, dims=1)).abs().mean()  # red - blue, green - red, blue - green
    total: Tensor = difference.abs().mean() + recipe.gradient_weight * edges + recipe.color_weight * colors
    return total
