"""Whole photos through a saved autoencoder of the family."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from torch import nn

from falseflaw.devices import find_device
from falseflaw.errors import InvalidDataError
from falseflaw.inpainting.autoencoders.networks import ARCHITECTURES, factor_of
from falseflaw.inpainting.autoencoders.perturbation import perturbed, with_tint_of
from falseflaw.inpainting.loading import load_model
from falseflaw.inpainting.tensors import reconstruct
from falseflaw.inpainting.tiles import in_tiles
from falseflaw.paths import WEIGHTS_HINT, find_existing
from falseflaw.types import Image


class Autoencoder:
    """Rewrites photos as a latent generator does to the pixels that it leaves alone.

    Args:
        name: Its name in manifests.
        path: Folder that `falseflaw train-inpainter recipe=autoencoder/...` saved, relative to the working
            directory or the clone.
        device: Where it computes: `cpu`, `cuda` or another torch device.

    Attributes:
        name: See above.
        reserved: Whether it must never be used in a training set.
        factor: Photo pixels per latent pixel.

    Raises:
        ConfigurationError: No such device.
        MissingDataError: No such folder.
        InvalidDataError: The folder holds no autoencoder of the family, or a broken one.
    """

    def __init__(self, name: str, path: str, device: str = "cpu") -> None:
        self.name = name
        there = find_device(device, "autoencoders.device")
        folder = find_existing(path, "an autoencoder", WEIGHTS_HINT)
        model, self.reserved = _load(folder)
        self._model = model.to(there)
        self.factor = factor_of(self._model)

    def round_trip(self, photo: Image) -> Image:
        """Returns the photo after encoding, decoding and rounding, uint8 (H, W, 3).

        Args:
            photo: uint8 (H, W, 3), any size; edges are replicated up to the grid and cut off afterwards.
                A large one goes through in tiles.

        Raises:
            InvalidDataError: The photo has another shape or type.
        """
        if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8:
            raise InvalidDataError(
                f"expected a photo as uint8 (H, W, 3), got {photo.dtype} {list(photo.shape)}"
            )
        return in_tiles(photo, self._round_trip, self.factor)

    def _round_trip(self, photo: Image) -> Image:
        height, width = photo.shape[:2]
        padding = ((0, -height % self.factor), (0, -width % self.factor), (0, 0))
        return reconstruct(self._model, np.pad(photo, padding, mode="edge")[None])[0, :height, :width]

    def perturbed_round_trip(self, photo: Image, strength: float, seed: int) -> Image:
        """Returns the photo after a decoder of other weights, with the colors of the true one.

        Args:
            photo: See `round_trip`.
            strength: See `perturbation.perturbed`.
            seed: See `perturbation.perturbed`.

        Raises:
            InvalidDataError: The photo has another shape or type.
        """
        plain = self.round_trip(photo)
        with perturbed(self._model.decoder, strength, seed):  # type: ignore[arg-type]
            changed = self.round_trip(photo)
        return with_tint_of(changed, plain)


def _load(folder: Path) -> tuple[nn.Module, bool]:
    try:
        recipe = json.loads((folder / "training.json").read_text(encoding="utf-8"))["recipe"]
        architecture, reserved = ARCHITECTURES[recipe["architecture"]], bool(recipe["reserved"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InvalidDataError(
            f"expected an autoencoder with its training.json in {folder}, cannot read it; "
            "name a folder that train-inpainter saved"
        ) from error
    model = load_model(architecture, folder)
    return model.eval().requires_grad_(False).to(memory_format=torch.channels_last), reserved
