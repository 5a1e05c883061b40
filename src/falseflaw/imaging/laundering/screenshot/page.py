"""What stands around a photo on the screen: a chat or a shop page with bars, text and the photo in it."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pil
from PIL import ImageDraw, ImageFont

from falseflaw.types import Image

_LINES = (
    "Hello, my parcel came today.",
    "Unfortunately it arrived like this:",
    "I would like a refund, please.",
    "See the photo below.",
    "Order 4017-88, size M",
    "Is there anything you can do?",
    "Thanks in advance!",
    "It was like that when I opened it.",
)
_TITLES = ("Customer service", "Anna", "Returns", "Shop support", "Order details")

_BAR = 52
"""Height of the bars at the top and the bottom, CSS pixels."""

_LEAST_WIDTH = 270
"""Of the page, CSS pixels: the longest line of text fits."""

_LEADING = 22
"""From one line of text to the next, CSS pixels."""


def draw_page(
    shown: Image, ratio: float, color: tuple[int, int, int], rng: np.random.Generator
) -> tuple[Image, int, int]:
    """Lays a photo on a page with a title bar, lines of text above and below, and a bar to type in.

    Args:
        shown: The photo at its size on the screen, uint8 (H, W, 3), device pixels.
        ratio: Device pixels per CSS pixel, above 0; bars and letters scale with it.
        color: Of the page, RGB.
        rng: Draws margins and words.

    Returns:
        The screen, uint8, and the row and column of the photo's top left corner in it.
    """

    def pixels(length: float) -> int:
        return max(1, round(length * ratio))

    height, width = shown.shape[:2]
    dark = sum(color) < 3 * 128
    ink = (235, 235, 240) if dark else (25, 25, 30)
    bar = tuple(min(255, level + 22) if dark else max(0, level - 18) for level in color)
    left, right = (pixels(css) for css in rng.uniform(10, 40, 2))
    words = [_LINES[index] for index in rng.permutation(len(_LINES))]
    count = int(rng.integers(1, 4))
    above, below = words[:count], words[count : count + int(rng.integers(1, 4))]
    top = pixels(_BAR + 10 + _LEADING * len(above) + 6)
    under = top + height + pixels(8)
    foot = under + pixels(_LEADING * len(below) + 10)
    across = max(left + width + right, left + pixels(_LEAST_WIDTH))
    page = Pil.new("RGB", (across, foot + pixels(_BAR)), color)
    draw = ImageDraw.Draw(page)
    font, large = (ImageFont.load_default(pixels(size)) for size in (15, 18))
    draw.rectangle((0, 0, across, pixels(_BAR)), fill=bar)
    accent = tuple(int(level) for level in rng.integers(60, 200, 3))
    draw.ellipse((pixels(10), pixels(10), pixels(42), pixels(42)), fill=accent)
    draw.text((pixels(54), pixels(15)), _TITLES[int(rng.integers(len(_TITLES)))], fill=ink, font=large)
    for lines, start in ((above, pixels(_BAR + 10)), (below, under)):
        for index, line in enumerate(lines):
            draw.text((left, start + pixels(_LEADING * index)), line, fill=ink, font=font)
    draw.rectangle((0, foot, across, page.height), fill=bar)
    field = (pixels(10), foot + pixels(9), across - pixels(56), foot + pixels(43))
    draw.rounded_rectangle(field, pixels(17), fill=color)
    draw.ellipse((across - pixels(46), foot + pixels(9), across - pixels(12), foot + pixels(43)), fill=accent)
    screen = np.array(page)
    screen[top : top + height, left : left + width] = shown
    return screen, top, left
