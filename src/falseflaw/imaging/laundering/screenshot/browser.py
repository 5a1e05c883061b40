"""A screenshot of the photo in a chat, taken for real by headless Chromium and cropped as a buyer would."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from falseflaw.errors import ConfigurationError, InvalidDataError, check_shares
from falseflaw.imaging import codec
from falseflaw.imaging.laundering.base import resize_mask_by_half
from falseflaw.imaging.laundering.screenshot.chat import draw_chat
from falseflaw.imaging.laundering.screenshot.chromium import take_screenshot, version
from falseflaw.imaging.laundering.screenshot.device import Device
from falseflaw.types import Image, Mask


@dataclass(frozen=True)
class BrowserScreenshot:
    """Shows the photo in a chat page, takes a picture of the screen and crops back to the photo.

    The photo reaches the browser without loss, as PNG; the browser scales it to device pixels and saves the
    whole screen as PNG or JPEG; the crop misses the photo's edges by a few pixels and is saved once more the
    same way. The mask goes through the same rectangle. The same arguments give the same pixels with one
    version of the browser and one set of fonts on one machine.

    Attributes:
        device: The screen and how the chat fits photos on it.
        jpeg_share: Share of screenshots saved as JPEG instead of PNG, in [0, 1].
        quality: Range of the JPEG quality.
        max_offset: How far each side of the crop may miss the photo's edge, in device pixels, 0 to 7.
        rounded_share: Share of chats that round the photo's corners, in [0, 1].
        unseen: True if training augmentation never contains it.

    Raises:
        MissingExtraError: When called without Playwright or Chromium; the message says what to install.
    """

    device: Device
    jpeg_share: float = 0.5
    quality: tuple[int, int] = (80, 95)
    max_offset: int = 3
    rounded_share: float = 0.3
    unseen: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "quality", tuple(self.quality))
        if len(self.quality) != 2 or not 1 <= self.quality[0] <= self.quality[1] <= 100:
            raise ConfigurationError(
                f"browser screenshot: expected quality as 1 <= low <= high <= 100, got {self.quality}"
            )
        if not 0 <= self.max_offset <= 7:  # half of the smallest side that a device shows
            raise ConfigurationError(
                f"browser screenshot: expected max_offset in 0..7, got {self.max_offset}"
            )
        check_shares(self, ("jpeg_share", "rounded_share"), "browser screenshot ")

    @property
    def name(self) -> str:
        """For example `browser_screenshot_phone_x2`."""
        return f"browser_screenshot_{self.device.name}"

    @property
    def severity(self) -> float | str:
        """Device pixels per CSS pixel."""
        return float(self.device.density)

    def versions(self) -> dict[str, str]:
        """Returns the browser's version.

        Raises:
            MissingExtraError: There is no browser, or it does not start.
        """
        return {"chromium": version()}

    def __call__(self, image: Image, mask: Mask, rng: np.random.Generator) -> tuple[Image, Mask]:
        """Returns the cropped screenshot and the mask in its pixels; a mask that is not empty stays so."""
        height, width = self.device.shown(*image.shape[:2])
        density = self.device.density
        chat = draw_chat(rng, width / density, height / density, self.rounded_share)
        saves_jpeg = rng.random() < self.jpeg_share
        quality = int(rng.integers(self.quality[0], self.quality[1] + 1)) if saves_jpeg else None
        offsets = rng.integers(-self.max_offset, self.max_offset + 1, 4)
        shot = take_screenshot(self.device, chat, codec.encode_png(image), quality)
        screen = codec.decode(shot.data, "screenshot")
        edges = np.array([shot.top, shot.bottom, shot.left, shot.right])
        limits = np.array([screen.shape[0], screen.shape[0], screen.shape[1], screen.shape[1]])
        if (edges < 0).any() or (edges > limits).any():
            raise InvalidDataError(
                f"{self.name}: expected the photo whole on a screen of {screen.shape[1]}x{screen.shape[0]} "
                f"pixels, got it at rows {shot.top}:{shot.bottom}, columns {shot.left}:{shot.right}; "
                "give the device a smaller room"
            )
        whole = np.zeros(screen.shape[:2], dtype=bool)
        whole[shot.top : shot.bottom, shot.left : shot.right] = resize_mask_by_half(
            mask, shot.bottom - shot.top, shot.right - shot.left
        )
        outward = np.array([-1, 1, -1, 1])
        box = _box(np.clip(edges + outward * offsets, 0, limits))
        if mask.any() and not whole[box].any():  # never cut a flaw at the very edge away
            box = _box(np.clip(edges + outward * np.maximum(offsets, 0), 0, limits))
        cropped = np.ascontiguousarray(screen[box])
        if quality is not None:
            cropped = codec.decode(codec.encode_jpeg(cropped, quality))
        return cropped, np.ascontiguousarray(whole[box])


def _box(edges: np.ndarray) -> tuple[slice, slice]:
    """Returns rows and columns between edges (top, bottom, left, right)."""
    top, bottom, left, right = (int(edge) for edge in edges)
    return slice(top, bottom), slice(left, right)
