from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.helpers import textured_photo
from tests.synthesis.builders import FakeInpainter
from tests.training.generators.members import recipe_of
from tests.training.generators.runs import train

from falseflaw.errors import MissingDataError
from falseflaw.imaging.crop import Box
from falseflaw.inpainting.autoencoders.autoencoder import Autoencoder
from falseflaw.inpainting.finished import FinishedInpainter


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("member"), recipe_of("shuffle", 2))


def test_what_is_written_goes_through_the_autoencoder(folder):
    inner, autoencoder = FakeInpainter(), Autoencoder("x", str(folder))
    finished = FinishedInpainter("both", inner, str(folder))
    crops = np.stack([textured_photo(np.random.default_rng(seed), 32, 32) for seed in range(2)])
    masks = np.zeros((2, 32, 32), bool)
    masks[:, 8:16, 8:16] = True
    given = (crops, masks, ["a coffee stain", "clean fabric"], [1, 2])
    written, again = inner.sample(*given), finished.sample(*given)
    for before, after in zip(written.images, again.images, strict=True):
        assert np.array_equal(after, autoencoder.round_trip(before))
    assert finished.factor % inner.factor == finished.factor % autoencoder.factor == 0
    photo = textured_photo(np.random.default_rng(5), 40, 48)
    assert np.array_equal(finished.round_trip(photo), autoencoder.round_trip(photo))
    box, mask = Box(0, 0, 32, 32), np.zeros((40, 48), bool)
    mask[8:16, 8:16] = True
    whole = finished.regenerate(photo, again.latents[0], box, mask)
    assert finished.rewrites_all
    assert (whole != photo).any(axis=-1).mean() > 0.9


def test_an_autoencoder_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(MissingDataError):
        FinishedInpainter("both", FakeInpainter(), str(tmp_path / "nothing"))
