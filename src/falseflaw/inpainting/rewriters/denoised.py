"""Latents with noise added and denoised again, as editing tools treat what they were not asked about."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from falseflaw.damage.prompts import CLEAN_PROMPT
from falseflaw.errors import ConfigurationError
from falseflaw.inpainting.latent.inpainter import LatentInpainter
from falseflaw.inpainting.latent.sampling import decode_latents, sample_latents
from falseflaw.inpainting.rewriters.rewriter import in_tiles
from falseflaw.seeding import derive_rng
from falseflaw.types import Image

_TILE = 256
"""Largest side that is denoised at once: attention over more takes long."""


class DenoisedLatents:
    """Rewrites photos with a latent pipeline as SDEdit does (2108.01073): some noise, a few steps back.

    Args:
        path: Folder of a saved pipeline, relative to the working directory or the clone.
        steps: Denoising steps, whatever the strength.
        strength: Least and most share of the noise schedule that is gone back, drawn anew for every seed.
        eta: Share of fresh noise in every step, 0 (DDIM) to 1 (DDPM).
        condition: What the denoiser sees: `photo`, with which a small one keeps the content; `hole` leaves it
            the noisy latents alone.
        reserved: Whether it must never be used in a training set.
        device: Where it computes: `cpu`, `cuda` or another torch device.
        vae_folder: Folder of an autoencoder with the same latents, such as one with a sharp decoder;
            None takes the pipeline's own.

    Raises:
        ConfigurationError: Values out of range, or no such device.
        MissingDataError: No such folder.
        InvalidDataError: The folder is not such a pipeline.
    """

    whole = False
    """A whole photo takes several times as long as a crop of 256 pixels."""

    digest = None
    """The weights are those of `path`."""

    def __init__(
        self,
        path: str,
        steps: int = 3,
        strength: Sequence[float] = (0.1, 0.5),
        eta: float = 0.0,
        condition: str = "photo",
        reserved: bool = False,
        device: str = "cpu",
        vae_folder: str | None = None,
    ) -> None:
        if len(strength) != 2 or not 0 < strength[0] <= strength[1] <= 1:
            raise ConfigurationError(
                "expected the strength of denoised latents as [lowest, highest] above 0 and up to 1, "
                f"got {list(strength)}"
            )
        if not 0 <= eta <= 1:
            raise ConfigurationError(f"expected the eta of denoised latents in [0, 1], got {eta}")
        self.reserved = reserved
        self._strength = (float(strength[0]), float(strength[1]))
        self._eta = float(eta)
        self._condition = condition
        self._inpainter = LatentInpainter(
            "denoised",
            path,
            steps=steps,
            guidance=1.0,
            device=device,
            condition=condition,
            vae_folder=vae_folder,
        )

    def round_trip(self, photo: Image, seed: int) -> Image:
        """Returns the photo after encoding, noise, denoising and decoding, uint8 (H, W, 3).

        Args:
            photo: uint8 (H, W, 3), any size; more than 256 pixels are taken in tiles.
            seed: Of the strength, the prompt (none, or one for clean material) and the noise.

        Raises:
            InvalidDataError: The photo has another shape or type.
        """
        rng = derive_rng("denoised", seed)
        strength = float(rng.uniform(*self._strength))
        prompt = CLEAN_PROMPT if rng.random() < 0.5 else ""

        def rewrite(tile: Image, own: int) -> Image:
            latents = sample_latents(
                self._inpainter.pipeline,
                tile[None],
                np.ones((1, *tile.shape[:2]), np.bool_),
                [prompt],
                [own],
                math.ceil(self._inpainter.steps / strength),  # of which the pipeline takes that share
                self._inpainter.guidance,
                call={"strength": strength, "eta": self._eta},
                condition=self._condition,
            )
            written: Image = decode_latents(self._inpainter.pipeline, latents)[0]
            return written

        return in_tiles(photo, seed, _TILE, self._inpainter.grid, rewrite)
