"""Whether a PNG has exactly the size of a screen, as screenshots have."""

from __future__ import annotations

from collections.abc import Iterator

from falseflaw.metadata.facts import Fact, make_fact
from falseflaw.metadata.opened import Opened

# Width by height of phones and tablets upright, of computers lying; pixels.
_SCREENS = {
    "iphone": (
        "640x1136 750x1334 828x1792 1125x2436 1170x2532 1179x2556 1206x2622 1242x2208 1242x2688 "
        "1260x2736 1284x2778 1290x2796 1320x2868"
    ),
    "ipad": ("768x1024 1488x2266 1536x2048 1620x2160 1640x2360 1668x2224 1668x2388 2048x2732"),
    "android": (
        "720x1280 720x1520 720x1560 720x1600 720x1612 1008x2244 1080x1920 1080x2160 1080x2220 "
        "1080x2280 1080x2310 1080x2316 1080x2340 1080x2376 1080x2400 1080x2408 1080x2412 1080x2424 "
        "1080x2460 1200x2652 1200x2670 1216x2688 1220x2712 1224x2700 1240x2772 1256x2760 1260x2800 "
        "1264x2780 1280x2772 1280x2856 1344x2992 1440x2560 1440x2880 1440x2960 1440x3040 1440x3088 "
        "1440x3120 1440x3168 1440x3200"
    ),
    "computer": (
        "1280x720 1280x800 1366x768 1440x900 1536x864 1600x900 1680x1050 1920x1080 1920x1200 "
        "2256x1504 2560x1440 2560x1600 2560x1664 2736x1824 2880x1800 2880x1864 3024x1964 3440x1440 "
        "3456x2234 3840x2160"
    ),
}


def _by_size() -> dict[tuple[int, int], str]:
    found: dict[tuple[int, int], str] = {}
    for screen, sizes in _SCREENS.items():
        for size in sizes.split():
            width, height = map(int, size.split("x"))
            for turned in ((width, height), (height, width)):
                found.setdefault(turned, screen)
    return found


_BY_SIZE = _by_size()


def read_screenshot_size(photo: Opened) -> Iterator[Fact]:
    """Tells a PNG of a known screen's size: perhaps a screenshot, whose earlier metadata are lost.

    Neutral: sellers and customers take screenshots of honest photos, and other pictures have such sizes too
    (1920x1080 above all). Cropped screenshots are not found.
    """
    if photo.blocks.kind == "png" and photo.blocks.size in _BY_SIZE:
        width, height = photo.blocks.size
        values = {"width": width, "height": height, "screen": _BY_SIZE[photo.blocks.size]}
        yield make_fact("screenshot_size", "size", "neutral", values)


def read_screenshot_note(photo: Opened) -> Iterator[Fact]:
    """Tells the note `Screenshot` that iOS and macOS leave: neutral, for the same reasons."""
    notes = [("exif", photo.exif.user_comment())]
    notes += [("xmp", text) for text in photo.xmp.values("http://ns.adobe.com/exif/1.0/", "UserComment")]
    for source, note in notes:
        if note.strip().lower() == "screenshot":
            yield make_fact("screenshot_note", source, "neutral", {"note": note})
            return
