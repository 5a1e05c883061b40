"""The camera step: what lens, sensor and phone software do to a scene before anyone edits the photo.

Both versions of a source (intact and with a simulated flaw) pass through it with the same parameters and
the same seed, so that they differ only where the flaw is. It also buries the compression history of the
public photos that we start from.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, cast, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging.codec import Subsampling, decode, encode_jpeg
from falseflaw.imaging.color import to_linear, to_srgb
from falseflaw.imaging.sensor import denoise, expose, sharpen
from falseflaw.types import Image, Mask

Bayer = Literal["none", "RGGB", "BGGR", "GRBG", "GBRG"]

MIN_SIDE = 16
"""Shortest side in pixels that a photo may have after the camera's downscaling."""


@dataclass(frozen=True)
class Camera:
    """One camera with its settings for one photo.

    Attributes:
        profile: Name of the profile that it was drawn from; for tables only.
        scale: Output side over input side, in (0, 1]; sides are rounded to integers.
        blur: Sigma of the lens' Gaussian in output pixels, 0 for none.
        bayer: Color filter array, or "none" for a sensor that sees three colors per pixel.
        shot: Variance of the photon noise at full white, linear light in [0, 1].
        read: Standard deviation of the read noise, linear light in [0, 1].
        grain: Sigma in pixels over which the noise is correlated, 0 for white noise.
        denoise: Strength of the denoising in [0, 1], 0 for none.
        sharpen: Amount of the unsharp mask, 0 for none.
        sharpen_radius: Sigma of the unsharp mask in pixels.
        quality: JPEG quality Q1 in 1..100, or 0 for a camera that saves without loss.
        subsampling: Chroma subsampling of that JPEG.
    """

    profile: str = "none"
    scale: float = 1.0
    blur: float = 0.0
    bayer: Bayer = "none"
    shot: float = 0.0
    read: float = 0.0
    grain: float = 0.0
    denoise: float = 0.0
    sharpen: float = 0.0
    sharpen_radius: float = 1.0
    quality: int = 0
    subsampling: Subsampling = "4:4:4"

    def __post_init__(self) -> None:
        if not 0 < self.scale <= 1:
            raise ConfigurationError(f"expected camera scale in (0, 1], got {self.scale}")
        for name in ("blur", "shot", "read", "grain", "sharpen"):
            if not getattr(self, name) >= 0:
                raise ConfigurationError(f"expected camera {name} >= 0, got {getattr(self, name)}")
        if not 0 <= self.denoise <= 1:
            raise ConfigurationError(f"expected camera denoise in [0, 1], got {self.denoise}")
        if not self.sharpen_radius > 0:
            raise ConfigurationError(f"expected camera sharpen_radius > 0, got {self.sharpen_radius}")
        if self.bayer not in get_args(Bayer):
            raise ConfigurationError(f"expected camera bayer of {get_args(Bayer)}, got {self.bayer!r}")
        if not 0 <= self.quality <= 100:
            raise ConfigurationError(f"expected camera quality in 0..100, got {self.quality}")
        if self.subsampling not in get_args(Subsampling):
            raise ConfigurationError(
                f"expected subsampling of {get_args(Subsampling)}, got {self.subsampling!r}"
            )

    def to_json(self) -> str:
        """Returns the parameters as one line of JSON with sorted keys."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Camera:
        """Reads what `to_json` wrote.

        Raises:
            InvalidDataError: Not JSON, or not a camera's parameters.
        """
        try:
            values = json.loads(text)
            return cls(**values)
        except (TypeError, ValueError) as error:
            names = ", ".join(field.name for field in fields(cls))
            raise InvalidDataError(f"expected JSON with a camera's {names}; got {text[:80]!r}") from error


PROFILES: Mapping[str, Mapping[str, tuple[float, float]]] = {
    # profile: stage -> part of the configured range that it uses (0 start, 1 end); a stage not named is off
    "clean": {"noise": (0.0, 0.2), "sharpen": (0.0, 0.3)},
    "denoised": {"noise": (0.4, 1.0), "denoise": (0.3, 1.0), "sharpen": (0.0, 0.5)},
    "sharpened": {"noise": (0.2, 0.7), "sharpen": (0.5, 1.0)},
    "correlated": {"noise": (0.3, 1.0), "grain": (0.0, 1.0), "sharpen": (0.0, 0.3)},
}


class CameraSampler:
    """Draws cameras; the constructor's arguments are ranges `(lowest, highest)`.

    Args:
        profiles: Weight of each profile in `PROFILES`; an empty mapping draws with no profile, that is with
            noise, grain, denoising and sharpening off.
        scale: Output side over input side, in (0, 1].
        blur: Lens sigma, pixels.
        bayer_probability: Share of cameras with a color filter array.
        shot: Photon noise variance at full white; drawn on a logarithmic scale.
        read: Read noise, linear light; drawn on a logarithmic scale.
        grain: Correlation sigma of the noise, pixels.
        denoise: Denoising strength in [0, 1].
        sharpen: Unsharp amount.
        sharpen_radius: Unsharp sigma, pixels.
        quality: JPEG Q1; (0, 0) saves without loss.
        full_chroma_probability: Share of cameras that save 4:4:4 instead of 4:2:0.

    Raises:
        ConfigurationError: A range is reversed or out of its bounds, or a profile is unknown.
    """

    def __init__(
        self,
        profiles: Mapping[str, float],
        scale: Sequence[float],
        blur: Sequence[float],
        bayer_probability: float,
        shot: Sequence[float],
        read: Sequence[float],
        grain: Sequence[float],
        denoise: Sequence[float],
        sharpen: Sequence[float],
        sharpen_radius: Sequence[float],
        quality: Sequence[int],
        full_chroma_probability: float,
    ) -> None:
        if unknown := sorted(set(profiles) - set(PROFILES)):
            raise ConfigurationError(
                f"expected camera profiles of {', '.join(PROFILES)}; got {', '.join(unknown)}"
            )
        if profiles and not (all(weight >= 0 for weight in profiles.values()) and sum(profiles.values()) > 0):
            raise ConfigurationError(
                f"expected camera profile weights >= 0 with a positive sum, got {profiles}"
            )
        for name, share in (("bayer", bayer_probability), ("full_chroma", full_chroma_probability)):
            if not 0 <= share <= 1:
                raise ConfigurationError(f"expected camera {name}_probability in [0, 1], got {share}")
        self._profiles = {name: float(weight) for name, weight in profiles.items()}
        self._scale = _range("scale", scale)
        self._blur = _range("blur", blur)
        self._shot = _range("shot", shot)
        self._read = _range("read", read)
        self._grain = _range("grain", grain)
        self._denoise = _range("denoise", denoise)
        self._sharpen = _range("sharpen", sharpen)
        self._radius = _range("sharpen_radius", sharpen_radius)
        self._quality = _range("quality", quality)
        self._bayer_probability = bayer_probability
        self._full_chroma_probability = full_chroma_probability
        for end in (0, 1):  # the corners pass the checks of Camera, so every draw will
            Camera(
                scale=self._scale[end],
                blur=self._blur[end],
                shot=self._shot[end],
                read=self._read[end],
                grain=self._grain[end],
                denoise=self._denoise[end],
                sharpen=self._sharpen[end],
                sharpen_radius=self._radius[end],
                quality=int(self._quality[end]),
            )

    def _pick(self, position: float) -> str:
        names, weights = list(self._profiles), np.array(list(self._profiles.values()))
        if not names:
            return "none"
        return names[int(np.searchsorted(np.cumsum(weights) / weights.sum(), position, side="right"))]

    def draw(self, rng: np.random.Generator) -> Camera:
        """Draws one camera. The number of random draws is the same for every profile."""
        name = self._pick(rng.random())
        profile = PROFILES.get(name, {})
        draws = {stage: rng.random() for stage in ("noise", "read", "grain", "denoise", "sharpen")}

        def part(stage: str, draw: float) -> float | None:
            bounds = profile.get(stage)
            return None if bounds is None else bounds[0] + (bounds[1] - bounds[0]) * draw

        shot, read = part("noise", draws["noise"]), part("noise", draws["read"])
        scale, blur, radius = rng.random(3).tolist()
        filters, corner, chroma = rng.random(3).tolist()
        quality = rng.integers(int(self._quality[0]), int(self._quality[1]), endpoint=True)
        return Camera(
            profile=name,
            scale=_linear(self._scale, scale),
            blur=_linear(self._blur, blur),
            bayer=get_args(Bayer)[1 + int(corner * 4)] if filters < self._bayer_probability else "none",
            shot=_logarithmic(self._shot, shot),
            read=_logarithmic(self._read, read),
            grain=_linear(self._grain, part("grain", draws["grain"])),
            denoise=_linear(self._denoise, part("denoise", draws["denoise"])),
            sharpen=_linear(self._sharpen, part("sharpen", draws["sharpen"])),
            sharpen_radius=_linear(self._radius, radius),
            quality=int(quality),
            subsampling="4:4:4" if chroma < self._full_chroma_probability else "4:2:0",
        )


def _range(name: str, values: Sequence[float]) -> tuple[float, float]:
    ends = tuple(values)
    if len(ends) != 2 or not ends[0] <= ends[1]:
        raise ConfigurationError(f"expected camera {name} as [lowest, highest], got {list(ends)}")
    return float(ends[0]), float(ends[1])


def _linear(ends: tuple[float, float], position: float | None) -> float:
    return 0.0 if position is None else round(ends[0] + (ends[1] - ends[0]) * position, 6)


def _logarithmic(ends: tuple[float, float], position: float | None) -> float:
    if position is None or ends[0] <= 0:
        return _linear(ends, position)
    return round(float(ends[0] * (ends[1] / ends[0]) ** position), 9)


def output_size(shape: Sequence[int], camera: Camera) -> tuple[int, int]:
    """Returns (height, width) after the camera of a photo of `shape` (H, W, ...).

    Raises:
        InvalidDataError: A side would be shorter than `MIN_SIDE`.
    """
    height, width = (max(1, round(side * camera.scale)) for side in shape[:2])
    if min(height, width) < MIN_SIDE:
        raise InvalidDataError(
            f"expected photos of at least {MIN_SIDE} pixels a side after the camera, got {width}x{height}"
        )
    return height, width


def apply_camera(image: Image, camera: Camera, seed: int) -> Image:
    """Photographs a scene.

    In linear light: downscale, lens blur, color filter array with noise on the sensor's values, demosaic;
    in sRGB: denoising, sharpening, JPEG (encoded and decoded).

    Args:
        image: uint8 (H, W, 3).
        camera: What to do.
        seed: Of the noise; equal scenes with equal seeds give equal photos, and scenes that differ in a
            region differ only there and within about 8 pixels plus the JPEG blocks around it.

    Returns:
        uint8 (round(scale * H), round(scale * W), 3).
    """
    height, width = output_size(image.shape, camera)
    light = to_linear(image)  # (H, W, 3) float32 in [0, 1]; the way back is exact
    if light.shape[:2] != (height, width):
        light = cast("NDArray[np.float32]", cv2.resize(light, (width, height), interpolation=cv2.INTER_AREA))
    if camera.blur > 0:
        light = cast("NDArray[np.float32]", cv2.GaussianBlur(light, (0, 0), camera.blur))
    light = expose(light, camera.bayer, camera.shot, camera.read, camera.grain, np.random.default_rng(seed))
    photo = to_srgb(light)
    photo = denoise(photo, camera.denoise)
    photo = sharpen(photo, camera.sharpen, camera.sharpen_radius)
    if camera.quality:
        photo = decode(encode_jpeg(photo, camera.quality, camera.subsampling))
    return photo


def transform_mask(mask: Mask, camera: Camera) -> Mask:
    """Moves a mask along with the camera's geometry; a pixel is inside when a quarter of it was.

    The low quarter keeps thin tears whole.
    """
    height, width = output_size(mask.shape, camera)
    if mask.shape == (height, width):
        return mask.copy()
    cover: Any = cv2.resize(mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(cover >= 0.25)
