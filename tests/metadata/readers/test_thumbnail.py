"""The threshold's margins on generated photos; the module tells those on real ones."""

import io
import struct

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import ImageEnhance
from tests.helpers import textured_photo
from tests.metadata.files import LONG, exif, exif_segment, facts, jpeg, only, reasons

from falseflaw.imaging.metadata import count_scans
from falseflaw.metadata.parts import exif as tags
from falseflaw.metadata.readers.thumbnail import THRESHOLD, compare

PHOTO = Pil.fromarray(textured_photo(np.random.default_rng(5), 480, 640))
RESAMPLINGS = ("NEAREST", "BOX", "BILINEAR", "BICUBIC", "LANCZOS")


def encoded(photo: Pil.Image, quality: int = 80) -> bytes:
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def reduced(
    photo: Pil.Image, size: tuple[int, int] = (160, 120), resampling: str = "BICUBIC", quality: int = 60
) -> bytes:
    return encoded(photo.resize(size, Pil.Resampling[resampling]), quality)


def with_thumbnail(photo: bytes, thumbnail: bytes) -> bytes:
    def tree(start: int) -> bytes:
        return exif(
            thumbnail=[
                (tags.THUMBNAIL_START, LONG, struct.pack(">I", start)),
                (tags.THUMBNAIL_LENGTH, LONG, struct.pack(">I", len(thumbnail))),
            ]
        )

    return jpeg(exif_segment(tree(len(tree(0))) + thumbnail), photo=photo)


def largest(photo: Pil.Image, thumbnail: bytes) -> float:
    return compare(photo.convert("L"), Pil.open(io.BytesIO(thumbnail)).convert("L"))[1]


def flawed(photo: Pil.Image, levels: int, width: float = 0.15) -> Pil.Image:
    """The photo with a disc of a part of its width, darker by so many levels, in the upper right quarter."""
    pixels = np.asarray(photo).astype(np.int16)
    y, x = np.mgrid[: photo.height, : photo.width]
    radius = width * photo.width / 2
    disc = (x - 0.7 * photo.width) ** 2 + (y - 0.3 * photo.height) ** 2 < radius**2
    return Pil.fromarray((pixels - levels * disc[..., None]).clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("resampling", RESAMPLINGS)
@pytest.mark.parametrize("quality", [20, 60, 95])
def test_a_thumbnail_of_the_photo_agrees(resampling: str, quality: int) -> None:
    thumbnail = reduced(PHOTO, resampling=resampling, quality=quality)
    assert largest(PHOTO, thumbnail) < THRESHOLD / 2
    assert facts(with_thumbnail(encoded(PHOTO, 50), thumbnail), "thumbnail_differs") == []


@pytest.mark.parametrize("factor", [0.7, 1.4])
def test_a_change_of_tone_is_no_other_picture(factor: float) -> None:
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast):
        changed = enhance(PHOTO).enhance(factor)
        assert largest(changed, reduced(PHOTO)) < THRESHOLD


@pytest.mark.parametrize(
    "turn", [Pil.Transpose.ROTATE_90, Pil.Transpose.ROTATE_180, Pil.Transpose.ROTATE_270]
)
def test_a_turned_photo_agrees_with_the_thumbnail_of_before(turn: Pil.Transpose) -> None:
    assert largest(PHOTO.transpose(turn), reduced(PHOTO)) < THRESHOLD / 2


def test_bars_and_a_cut_thumbnail_agree() -> None:
    wide = PHOTO.crop((0, 30, 640, 456))  # 3:2, of which cameras make thumbnails of 4:3
    boxed = Pil.new("RGB", (160, 120))
    boxed.paste(wide.resize((160, 107)), (0, 6))
    assert largest(wide, encoded(boxed, 60)) < THRESHOLD / 2
    assert largest(PHOTO, reduced(PHOTO.crop((80, 0, 560, 480)), (120, 120))) < THRESHOLD / 2
    assert largest(wide, reduced(wide)) < THRESHOLD / 2  # stretched


@pytest.mark.parametrize("levels", [80, 120])
def test_a_flaw_that_came_later_is_found_where_it_is(levels: int) -> None:
    fact = only(with_thumbnail(encoded(flawed(PHOTO, levels)), reduced(PHOTO)), "thumbnail_differs")
    assert (fact.source, fact.weight, fact.values["how"]) == ("exif", "declares_edit", "content")
    assert float(fact.values["difference"]) > THRESHOLD
    assert fact.values["threshold"] == f"{THRESHOLD:.0f}"
    left, top, width, height = (int(part.split()[1]) for part in fact.values["region_percent"].split(", "))
    assert left <= 70 <= left + width
    assert top <= 30 <= top + height
    assert width < 30 > height - 5


def test_a_photo_cut_afterwards_is_told_as_another_frame() -> None:
    cut = PHOTO.crop((250, 20, 630, 470))
    fact = only(with_thumbnail(encoded(cut), reduced(PHOTO)), "thumbnail_differs")
    assert fact.values["how"] == "frame"
    assert "region_percent" not in fact.values


def test_another_photo_is_told() -> None:
    other = Pil.fromarray(textured_photo(np.random.default_rng(8), 480, 640))
    assert (
        only(with_thumbnail(encoded(other), reduced(PHOTO)), "thumbnail_differs").values["how"] == "content"
    )


def test_thumbnails_that_cannot_be_read_are_told() -> None:
    whole = with_thumbnail(encoded(PHOTO), reduced(PHOTO))
    for thumbnail in (b"no picture at all", reduced(PHOTO)[:200], encoded(Pil.new("L", (2000, 1000)))):
        assert ("exif", "thumbnail", "damaged") in reasons(with_thumbnail(encoded(PHOTO), thumbnail))
    assert ("exif", "thumbnail", "damaged") in reasons(whole[: len(whole) - len(encoded(PHOTO)) + 700])
    beyond = exif(
        thumbnail=[
            (tags.THUMBNAIL_START, LONG, struct.pack(">I", 100)),
            (tags.THUMBNAIL_LENGTH, LONG, struct.pack(">I", 1 << 31)),
        ]
    )
    assert ("exif", "thumbnail", "truncated") in reasons(jpeg(exif_segment(beyond)))


def test_a_thumbnail_of_many_scans_is_not_decoded() -> None:
    buffer = io.BytesIO()
    PHOTO.resize((1000, 800)).save(buffer, "JPEG", quality=5, progressive=True)
    usual = buffer.getvalue()
    last, end = usual.rindex(b"\xff\xda"), len(usual) - 2
    slow = usual[:end] + usual[last:end] * 5 + usual[end:]
    assert (count_scans(usual, 99), count_scans(slow, 99), count_scans(slow, 3)) == (10, 15, 4)
    assert reasons(with_thumbnail(encoded(PHOTO), usual)) == []
    assert reasons(with_thumbnail(encoded(PHOTO), slow)) == [("exif", "thumbnail", "damaged")]


@pytest.mark.parametrize("size", [(1, 1), (1, 200), (200, 1), (3, 2)])
def test_tiny_pictures_are_compared_too(size: tuple[int, int]) -> None:
    assert (
        largest(Pil.new("RGB", size, (90, 90, 90)), encoded(Pil.new("RGB", size, (90, 90, 90)))) < THRESHOLD
    )
