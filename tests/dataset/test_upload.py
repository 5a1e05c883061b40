import io
import pickle

import numpy as np
import pytest
from PIL import Image as Pil

from falseflaw.dataset.upload import UploadSave, UploadSettings, save_photo
from falseflaw.errors import ConfigurationError, InvalidDataError, UnreadableImageError
from falseflaw.imaging.codec import decode

PHOTO = np.random.default_rng(0).integers(0, 256, (48, 40, 3), dtype=np.uint8)
LUMA = tuple(range(3, 67))
CHROMA = tuple(range(70, 6, -1))


def jpeg(subsampling="4:2:0", **options) -> bytes:
    stream = io.BytesIO()
    Pil.fromarray(PHOTO).save(stream, "JPEG", subsampling=subsampling, **options)
    return stream.getvalue()


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("tables", [(LUMA,), (LUMA, CHROMA), (LUMA, CHROMA, LUMA)])
def test_a_save_takes_the_tables_of_a_file_over_to_the_byte(subsampling, tables):
    given = jpeg(subsampling, qtables=[list(table) for table in tables])
    save = UploadSave.of_file(given)
    again = save.encode(PHOTO)
    assert (save.quality, save.subsampling) == (0, subsampling)
    with Pil.open(io.BytesIO(given)) as first, Pil.open(io.BytesIO(again)) as second:
        assert [first.quantization[layer[3]] for layer in first.layer] == [
            second.quantization[layer[3]] for layer in second.layer
        ]
        assert [layer[:3] for layer in first.layer] == [layer[:3] for layer in second.layer]
    assert UploadSave.of_file(again) == save
    assert np.array_equal(save.apply(PHOTO), decode(given))


@pytest.mark.parametrize("save", [UploadSave(83, "4:4:4"), UploadSave(0, "4:2:2", (LUMA, CHROMA))])
def test_a_save_survives_json_and_pickle(save):
    assert UploadSave.from_json(save.to_json()) == save
    assert pickle.loads(pickle.dumps(save)) == save


@pytest.mark.parametrize(
    "values",
    [
        {"quality": 0},
        {"quality": 101},
        {"quality": 80, "tables": (LUMA,)},
        {"quality": 80, "subsampling": "4:1:1"},
        {"quality": 0, "tables": ((1, 2, 3),)},
        {"quality": 0, "tables": ((0,) * 64,)},
    ],
)
def test_a_save_out_of_range_is_refused(values):
    with pytest.raises(ConfigurationError, match="expected"):
        UploadSave(**values)


@pytest.mark.parametrize("text", ["", "[]", '{"quality": 0}', '{"quality": "x"}', '{"q": 1}'])
def test_json_that_is_no_save_is_refused_in_one_line(text):
    with pytest.raises(InvalidDataError, match="expected JSON with an upload's") as caught:
        UploadSave.from_json(text)
    assert "\n" not in str(caught.value)


def test_gray_photos_and_other_files_have_no_save(tmp_path):
    gray = io.BytesIO()
    Pil.fromarray(PHOTO[..., 0]).save(gray, "JPEG")
    with pytest.raises(UnreadableImageError, match="expected a JPEG in color"):
        UploadSave.of_file(gray.getvalue())
    (tmp_path / "a.jpg").write_bytes(b"nothing of the kind")
    with pytest.raises(UnreadableImageError, match=r"a\.jpg: expected a JPEG"):
        UploadSave.of_file(tmp_path / "a.jpg")


def test_a_share_is_uploaded_with_hardly_any_loss():
    settings = UploadSettings(upload_quality=(60, 70), high_quality=(95, 100), high_quality_share=0.2)
    saves = [settings.draw(np.random.default_rng(seed)) for seed in range(600)]
    high = [save.quality for save in saves if save.quality >= 95]
    assert 0.15 < len(high) / len(saves) < 0.25
    assert set(high) == set(range(95, 101))
    assert {save.quality for save in saves} - set(high) == set(range(60, 71))


def test_the_file_is_what_was_encoded(tmp_path):
    save = UploadSave(0, "4:2:0", (LUMA, CHROMA))
    save_photo(tmp_path / "x" / "a.jpg", PHOTO, save)
    assert (tmp_path / "x" / "a.jpg").read_bytes() == save.encode(PHOTO)
