import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import ImageOps
from tests.helpers import textured_photo

from falseflaw.errors import UnreadableImageError
from falseflaw.imaging import codec


def encoded(image: Pil.Image, format_name: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


@pytest.fixture
def photo() -> np.ndarray:
    return textured_photo(np.random.default_rng(1), 40, 60)


def corners(height: int = 6, width: int = 9) -> np.ndarray:
    """Black, with the upper left corner red and the upper right green: no two orientations are alike."""
    image = np.zeros((height, width, 3), np.uint8)
    image[0, 0] = (255, 0, 0)
    image[0, -1] = (0, 255, 0)
    return image


@pytest.mark.parametrize("format_name", ["PNG", "BMP", "TIFF", "WEBP"])
def test_lossless_formats_come_back_exactly(photo: np.ndarray, format_name: str) -> None:
    options = {"lossless": True} if format_name == "WEBP" else {}
    decoded = codec.decode(encoded(Pil.fromarray(photo), format_name, **options))
    np.testing.assert_array_equal(decoded, photo)
    assert decoded.dtype == np.uint8
    assert decoded.flags.writeable
    assert decoded.flags.c_contiguous


@pytest.mark.parametrize(
    "data_of",
    [
        lambda image: codec.encode_jpeg(image, 95, "4:4:4"),
        lambda image: codec.encode_jpeg(image, 95),
        lambda image: codec.encode_webp(image, 95),
        lambda image: codec.encode_avif(image, 95),
    ],
)
def test_lossy_formats_come_back_nearly(photo: np.ndarray, data_of) -> None:  # type: ignore[no-untyped-def]
    decoded = codec.decode(data_of(photo))
    assert decoded.shape == photo.shape
    assert np.abs(decoded.astype(int) - photo.astype(int)).mean() < 6


def test_the_content_decides_and_not_the_name(tmp_path: Path, photo: np.ndarray) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(codec.encode_png(photo))
    np.testing.assert_array_equal(codec.decode(path), photo)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_rotation_is_applied(orientation: int) -> None:
    image = corners()
    inverse = {1: "", 2: "h", 3: "hv", 4: "v", 5: "t", 6: "tv", 7: "thv", 8: "th"}[orientation]
    stored = image  # what a camera held so would store: the upright photo turned back
    for step in inverse:
        stored = {"h": stored[:, ::-1], "v": stored[::-1], "t": stored.transpose(1, 0, 2)}[step]
    exif = Pil.Exif()
    exif[0x0112] = orientation
    data = encoded(Pil.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    np.testing.assert_array_equal(codec.decode(data), image)


@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0", b"\0"])
def test_broken_exif_does_not_hide_the_pixels(photo: np.ndarray, exif: bytes) -> None:
    assert codec.decode(encoded(Pil.fromarray(photo), "JPEG", exif=exif)).shape == photo.shape


def test_an_orientation_out_of_range_turns_nothing() -> None:
    exif = Pil.Exif()
    exif[0x0112] = 77
    image = corners()
    np.testing.assert_array_equal(codec.decode(encoded(Pil.fromarray(image), exif=exif)), image)


def test_cmyk_becomes_rgb() -> None:
    image = Pil.new("CMYK", (16, 16), (0, 255, 255, 0))
    decoded = codec.decode(encoded(image, "JPEG", quality=100))
    assert decoded.shape == (16, 16, 3)
    np.testing.assert_allclose(decoded.reshape(-1, 3).mean(axis=0), (255, 0, 0), atol=3)


def test_transparency_is_laid_on_white() -> None:
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = (255, 0, 0, 255)
    rgba[0, 1] = (255, 0, 0, 0)
    rgba[1, 0] = (0, 0, 0, 128)
    expected = [[[255, 0, 0], [255, 255, 255]], [[127, 127, 127], [255, 255, 255]]]
    np.testing.assert_allclose(codec.decode(encoded(Pil.fromarray(rgba))), expected, atol=1)


def test_palette_with_transparency() -> None:
    image = Pil.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)
    assert codec.decode(encoded(image)).tolist() == [[[255, 0, 0], [0, 255, 0]]]
    assert codec.decode(encoded(image, transparency=1)).tolist() == [[[255, 0, 0], [255, 255, 255]]]
    assert codec.decode(encoded(image, transparency=b"\0\xff")).tolist() == [[[255, 255, 255], [0, 255, 0]]]


@pytest.mark.parametrize(
    ("mode", "color", "transparent"), [("L", 9, 9), ("RGB", (9, 8, 7), (9, 8, 7)), ("1", 0, 0)]
)
def test_a_color_declared_transparent_is_white(mode: str, color: object, transparent: object) -> None:
    data = encoded(Pil.new(mode, (3, 2), color), transparency=transparent)  # type: ignore[arg-type]
    assert (codec.decode(data) == 255).all()


def test_gray_with_alpha_and_one_bit() -> None:
    la = Pil.fromarray(np.array([[[10, 255], [10, 0]]], np.uint8))
    assert la.mode == "LA"
    assert codec.decode(encoded(la)).tolist() == [[[10] * 3, [255] * 3]]
    bits = Pil.fromarray(np.array([[True, False, True]]))
    assert bits.mode == "1"
    assert codec.decode(encoded(bits)).tolist() == [[[255] * 3, [0] * 3, [255] * 3]]


@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
def test_16_bit_gray_is_scaled(format_name: str) -> None:
    values = np.array([[0, 257, 32768, 65535]], np.uint16)
    decoded = codec.decode(encoded(Pil.fromarray(values), format_name))
    assert decoded.tolist() == [[[level] * 3 for level in (0, 1, 128, 255)]]


def test_dark_16_bit_gray_stays_dark() -> None:
    decoded = codec.decode(encoded(Pil.fromarray(np.full((2, 2), 200, np.uint16))))
    assert decoded.max() <= 1


@pytest.mark.parametrize(
    ("values", "levels"),
    [
        (np.array([[0.0, 0.5, 1.0]], np.float32), (0, 128, 255)),
        (np.array([[0.0, 51.0, 255.0]], np.float32), (0, 51, 255)),
        (np.array([[0.0, 1000.0, 2000000.0]], np.float32), (0, 0, 255)),
        (np.array([[np.nan, -5.0, np.inf]], np.float32), (0, 0, 0)),
        (np.array([[0, 100, 255]], np.int32), (0, 100, 255)),
        (np.array([[0, 257, 65535]], np.int32), (0, 1, 255)),
        (np.array([[-7, 0, 2**30]], np.int32), (0, 0, 255)),
    ],
)
def test_deep_gray_is_scaled_by_what_white_can_be(values: np.ndarray, levels: tuple[int, ...]) -> None:
    decoded = codec.decode(encoded(Pil.fromarray(values), "TIFF"))
    np.testing.assert_allclose(decoded[0, :, 0], levels, atol=1)


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_an_animation_the_first_frame_counts(format_name: str) -> None:
    frames = [Pil.new("RGB", (8, 8), color) for color in ("red", "lime", "blue")]
    options = {"lossless": True} if format_name == "WEBP" else {}
    data = encoded(frames[0], format_name, save_all=True, append_images=frames[1:], **options)
    assert (codec.decode(data) == (255, 0, 0)).all()


def test_a_truncated_photo_is_unreadable_at_any_length(photo: np.ndarray) -> None:
    for data in (codec.encode_jpeg(photo, 90), codec.encode_png(photo), codec.encode_webp(photo, 90)):
        for length in (1, 3, 10, 50, len(data) // 2, len(data) * 9 // 10):
            with pytest.raises(UnreadableImageError) as caught:
                codec.decode(data[:length], "cut.jpg")
            assert "cut.jpg" in str(caught.value)
            assert "\n" not in str(caught.value)


def test_random_damage_gives_pixels_or_one_error(photo: np.ndarray) -> None:
    rng = np.random.default_rng(5)
    whole = [codec.encode_jpeg(photo, 90), codec.encode_png(photo), codec.encode_webp(photo, 80)]
    whole += [encoded(Pil.fromarray(photo), name) for name in ("GIF", "TIFF", "BMP")]
    for data in whole:
        for _ in range(40):
            damaged = bytearray(data)
            for position in rng.integers(0, len(damaged), 6):
                damaged[position] = rng.integers(0, 256)
            try:
                assert codec.decode(bytes(damaged)).ndim == 3
            except UnreadableImageError:
                continue


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"plain text", "a text"),
        (b"%PDF-1.7", "a PDF document"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (bytes(100), "data of an unknown kind"),
        (b"PK\x03\x04", "a ZIP archive"),
        (b"\x89PNG\r\n\x1a\nno more", "a PNG that is damaged"),
    ],
)
def test_other_files_are_called_by_what_they_are(data: bytes, what: str) -> None:
    with pytest.raises(UnreadableImageError, match=f"expected a JPEG.*, got {what}"):
        codec.decode(data)


