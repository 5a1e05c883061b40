from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.helpers import textured_photo

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.inpainting.rewriters.denoised import DenoisedLatents


def crop(height: int = 40, width: int = 56):
    return textured_photo(np.random.default_rng(0), height, width)


def test_a_seed_decides_and_the_size_stays(saved_pipeline: Path):
    writer = DenoisedLatents(str(saved_pipeline), steps=2)
    photo = crop(37, 51)
    one, again, other = (writer.round_trip(photo, seed) for seed in (1, 1, 2))
    assert one.shape == photo.shape
    assert one.dtype == np.uint8
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert not writer.whole


def test_more_strength_leads_further_from_the_autoencoder(saved_pipeline: Path):
    photo = crop()
    weak, strong = (
        DenoisedLatents(str(saved_pipeline), steps=2, strength=(share, share)) for share in (0.05, 1.0)
    )
    plain = weak._inpainter.round_trip(photo).astype(int)
    near, far = (np.abs(writer.round_trip(photo, 3) - plain).mean() for writer in (weak, strong))
    assert 0 < near < far


@pytest.mark.parametrize("strength", [0.1, 0.37, 0.5, 1.0])
def test_the_steps_do_not_grow_with_the_strength(saved_pipeline: Path, strength, monkeypatch):
    writer = DenoisedLatents(str(saved_pipeline), steps=3, strength=(strength, strength))
    unet, calls = writer._inpainter.pipeline.unet, []
    forward = unet.forward
    monkeypatch.setattr(unet, "forward", lambda *a, **k: calls.append(1) or forward(*a, **k))
    writer.round_trip(crop(), 0)
    assert len(calls) in (2, 3, 4)


def test_photos_larger_than_a_tile_are_taken_whole(saved_pipeline: Path):
    photo = crop(64, 300)
    output = DenoisedLatents(str(saved_pipeline), steps=1).round_trip(photo, 0)
    assert output.shape == photo.shape


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strength": (0.5, 0.1)}, "strength"),
        ({"strength": (0.0, 0.1)}, "strength"),
        ({"strength": (0.1,)}, "strength"),
        ({"eta": 2.0}, "eta"),
        ({"steps": 0}, "steps"),
        ({"condition": "crop"}, "hole or photo"),
        ({"device": "gpu"}, "device"),
    ],
)
def test_values_out_of_range_are_refused(saved_pipeline: Path, options, words):
    with pytest.raises(ConfigurationError, match=words):
        DenoisedLatents(str(saved_pipeline), **options)


def test_what_cannot_be_loaded_or_rewritten_is_told(saved_pipeline: Path, tmp_path: Path):
    with pytest.raises(MissingDataError, match="train-inpainter"):
        DenoisedLatents(str(tmp_path / "nowhere"))
    with pytest.raises(InvalidDataError, match="uint8"):
        DenoisedLatents(str(saved_pipeline)).round_trip(np.zeros((8, 8), np.uint8), 0)
