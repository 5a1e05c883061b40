import struct

import pytest
from tests.metadata.files import (
    RATIONAL,
    SHORT,
    ascii_entry,
    exif,
    exif_segment,
    facts,
    jpeg,
    only,
    png,
    saved,
)

from falseflaw.metadata.parts import exif as tags


def shot(order: str = ">") -> bytes:
    return exif(
        order,
        shown=[
            ascii_entry(tags.MAKE, "Canon"),
            ascii_entry(tags.MODEL, "Canon EOS 80D"),
            ascii_entry(tags.CHANGED, "2020:03:07 09:00:00"),
        ],
        camera=[
            (tags.EXPOSURE, RATIONAL, struct.pack(order + "II", 10, 400)),
            (tags.APERTURE, RATIONAL, struct.pack(order + "II", 28, 10)),
            (tags.SENSITIVITY, SHORT, struct.pack(order + "H", 800)),
            ascii_entry(tags.TAKEN, "2020:03:06 18:08:27"),
            (tags.FOCAL_LENGTH, RATIONAL, struct.pack(order + "II", 135, 1)),
            ascii_entry(tags.LENS, "EF-S18-135mm"),
        ],
    )


TOLD = {
    "make": "Canon",
    "model": "Canon EOS 80D",
    "lens": "EF-S18-135mm",
    "taken": "2020:03:06 18:08:27",
    "changed": "2020:03:07 09:00:00",
    "exposure_s": "1/40",
    "aperture": "f/2.8",
    "iso": "800",
    "focal_length_mm": "135.0",
}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("container", ["jpeg", "png", "png of ImageMagick", "webp", "avif"])
def test_what_a_camera_wrote_is_told(order: str, container: str) -> None:
    data = shot(order)
    photo = {
        "jpeg": lambda: jpeg(exif_segment(data)),
        "png": lambda: png((b"eXIf", data)),
        "png of ImageMagick": lambda: png(
            (b"tEXt", b"Raw profile type exif\0\nexif\n  9\n" + data.hex().encode())
        ),
        "webp": lambda: saved("WEBP", exif=b"Exif\0\0" + data),
        "avif": lambda: saved("AVIF", exif=b"Exif\0\0" + data),
    }[container]()
    fact = only(photo, "camera")
    assert (fact.source, fact.weight, fact.values) == ("exif", "camera", TOLD)


def test_the_place_is_told_as_present_only() -> None:
    data = exif(shown=[ascii_entry(tags.MAKE, "Apple"), (0x8825, 4, struct.pack(">I", 8))])
    assert only(jpeg(exif_segment(data)), "camera").values == {"make": "Apple", "place": "present"}


def test_absurd_exposures_are_left_out() -> None:
    for above, below in ((1, 0), (0, 0)):
        data = exif(camera=[(tags.EXPOSURE, RATIONAL, struct.pack(">II", above, below))])
        assert facts(jpeg(exif_segment(data)), "camera") == []


def test_a_photo_without_such_fields_has_no_camera() -> None:
    data = exif(shown=[ascii_entry(tags.SOFTWARE, "GIMP")])
    assert facts(jpeg(exif_segment(data)), "camera") == []