def test_formats_that_run_other_programs_are_refused(tmp_path: Path) -> None:
    """Pillow would hand an EPS file to Ghostscript, whatever the file is called."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(encoded(Pil.new("RGB", (8, 8)), "EPS"))
    with pytest.raises(UnreadableImageError, match="got a PostScript document"):
        codec.decode(path)


def test_empty_missing_folder_and_pipe(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    for name, words in (
        ("empty.png", "empty"),
        ("missing.png", "No such file"),
        ("", "got a folder"),
        ("pipe.png", "pipe, socket or device"),
        ("loop.png", "symbolic links"),
        ("empty.png/below.png", "Not a directory"),
        ("nul\0.png", "null"),
    ):
        with pytest.raises(UnreadableImageError, match=words) as caught:
            codec.decode(tmp_path / name)
        assert "\n" not in str(caught.value)


def png_of_size(width: int, height: int) -> bytes:
    """A tiny PNG file whose header claims any size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 99))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(15_000, 10_001), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(UnreadableImageError, match=f"limit of {codec.MAX_PIXELS}"):
        codec.decode(png_of_size(*size), "bomb.png")


def test_a_jpeg_of_endless_scans_is_refused_before_it_is_decoded(photo: np.ndarray) -> None:
    buffer = io.BytesIO()
    Pil.fromarray(photo).save(buffer, "JPEG", progressive=True)
    data = buffer.getvalue()
    np.testing.assert_array_equal(codec.decode(data), np.asarray(Pil.open(io.BytesIO(data))))
    last = data[data.rindex(b"\xff\xda") : data.rindex(b"\xff\xd9")]
    for scans in (codec.MAX_SCANS, 10_000):
        with pytest.raises(UnreadableImageError, match=f"most {codec.MAX_SCANS} scans, got more"):
            codec.decode(data[:-2] + last * scans + data[-2:], "bomb.jpg")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    with path.open("wb") as stream:
        stream.truncate(codec.MAX_BYTES + 1)  # sparse: takes no room on disk
    with pytest.raises(UnreadableImageError, match="exceed the limit"):
        codec.decode(path)


