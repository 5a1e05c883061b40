import numpy as np
import pytest
from tests.metadata.files import UNDEFINED, exif, facts, only, png, xmp

from falseflaw.imaging import codec
from falseflaw.metadata.parts import exif as tags


def picture(width: int, height: int) -> bytes:
    return codec.encode_png(np.zeros((height, width), np.uint8))


@pytest.mark.parametrize(
    ("size", "screen"),
    [
        ((1170, 2532), "iphone"),
        ((2532, 1170), "iphone"),
        ((1080, 2400), "android"),
        ((1920, 1080), "android"),
    ],
)
def test_a_png_of_a_screens_size_is_told(size: tuple[int, int], screen: str) -> None:
    fact = only(picture(*size), "screenshot_size")
    assert (fact.source, fact.weight) == ("size", "neutral")
    assert fact.values == {"width": str(size[0]), "height": str(size[1]), "screen": screen}


def test_other_sizes_and_other_formats_are_not() -> None:
    assert facts(picture(1171, 2532), "screenshot_size") == []
    pixels = np.zeros((2532, 1170, 3), np.uint8)
    assert facts(codec.encode_jpeg(pixels, 50), "screenshot_size") == []


def test_the_note_of_ios_is_told() -> None:
    comment = exif(camera=[(tags.USER_COMMENT, UNDEFINED, b"ASCII\0\0\0Screenshot")])
    assert only(png((b"eXIf", comment)), "screenshot_note").source == "exif"
    items = '<rdf:Alt><rdf:li xml:lang="x-default">Screenshot</rdf:li></rdf:Alt>'
    inner = f"<exif:UserComment>{items}</exif:UserComment>"
    photo = png((b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(inner)))
    assert only(photo, "screenshot_note").source == "xmp"
