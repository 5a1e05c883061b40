"""Rendered product photos: the embedded default, offline, deterministic, at any resolution."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from falseflaw.errors import ConfigurationError, UnreadableImageError
from falseflaw.imaging.color import decode_srgb
from falseflaw.photos.source import Photo
from falseflaw.photos.studio.render import Design, render
from falseflaw.photos.studio.shapes import SHAPES
from falseflaw.seeding import derive_rng, derive_seed, unit_interval
from falseflaw.types import Image, Mask

MAX_SIDE = 8192
MIN_SIDE = 32

_COLORS = [
    "#1d1d20",
    "#24304f",
    "#f1efe9",
    "#7d2230",
    "#5d6b3f",
    "#c79a2f",
    "#9fc0dc",
    "#e3b1b5",
    "#1f6f78",
    "#6b4a34",
    "#b9b4aa",
    "#d9cdb4",
    "#a8322c",
    "#3e5c87",
    "#4b4b52",
    "#d77a4a",
    "#8f7aa8",
    "#e9e3d2",
    "#2e5a41",
    "#c8ccd2",
]
_DENIM = ("#33486b", "#22304a", "#6f8fb5", "#2b2c31")
_CARDBOARD = ("#b08a5e", "#a67f55", "#bd9a6f", "#e8e4dc")
_GROUNDS = {
    "planks": ("#a97c50", "#7a5536", "#c8a983", "#8d8177", "#d8cfc2"),
    "linen": ("#e6e4df", "#cfd6dd", "#d9cdbd", "#8a94a3"),
    "floor": ("#a9a69f", "#8b857c", "#c6c0b4", "#6f6d6a"),
    "tiles": ("#d9d6d0", "#bfb9ae", "#8f9194", "#e4e2de"),
    "carpet": ("#8b8378", "#6a6f78", "#b7a992", "#7c6a5c"),
    "paper": ("#e4e3e1", "#d5d3cf", "#dfe3e6"),
}
_MATERIALS = {
    "t-shirt": ("knit", "woven", "woven"),
    "longsleeve": ("knit", "knit", "woven"),
    "shirt": ("woven", "woven", "twill"),
    "pants": ("twill", "twill", "woven"),
    "shorts": ("twill", "woven"),
    "dress": ("woven", "knit", "plain"),
    "skirt": ("woven", "twill", "plain"),
    "hat": ("knit", "twill"),
    "towel": ("terry",),
    "bag": ("plain", "twill", "woven"),
    "cushion": ("woven", "knit", "terry"),
    "package": ("cardboard",),
}
_PRINTS = {
    "t-shirt": ("none", "badge", "badge", "stripes"),
    "longsleeve": ("none", "stripes", "none"),
    "shirt": ("none", "checks", "stripes", "flowers"),
    "dress": ("none", "flowers", "dots"),
    "skirt": ("none", "checks", "flowers", "dots"),
    "shorts": ("none", "none", "checks"),
    "towel": ("none", "stripes"),
    "cushion": ("none", "stripes", "flowers", "checks"),
    "bag": ("none", "none", "badge"),
}


class StudioPhotos:
    """Photos of invented products; two or three of each product by one contributor."""

    name = "studio"

    def __init__(
        self, count: int = 120, width: int = 480, height: int = 640, seed: int = 0, enlarge: float = 1.0
    ) -> None:
        """Keeps the parameters; nothing is rendered before `load`.

        Args:
            count: Number of photos, 1 or more.
            width: Pixels, 32 to 8192.
            height: Pixels, 32 to 8192.
            seed: Another seed invents other products.
            enlarge: Photos are up to so many times as wide and high, drawn for each on a logarithmic scale.

        Raises:
            ConfigurationError: A value is out of range.
        """
        if not 1 <= count <= 1_000_000:
            raise ConfigurationError(f"expected photos.count in 1..1000000, got {count}")
        for key, value in (("width", width), ("height", height)):
            if not MIN_SIDE <= value <= MAX_SIDE:
                raise ConfigurationError(f"expected photos.{key} in {MIN_SIDE}..{MAX_SIDE}, got {value}")
        if not 1 <= enlarge <= MAX_SIDE / max(width, height):
            raise ConfigurationError(
                f"expected photos.enlarge from 1 to {MAX_SIDE / max(width, height):g}, got {enlarge}"
            )
        self.count, self.width, self.height, self.seed, self.enlarge = count, width, height, seed, enlarge
        self._last = lru_cache(maxsize=2)(self._render)  # `load` and `product_mask` share a rendering

    def __reduce__(self) -> tuple[type[StudioPhotos], tuple[int, int, int, int, float]]:
        arguments = self.count, self.width, self.height, self.seed, self.enlarge
        return StudioPhotos, arguments  # not what is rendered already

    def photos(self) -> list[Photo]:
        """Returns every photo, sorted by `photo_id`."""
        return sorted(map(self._photo, range(self.count)), key=lambda photo: photo.photo_id)

    def load(self, photo: Photo) -> Image:
        """Renders a photo, uint8 RGB (height, width, 3).

        Raises:
            UnreadableImageError: The photo is not one of this source.
        """
        return self._last(self._number(photo))[0].copy()

    def product_mask(self, photo: Photo) -> Mask:
        """Returns the exact outline of the product, bool (height, width)."""
        return self._last(self._number(photo))[1].copy()

    def _photo(self, number: int) -> Photo:
        maker = number * 2 // 5  # three photos, then two, then three …
        return Photo(f"studio/{number:05d}", f"studio-{maker:03d}", self._product(maker))

    def _product(self, maker: int) -> str:
        names = list(SHAPES)
        order = derive_rng("studio order", self.seed, maker // len(names)).permutation(len(names))
        return names[int(order[maker % len(names)])]

    def _number(self, photo: Photo) -> int:
        digits = photo.photo_id.removeprefix("studio/")
        if not digits.isdecimal() or not int(digits) < self.count or self._photo(int(digits)) != photo:
            raise UnreadableImageError(f"expected a photo of this studio source, got {photo.photo_id!r}")
        return int(digits)

    def _render(self, number: int) -> tuple[Image, Mask]:
        maker = number * 2 // 5
        product = self._product(maker)
        rng = derive_rng("studio design", self.seed, maker)
        design = _design(product, rng, derive_seed("studio yarns", self.seed, maker) % (1 << 31))
        layers = SHAPES[product](rng)
        factor = self.enlarge ** unit_interval("studio size", self.seed, number)
        height, width = round(self.height * factor), round(self.width * factor)
        return render(design, layers, height, width, derive_rng("studio pose", self.seed, number))


def _design(product: str, rng: np.random.Generator, seed: int) -> Design:
    material = str(rng.choice(_MATERIALS[product]))
    palette = _CARDBOARD if material == "cardboard" else _DENIM if material == "twill" else _COLORS
    main = _linear(str(rng.choice(palette)))
    trim = main if rng.random() < 0.6 else _linear(str(rng.choice(_COLORS)))
    if material == "cardboard":
        trim = _linear("#eeece6")
    ink = _contrast(main, rng)
    background = str(rng.choice(list(_GROUNDS)))
    ground = max(
        (_linear(str(rng.choice(_GROUNDS[background]))) for _ in range(3)),
        key=lambda color: abs(np.mean(color) - np.mean(main)),
    )
    warmth = rng.uniform(-0.12, 0.12)
    return Design(
        material=material,
        print=str(rng.choice(_PRINTS.get(product, ("none",)))),
        colors=(main, trim, ink),
        background=background,
        ground=ground,
        lamp=(1 + warmth, 1.0, 1 - warmth),
        azimuth=float(rng.uniform(-np.pi, 0)),
        seed=seed,
    )


def _contrast(main: tuple[float, float, float], rng: np.random.Generator) -> tuple[float, float, float]:
    options = [_linear(str(color)) for color in rng.choice(_COLORS, 5, replace=False)]
    return max(options, key=lambda color: abs(np.mean(color) ** 0.5 - np.mean(main) ** 0.5))


def _linear(code: str) -> tuple[float, float, float]:
    """Returns a hexadecimal sRGB color as linear RGB."""
    red, green, blue = (float(decode_srgb(np.float64(int(code[i : i + 2], 16) / 255))) for i in (1, 3, 5))
    return red, green, blue