def test_the_message_names_the_file_in_one_line() -> None:
    with pytest.raises(UnreadableImageError) as caught:
        codec.decode(b"", "two\nlines.jpg")
    assert str(caught.value) == "cannot read two lines.jpg: the file is empty"


def test_masks_come_back(tmp_path: Path) -> None:
    mask = np.random.default_rng(0).random((9, 13)) < 0.5
    codec.write_atomic(tmp_path / "deep/er/mask.png", codec.encode_png(mask))
    read = codec.read_mask(tmp_path / "deep/er/mask.png")
    assert read.dtype == bool
    np.testing.assert_array_equal(read, mask)


def test_heat_maps_are_written_as_8_bit_gray() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    with Pil.open(io.BytesIO(codec.encode_png(levels))) as image:
        assert image.mode == "L"
        np.testing.assert_array_equal(np.asarray(image), levels)


def test_encoders_carry_no_metadata(photo: np.ndarray) -> None:
    for data in (codec.encode_jpeg(photo, 90), codec.encode_webp(photo, 90), codec.encode_png(photo)):
        with Pil.open(io.BytesIO(data)) as image:
            assert not image.getexif()
            assert ImageOps.exif_transpose(image).size == (60, 40)


@pytest.mark.parametrize("length", [1, 200, 255])
def test_atomic_writes_replace_files_with_names_of_any_length(tmp_path: Path, length: int) -> None:
    path = tmp_path / ("n" * length)
    for data in (b"old", b"new"):
        codec.write_atomic(path, data)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "file.png"
    codec.write_atomic(path, b"old")
    write = Path.write_bytes

    def half(self: Path, data: bytes) -> int:
        write(self, data[:1])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(OSError, match="disk full"):
        codec.write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_images_are_found_by_ending_or_content_sorted_and_not_hidden(
    tmp_path: Path, photo: np.ndarray
) -> None:
    for name in ("b.jpg", "a/z.PNG", "a/y.avif", ".hidden.jpg", ".thumbs/t.jpg", "c.txt", "d.heic", "e.jfif"):
        codec.write_atomic(tmp_path / name, b"x")
    for name in ("IMG_0001", "claim.dat", ".hidden"):
        codec.write_atomic(tmp_path / name, codec.encode_jpeg(photo, 80))
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "gone").symlink_to(tmp_path / "nothing")
    found = [str(path.relative_to(tmp_path)) for path in codec.find_images(tmp_path)]
    assert found == ["IMG_0001", "a/y.avif", "a/z.PNG", "b.jpg", "claim.dat", "d.heic", "e.jfif"]
    assert list(codec.find_images(tmp_path / "nothing")) == []
