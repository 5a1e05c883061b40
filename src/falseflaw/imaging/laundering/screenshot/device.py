"""A screen that shows a photo: its size, pixel density, zoom, and the room a chat leaves for the photo."""

from __future__ import annotations

import re
from dataclasses import dataclass

from falseflaw.errors import ConfigurationError

_SMALLEST = 16
"""Device pixels that a photo's side takes at least: a crop a few pixels off must leave something of it."""


@dataclass(frozen=True)
class Device:
    """A screen and how a chat fits photos on it.

    Attributes:
        name: A word for tables and file names: letters, digits, `_`, `.` and `-`.
        width: Of the screen in CSS pixels before zoom, 240 to 4096.
        height: The same downward; it has to leave 260 CSS pixels beside the photo for bars and messages.
        pixel_ratio: Device pixels per CSS pixel, 0.5 to 4.
        zoom: Of the page, 0.25 to 5; as in a browser, it makes CSS pixels larger and leaves room for fewer.
        room: Largest width and height of a photo in the chat, CSS pixels.
        enlarge: Whether smaller photos are enlarged to the room; otherwise they stay at their natural size.
    """

    name: str
    width: int
    height: int
    pixel_ratio: float = 1.0
    zoom: float = 1.0
    room: tuple[int, int] = (330, 400)
    enlarge: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "room", tuple(self.room))
        what = f"device {self.name}"
        if not re.fullmatch(r"[\w.-]+", self.name):
            raise ConfigurationError(f"device: expected a name of letters, digits, _ . -, got {self.name!r}")
        if not (240 <= self.width <= 4096 and 240 <= self.height <= 4096):
            raise ConfigurationError(
                f"{what}: expected width and height in 240..4096, got {self.width}x{self.height}"
            )
        if not 0.5 <= self.pixel_ratio <= 4:
            raise ConfigurationError(f"{what}: expected pixel_ratio in [0.5, 4], got {self.pixel_ratio}")
        if not 0.25 <= self.zoom <= 5:
            raise ConfigurationError(f"{what}: expected zoom in [0.25, 5], got {self.zoom}")
        if len(self.room) != 2 or min(self.room) < _SMALLEST:
            raise ConfigurationError(
                f"{what}: expected room as two numbers from {_SMALLEST}, got {self.room}"
            )
        width, height = self.width / self.zoom, self.height / self.zoom
        if self.room[0] > 0.9 * width or self.room[1] > height - 260:
            raise ConfigurationError(
                f"{what}: expected room within {int(0.9 * width)}x{int(height - 260)} CSS pixels, "
                f"got {self.room[0]}x{self.room[1]}"
            )

    @property
    def density(self) -> float:
        """Device pixels per CSS pixel after zoom; what `window.devicePixelRatio` says."""
        return self.pixel_ratio * self.zoom

    @property
    def screen(self) -> tuple[int, int]:
        """Width and height of the screen in device pixels."""
        return round(self.width * self.pixel_ratio), round(self.height * self.pixel_ratio)

    def factor(self, height: int, width: int) -> float:
        """Returns how many device pixels a pixel of a photo of this size takes along each side."""
        scale = min(self.room[0] / width, self.room[1] / height)
        return (scale if self.enlarge else min(scale, 1.0)) * self.density

    def shown(self, height: int, width: int) -> tuple[int, int]:
        """Returns height and width in device pixels at which the chat shows a photo of this size."""
        factor = self.factor(height, width)
        return max(_SMALLEST, round(height * factor)), max(_SMALLEST, round(width * factor))
