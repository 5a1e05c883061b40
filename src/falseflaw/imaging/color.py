"""sRGB (IEC 61966-2-1) and linear light, both ways."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from falseflaw.types import Image

Light = NDArray[np.float32]
"""Linear RGB, float32, (3,) or (H, W, 3), 0 black to 1 white."""


Values = NDArray[np.floating[Any]] | np.floating[Any]


def decode_srgb(values: Values) -> NDArray[np.floating[Any]]:
    """Returns the linear light of encoded values in [0, 1], in their own precision."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def encode_srgb(values: Values) -> NDArray[np.floating[Any]]:
    """Returns the encoded values of linear light in [0, 1], in its own precision."""
    return np.where(values <= 0.0031308, values * 12.92, 1.055 * values ** (1 / 2.4) - 0.055)


_LIGHT = decode_srgb(np.arange(256) / 255).astype(np.float32)
"""Linear light of every 8-bit value."""

_LEVELS = np.round(encode_srgb(np.arange(65536) / 65535) * 255).astype(np.uint8)
"""8-bit value of linear light in 16 bits."""


def to_linear(image: Image) -> Light:
    """Decodes sRGB uint8 (..., 3) to linear light; `to_srgb` is the exact way back."""
    return np.asarray(_LIGHT[image], dtype=np.float32)


def to_srgb(light: Light) -> Image:
    """Encodes linear light as sRGB uint8 (..., 3); values out of [0, 1] are clipped."""
    return np.asarray(_LEVELS[to_16_bit(light)], dtype=np.uint8)


def to_16_bit(light: Light) -> NDArray[np.uint16]:
    """Returns linear light as integers, 65535 for white; values out of [0, 1] are clipped."""
    return np.asarray(np.clip(light * np.float32(65535) + np.float32(0.5), 0, 65535), dtype=np.uint16)


def to_levels(light: Light) -> NDArray[np.float32]:
    """Encodes linear light as sRGB in float32, 0 to 255: `to_srgb` before rounding."""
    return np.asarray(encode_srgb(np.clip(light, 0, 1)) * np.float32(255), np.float32)


def srgb(red: float, green: float, blue: float) -> Light:
    """Returns an 8-bit sRGB color as linear light (3,)."""
    return to_linear(np.clip(np.round([red, green, blue]), 0, 255).astype(np.uint8))
