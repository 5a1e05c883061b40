"""`from falseflaw.runtime import Predictor`: what goes in, what comes out, and what it takes."""

import io
import json
import subprocess
import sys
from dataclasses import FrozenInstanceError
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from tests.base_install import others
from tests.runtime.red import POINT, gray_photo, spotted_photo, write_bundle

from falseflaw.errors import UnreadableImageError
from falseflaw.imaging import codec
from falseflaw.runtime import Predictor, Result
from falseflaw.runtime.verdict import decide
from falseflaw.types import Verdict

ROOT = Path(__file__).parents[2]
PHOTO = spotted_photo(80, 90, 10, 20, side=8)


def same(one: Result, other: Result) -> bool:
    fields = ("verdict", "probability", "reason", "marked_area", "tiles", "distance", "unfamiliar")
    return all(getattr(one, name) == getattr(other, name) for name in fields) and np.array_equal(
        one.heat_map, other.heat_map
    )


def test_a_photo_is_judged_alike_however_it_is_handed_over(predictor: Predictor, tmp_path: Path) -> None:
    path, data = tmp_path / "claim.dat", codec.encode_png(PHOTO)
    path.write_bytes(data)
    expected = predictor.judge(PHOTO)
    for given in (path, str(path), data, bytearray(data), memoryview(data), Pil.fromarray(PHOTO)):
        assert same(predictor.judge(given), expected)
    assert same(predictor.judge(Pil.open(path)), expected)


def test_the_answer_is_that_of_predict(predictor: Predictor) -> None:
    result, prediction = predictor.judge(PHOTO), predictor.predict(PHOTO)
    verdict, reason, area = decide(prediction, POINT)
    assert (result.verdict, result.reason, result.marked_area) == (verdict, reason, area)
    assert result.verdict is Verdict.ALTERED
    assert result.probability == prediction.probability
    assert result.heat_map.shape == (80, 90)
    assert result.heat_map.dtype == np.uint8
    assert result.heat_map[10:18, 20:28].min() == 255
    assert (result.tiles, result.distance, result.unfamiliar) == (1, None, False)


def test_a_large_photo_says_in_how_many_tiles(red_bundle: Path) -> None:
    tiled = Predictor(red_bundle, tile_pixels=288 * 288)
    result = tiled.judge(spotted_photo(400, 500, 350, 100, side=40))
    assert result.tiles == tiled.tiling(400, 500).count > 1
    assert f"judged in {result.tiles} overlapping tiles" in result.reason


def test_the_result_cannot_be_changed(predictor: Predictor) -> None:
    result = predictor.judge(gray_photo(64, 64))
    with pytest.raises(FrozenInstanceError):
        result.probability = 0.0  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        result.heat_map[0, 0] = 1


def test_a_picture_of_pillows_is_turned_upright_and_laid_on_white(predictor: Predictor) -> None:
    exif = Pil.Exif()
    exif[0x0112] = 6
    buffer = io.BytesIO()
    Pil.fromarray(PHOTO).save(buffer, "PNG", exif=exif)
    turned = predictor.judge(Pil.open(io.BytesIO(buffer.getvalue())))
    assert turned.heat_map.shape == (90, 80)
    assert same(turned, predictor.judge(buffer.getvalue()))
    red = Pil.new("RGBA", (80, 80), (255, 0, 0, 0))  # red that nobody sees
    assert predictor.judge(red).verdict is Verdict.NO_SIGN
    assert predictor.judge(Pil.new("CMYK", (80, 80), (0, 255, 255, 0))).verdict is Verdict.ALTERED


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("/nowhere/photo.jpg", "cannot read photo.jpg: No such file"),
        (b"", "the file is empty"),
        (b"plain text", "got a text"),
        (codec.encode_jpeg(PHOTO, 90)[:300], "cannot read image"),
        (None, "got a NoneType"),
        ([[1, 2, 3]], "got a list"),
        (PHOTO[..., 0], r"got an array \(80, 90\) of uint8"),
        (PHOTO / 255, "of float64"),
        (PHOTO[:0], r"array \(0, 90, 3\)"),
        (np.broadcast_to(np.zeros(3, np.uint8), (15_000, 10_001, 3)), "got 10001x15000"),
    ],
)
def test_what_is_no_photo_is_told_in_one_line(predictor: Predictor, given: object, words: str) -> None:
    with pytest.raises(UnreadableImageError, match=words) as caught:
        predictor.judge(given)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_broken_picture_of_pillows_is_told_in_one_line(predictor: Predictor) -> None:
    cut = codec.encode_jpeg(gray_photo(300, 300), 95)[:20_000]
    with pytest.raises(UnreadableImageError, match=r"cannot read the picture: .*truncated"):
        predictor.judge(Pil.open(io.BytesIO(cut)))


BASE_ALONE = """
import json, sys
class Absent:
    blocked = set(json.loads(sys.argv[1]))
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in self.blocked:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from falseflaw.runtime import Predictor
predictor = Predictor(sys.argv[2])
result = predictor.judge(sys.argv[3])
print(result.verdict, result.heat_map.shape)
"""


def test_four_lines_do_with_the_base_install_alone(tmp_path: Path) -> None:
    """Nothing can be imported that the base install does not bring, however deep in a library."""
    blocked = others()
    assert {"torch", "cv2", "pandas", "scipy", "lightning", "timm"} <= blocked
    assert not {"numpy", "PIL", "onnxruntime", "falseflaw"} & blocked
    (tmp_path / "claim.jpg").write_bytes(codec.encode_jpeg(PHOTO, 95))
    bundle = write_bundle(tmp_path / "bundle")
    done = subprocess.run(
        [sys.executable, "-c", BASE_ALONE, json.dumps(sorted(blocked)), bundle, tmp_path / "claim.jpg"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "altered (80, 90)\n"


def test_the_four_lines_of_the_documentation_are_those_of_the_docstring() -> None:
    import falseflaw.runtime

    lines = [line.strip() for line in (falseflaw.runtime.__doc__ or "").splitlines()]
    text = (ROOT / "docs/runtime.md").read_text(encoding="utf-8")
    (block, *_) = text.split("```python\n")[1].split("```")
    code = [line for line in block.splitlines() if line]
    assert len(code) == 4
    assert [line for line in lines if line in code] == code


def test_importing_the_package_loads_nothing_heavy() -> None:
    heavy = "[name for name in ('onnxruntime', 'numpy', 'PIL') if name in sys.modules]"
    code = f"import falseflaw.runtime, sys; print({heavy})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
