"""What people outside of the package add to it: a photo set, a flaw, a laundering, a metric and the like."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from omegaconf import DictConfig
from tests.helpers import textured_photo

from falseflaw.damage.canvas import Canvas, Painted
from falseflaw.imaging.crop import Box
from falseflaw.inpainting.inpainter import Samples
from falseflaw.photos.source import Photo
from falseflaw.seeding import derive_rng

EXTRAS: tuple[str, ...] = ()


class Towels:
    """A photo set."""

    name = "towels"

    def __init__(self, count: int) -> None:
        self.count = count

    def photos(self) -> list[Photo]:
        return [Photo(f"towels/{index:02d}", f"person-{index}", "towel") for index in range(self.count)]

    def load(self, photo: Photo) -> np.ndarray:
        return textured_photo(derive_rng(photo.photo_id), 160, 128)

    def product_mask(self, photo: Photo) -> np.ndarray:
        mask = np.zeros((160, 128), bool)
        mask[16:-16, 16:-16] = True
        return mask


def black_square(canvas: Canvas, rng: np.random.Generator) -> Painted:
    """A flaw."""
    y, x = np.indices(canvas.shape)
    side = canvas.radius
    inside = (abs(y - canvas.center[0]) < side) & (abs(x - canvas.center[1]) < side) & (canvas.allowed > 0.5)
    return Painted(np.where(inside[..., None], np.float32(0), canvas.linear), inside.astype(np.float32))


class Flat:
    """An inpainter: one tone for all that is asked."""

    grid, factor, rewrites_all, steps, guidance = 8, 8, False, 1, 0.0

    def __init__(self, name: str, tone: int, **_: object) -> None:
        self.name, self.tone = name, tone

    def sample(
        self, crops: np.ndarray, masks: np.ndarray, prompts: Sequence[str], seeds: Sequence[int]
    ) -> Samples:
        images = np.where(masks[..., None], np.uint8(self.tone), crops)
        return Samples(images, torch.zeros(len(crops), 1))

    def regenerate(
        self, photo: np.ndarray, sample_latent: torch.Tensor, box: Box, mask: np.ndarray
    ) -> np.ndarray:
        return np.where(mask[..., None], np.uint8(self.tone), photo)

    def round_trip(self, photo: np.ndarray) -> np.ndarray:
        return photo.copy()


class Negative:
    """A laundering."""

    name, severity, unseen = "negative", "none", True

    def __call__(
        self, image: np.ndarray, mask: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        return 255 - image, mask


def gap(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """A metric: how far the mean scores of both classes lie apart."""
    means = [weights[:, labels == label] @ scores[labels == label] for label in (0, 1)]
    counts = [weights[:, labels == label].sum(axis=1) for label in (0, 1)]
    return means[1] / counts[1] - means[0] / counts[0]


def run(config: DictConfig) -> None:
    """A verb."""
    print(f"greetings to {config.whom}")  # noqa: T201


def how_to_go_on(config: DictConfig) -> str:
    return "nothing was kept"
