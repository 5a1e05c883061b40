import numpy as np
import pytest
from tests.metadata.files import JPEG, PHOTO, facts, jpeg, only, saved

from falseflaw.imaging import codec


def values(data: bytes) -> dict[str, str]:
    fact = only(data, "jpeg_tables")
    assert (fact.source, fact.weight) == ("jpeg", "neutral")
    return dict(fact.values)


@pytest.mark.parametrize("quality", range(1, 101))
def test_the_quality_of_standard_tables_is_exact(quality: int) -> None:
    told = values(codec.encode_jpeg(PHOTO[:16, :16], quality))
    assert (told["tables"], told["quality"]) == ("standard", str(quality))
    assert "nearest_quality" not in told


def test_other_tables_are_said_to_be_no_standard_ones() -> None:
    tables = (tuple(range(2, 66)), tuple(range(3, 67)))
    told = values(codec.encode_jpeg_with_tables(PHOTO, tables, "4:2:0"))
    assert told["tables"] == "not_standard"
    assert "quality" not in told
    assert 50 < int(told["nearest_quality"]) < 90


def test_one_step_off_is_no_standard_table() -> None:
    (luma, chroma), _ = codec.read_jpeg_tables(codec.encode_jpeg(PHOTO, 80))
    changed = (luma[0] + 1, *luma[1:])
    told = values(codec.encode_jpeg_with_tables(PHOTO, (changed, chroma), "4:2:0"))
    assert (told["tables"], told["nearest_quality"]) == ("not_standard", "80")


@pytest.mark.parametrize("chroma", ["4:4:4", "4:2:2", "4:2:0"])
def test_the_sampling_of_chroma_is_told(chroma: codec.Subsampling) -> None:
    assert values(codec.encode_jpeg(PHOTO, 90, chroma))["chroma"] == chroma


def test_the_process_is_told() -> None:
    assert values(JPEG)["process"] == "baseline"
    assert values(saved("JPEG", progressive=True))["process"] == "progressive"


def test_gray_and_cmyk_have_their_words() -> None:
    import io

    from PIL import Image as Pil

    for mode, word in (("L", "gray"), ("CMYK", "4 bands")):
        buffer = io.BytesIO()
        Pil.fromarray(PHOTO).convert(mode).save(buffer, "JPEG", quality=80)
        told = values(buffer.getvalue())
        assert told["chroma"] == word
        if mode == "L":
            assert (told["tables"], told["quality"], told["count"]) == ("standard", "80", "1")


def test_the_digest_names_the_tables_not_the_pixels() -> None:
    other = np.zeros((8, 8, 3), np.uint8)
    assert values(codec.encode_jpeg(other, 70))["digest"] == values(codec.encode_jpeg(PHOTO, 70))["digest"]
    assert values(codec.encode_jpeg(other, 70))["digest"] != values(codec.encode_jpeg(PHOTO, 71))["digest"]


def test_damaged_tables_are_told() -> None:
    photo = jpeg((0xDB, b"\x00" + bytes(20)), photo=JPEG)
    assert [fact.values["reason"] for fact in facts(photo, "unreadable")] == ["damaged"]
    assert values(photo)["quality"] == "90"


def test_a_png_has_no_tables() -> None:
    assert facts(codec.encode_png(PHOTO), "jpeg_tables") == []
