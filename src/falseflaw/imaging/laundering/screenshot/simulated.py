"""A screenshot of the photo on a page or in a chat, simulated: display scaling, color path, save, crop."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image as Pil
from PIL import ImageEnhance

from falseflaw.errors import ConfigurationError, check_shares
from falseflaw.imaging import codec
from falseflaw.imaging.laundering.base import resize_mask_by_half
from falseflaw.imaging.laundering.screenshot.page import draw_page
from falseflaw.types import Image, Mask

_PAGES = ((255, 255, 255), (242, 242, 247), (220, 248, 198), (18, 18, 18), (11, 20, 26))
"""Page colors around the photo: white, light gray, a chat bubble, two dark modes."""

_KERNELS = (Pil.Resampling.BILINEAR, Pil.Resampling.HAMMING, Pil.Resampling.BICUBIC)
"""What browsers and image views scale with."""

_CHROME = 24
"""Device pixels of page kept around the photo: enough for every crop and JPEG block that touches it."""


@dataclass(frozen=True)
class SimulatedScreenshot:
    """Shows the photo on a page at some scale, takes a picture of the screen and crops back to the photo.

    The real thing, in the order it happens: the browser scales the photo to device pixels, lays it on the
    page, perhaps with rounded corners; the display's color path bends it a little; the screen is saved as PNG
    or JPEG; the buyer crops by hand, a few pixels off, and the crop is saved once more the same way. Or the
    buyer does not crop and sends the whole page.

    Attributes:
        pixel_ratios: Device pixels per CSS pixel, one of which is drawn.
        scale: Range of CSS pixels per photo pixel; scale times pixel ratio is the resizing the photo sees.
        gamma: Range of the exponent of the color path.
        gain: Largest relative deviation of one channel's gain (night mode, display profile).
        saturation: Range of the factor of the chroma (display profile, vivid mode); 1 keeps it.
        jpeg_share: Share of devices that save screenshots as JPEG instead of PNG, in [0, 1].
        quality: Range of the JPEG quality of such devices.
        max_offset: How far each side of the crop may miss the photo's edge, in device pixels, 0 to 8.
        rounded_share: Share of pages that round the photo's corners, in [0, 1].
        whole_page: Whether the page stays around the photo, with its bars and text, instead of a crop.
        unseen: True if training augmentation never contains it.
    """

    pixel_ratios: tuple[float, ...] = (1.0, 1.5, 2.0)
    scale: tuple[float, float] = (0.6, 1.0)
    gamma: tuple[float, float] = (0.95, 1.05)
    gain: float = 0.02
    saturation: tuple[float, float] = (1.0, 1.0)
    jpeg_share: float = 0.5
    quality: tuple[int, int] = (80, 95)
    max_offset: int = 3
    rounded_share: float = 0.3
    whole_page: bool = False
    unseen: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "pixel_ratios", tuple(float(ratio) for ratio in self.pixel_ratios))
        for name in ("scale", "gamma", "saturation", "quality"):
            values = tuple(getattr(self, name))
            object.__setattr__(self, name, values)
            if len(values) != 2 or not 0 < values[0] <= values[1]:
                raise ConfigurationError(f"screenshot: expected {name} as 0 < low <= high, got {values}")
        if not self.pixel_ratios or min(self.pixel_ratios) <= 0:
            raise ConfigurationError(f"screenshot: expected positive pixel_ratios, got {self.pixel_ratios}")
        if not 0 <= self.max_offset <= 8:
            raise ConfigurationError(f"screenshot: expected max_offset in 0..8, got {self.max_offset}")
        if self.quality[1] > 100:
            raise ConfigurationError(f"screenshot: expected quality in 1..100, got {self.quality}")
        check_shares(self, ("jpeg_share", "rounded_share", "gain"), "screenshot ")

    @property
    def name(self) -> str:
        """`screenshot`; with one pixel ratio such as `screenshot_x2`, with the page `screenshot_x2_page`."""
        ratio = f"_x{self.pixel_ratios[0]:g}" if len(self.pixel_ratios) == 1 else ""
        return f"screenshot{ratio}" + ("_page" if self.whole_page else "")

    @property
    def severity(self) -> float | str:
        """The pixel ratio, or `simulated` where it is drawn from several."""
        return self.pixel_ratios[0] if len(self.pixel_ratios) == 1 else "simulated"

    def __call__(self, image: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
        """Returns the cropped screenshot and the mask, or several (H, W, K), in its pixels."""
        ratio, factor = self._draw_scale(rng)
        height = max(16, round(image.shape[0] * factor))
        width = max(16, round(image.shape[1] * factor))
        kernel = _KERNELS[int(rng.integers(len(_KERNELS)))]
        shown = np.asarray(Pil.fromarray(image).resize((width, height), kernel))
        page = np.array(_PAGES[int(rng.integers(len(_PAGES)))], dtype=np.uint8)
        radius = round(rng.uniform(4, 12) * ratio) if rng.random() < self.rounded_share else 0
        shown = _round_corners(shown, page, radius)
        if self.whole_page:
            screen, top, left = draw_page(shown, ratio, (int(page[0]), int(page[1]), int(page[2])), rng)
        else:
            top, left = (int(value) for value in rng.integers(_CHROME - 8, _CHROME + 8, 2))
            screen = np.empty((top + height + _CHROME, left + width + _CHROME, 3), dtype=np.uint8)
            screen[:] = page
            screen[top : top + height, left : left + width] = shown
        screen = self._color_path(screen, rng)
        whole = np.zeros((*screen.shape[:2], *mask.shape[2:]), dtype=bool)
        whole[top : top + height, left : left + width] = resize_mask_by_half(mask, height, width)

        saves_jpeg, quality = (
            rng.random() < self.jpeg_share,
            int(rng.integers(self.quality[0], self.quality[1] + 1)),
        )
        if saves_jpeg:  # PNG keeps the pixels, so only JPEG has to be gone through
            screen = codec.decode(codec.encode_jpeg(screen, quality))
        if self.whole_page:
            return screen, whole
        offsets = rng.integers(-self.max_offset, self.max_offset + 1, 4)
        box = _crop_box(top, left, height, width, offsets)
        if mask.any() and not whole[box].any():  # never cut a flaw at the very edge away
            box = _crop_box(top, left, height, width, np.maximum(offsets, 0))
        cropped = np.ascontiguousarray(screen[box])
        if saves_jpeg:
            cropped = codec.decode(codec.encode_jpeg(cropped, quality))
        return cropped, np.ascontiguousarray(whole[box])

    def draw_factor(self, rng: np.random.Generator) -> float:
        """Returns the resizing that a photo sees with this generator, if nothing was drawn from it yet."""
        return self._draw_scale(rng)[1]

    def _draw_scale(self, rng: np.random.Generator) -> tuple[float, float]:
        """Draws the pixel ratio, and the device pixels for each pixel of the photo."""
        ratio = self.pixel_ratios[int(rng.integers(len(self.pixel_ratios)))]
        return ratio, ratio * rng.uniform(*self.scale)

    def _color_path(self, screen: Image, rng: np.random.Generator) -> Image:
        exponent = rng.uniform(*self.gamma)
        gains = 1 - rng.uniform(0, self.gain, 3)
        ramp = (np.arange(256) / 255.0) ** exponent
        table = np.clip(np.round(255 * ramp[:, None] * gains), 0, 255).astype(np.uint8)  # (256, 3)
        bent = np.stack([table[screen[..., channel], channel] for channel in range(3)], axis=-1)
        if self.saturation == (1.0, 1.0):
            return bent
        return np.array(ImageEnhance.Color(Pil.fromarray(bent)).enhance(rng.uniform(*self.saturation)))


def _crop_box(top: int, left: int, height: int, width: int, offsets: np.ndarray) -> tuple[slice, slice]:
    """Returns the crop whose sides lie `offsets` (top, bottom, left, right) pixels outside the photo."""
    above, below, before, behind = (int(offset) for offset in offsets)
    return slice(top - above, top + height + below), slice(left - before, left + width + behind)


def _round_corners(shown: Image, page: np.ndarray, radius: int) -> Image:
    """Lays the page color over the photo's corners outside a quarter circle."""
    height, width = shown.shape[:2]
    radius = min(radius, height // 2, width // 2)
    if radius == 0:
        return shown
    rows = np.minimum(np.arange(height), np.arange(height)[::-1])[:, None]
    columns = np.minimum(np.arange(width), np.arange(width)[::-1])[None, :]
    beyond = np.hypot(np.maximum(radius - 0.5 - rows, 0), np.maximum(radius - 0.5 - columns, 0))
    opacity = np.clip(radius + 0.5 - beyond, 0, 1)[..., None]
    rounded: Image = np.round(opacity * shown + (1 - opacity) * page).astype(np.uint8)
    return rounded
