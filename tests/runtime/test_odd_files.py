"""A folder of odd files: every kind of photo is judged, all else is refused in one line that says why."""

import csv
import importlib.util
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from tests.runtime.odd_files import BROKEN, PHOTO, PHOTOS

from falseflaw.errors import UnreadableImageError
from falseflaw.imaging import codec
from falseflaw.runtime.folder import judge_folder
from falseflaw.runtime.predictor import Predictor
from falseflaw.types import Verdict


@pytest.mark.parametrize("name", PHOTOS)
def test_every_kind_of_photo_is_judged_as_its_pixels_are(predictor: Predictor, name: str) -> None:
    result = predictor.judge(PHOTOS[name]())
    assert result.verdict is Verdict.ALTERED
    assert result.heat_map.shape == PHOTO.shape[:2]
    assert result.heat_map[20:44, 44:68].min() > 200  # the spot is where it is in the photo
    assert result.heat_map[:8].max() < 50


@pytest.mark.parametrize("name", BROKEN)
def test_every_other_file_is_refused_in_one_line(predictor: Predictor, name: str) -> None:
    make, words = BROKEN[name]
    with pytest.raises(UnreadableImageError, match=words) as caught:
        predictor.judge(make())
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_folder_of_all_of_them_gets_right_answers_or_clear_refusals(
    predictor: Predictor, tmp_path: Path
) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    for name, make in (PHOTOS | {name: make for name, (make, _) in BROKEN.items()}).items():
        codec.write_atomic(source / name, make())
    summary = judge_folder(predictor, source, output)
    assert summary.verdicts == {Verdict.ALTERED: len(PHOTOS), Verdict.ERROR: len(BROKEN)}
    rows = list(csv.DictReader((output / "predictions.csv").read_text(encoding="utf-8").splitlines()))
    for row in rows:
        if row["file"] in BROKEN:
            assert BROKEN[row["file"]][1] in row["reason"]
        else:
            with Pil.open(output / row["heat_map"]) as heat_map:
                assert heat_map.size == (PHOTO.shape[1], PHOTO.shape[0])


@pytest.mark.skipif(importlib.util.find_spec("pillow_heif") is None, reason="the extra heic is not installed")
@pytest.mark.parametrize("kind", ["plain", "alpha", "deep", "several", "turned"])
def test_heic_of_every_kind_is_judged(predictor: Predictor, kind: str) -> None:
    import pillow_heif

    picture = Pil.fromarray(PHOTO)
    options: dict[str, object] = {"quality": 95}
    if kind == "deep":
        data = (PHOTO.astype("<u2") * 257).tobytes()
        heif = pillow_heif.from_bytes(mode="RGB;16", size=picture.size, data=data)
    else:
        heif = pillow_heif.from_pillow(picture.convert("RGBA") if kind == "alpha" else picture)
    if kind == "several":
        heif.add_from_pillow(Pil.new("RGB", picture.size))
    if kind == "turned":
        exif = Pil.Exif()
        exif[0x0112] = 6
        options["exif"] = exif.tobytes()
    buffer = io.BytesIO()
    heif.save(buffer, **options)
    result = predictor.judge(buffer.getvalue())
    assert result.verdict is Verdict.ALTERED
    expected = np.rot90(PHOTO, -1) if kind == "turned" else PHOTO
    assert result.heat_map.shape == expected.shape[:2]
    for length in (20, 300, len(buffer.getvalue()) // 3):
        with pytest.raises(UnreadableImageError) as caught:
            predictor.judge(buffer.getvalue()[:length])
        assert "\n" not in str(caught.value)
