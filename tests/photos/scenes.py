"""Photos that near-duplicate search tells apart."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pil

from falseflaw.types import Image


def scene(seed: int, height: int = 160, width: int = 120) -> Image:
    """A photo with its own large-scale structure, so that its fingerprint is its own."""
    coarse = np.random.default_rng(seed).integers(30, 226, (9, 9, 3), dtype=np.uint8)
    return np.asarray(Pil.fromarray(coarse).resize((width, height), Pil.Resampling.BICUBIC))
