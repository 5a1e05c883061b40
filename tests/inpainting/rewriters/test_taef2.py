from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.helpers import textured_photo
from tests.inpainting.rewriters.published import publish_taef2

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.inpainting.rewriters.taef2 import Taef2, Taef2Network


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return publish_taef2(tmp_path / "weights", monkeypatch)


@pytest.mark.parametrize("shape", [(37, 51), (8, 8), (64, 48)])
def test_a_round_trip_keeps_the_size_of_any_photo(folder, shape):
    photo = textured_photo(np.random.default_rng(0), *shape)
    member = Taef2(str(folder))
    output = member.round_trip(photo, 0)
    assert output.shape == photo.shape
    assert output.dtype == np.uint8
    assert not np.array_equal(output, photo)
    assert np.array_equal(output, member.round_trip(photo, 1))  # nothing is drawn


def test_it_decodes_what_it_encodes(folder):
    """An eighth of the resolution, in [0, 1] inside: what the published tensors were trained for."""
    network = Taef2Network(channels=4, latent_channels=3, pooled=8).eval()
    pixels = torch.rand(1, 3, 24, 16) * 2 - 1
    with torch.no_grad():
        assert network.encode(pixels).shape == (1, 3, 3, 2)
        torch.testing.assert_close(network.encode(pixels), network.encoder((pixels + 1) / 2))
        far = torch.ones(1, 3, 3, 2) * 100  # softly clamped: no latent is out of reach
        torch.testing.assert_close(network.decode(far), network.decode(far * 9))
        torch.testing.assert_close(network.decode(far), network.decoder(far) * 2 - 1)


def test_the_published_sizes_are_those_of_the_network():
    network = Taef2Network()
    assert sum(weight.numel() for weight in network.encoder.parameters()) == 1_338_528
    assert network.encoder[11].pool[0].weight.shape == (256, 64, 1, 1)
    assert {"14.weight", "3.conv.4.bias"} <= set(network.encoder.state_dict())
    assert {"1.weight", "3.pool.3.weight", "19.bias"} <= set(network.decoder.state_dict())


def test_weights_that_are_away_cut_or_altered_are_told_in_one_line(folder):
    with pytest.raises(MissingDataError, match="falseflaw download weights=taef2"):
        Taef2(str(folder / "nowhere"))
    file = folder / "taef2_decoder.pth"
    whole = file.read_bytes()
    for broken in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
        file.write_bytes(broken)
        with pytest.raises(InvalidDataError, match=r"expected sha256 .* remove the file") as caught:
            Taef2(str(folder))
        assert "\n" not in str(caught.value)


def test_tensors_of_another_network_are_refused(folder, monkeypatch):
    publish_taef2(folder, monkeypatch, encoder={"0.weight": torch.zeros(1)})
    with pytest.raises(InvalidDataError, match="tensors of TAEF2") as caught:
        Taef2(str(folder))
    assert "\n" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="device"):
        Taef2(str(folder), device="gpu")


def test_a_shared_folder_may_hold_them_bare_or_below_their_name(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("FALSEFLAW_WEIGHTS", str(folder))
    Taef2()
    (tmp_path / "shared").mkdir()
    folder.rename(tmp_path / "shared/taef2")
    monkeypatch.setenv("FALSEFLAW_WEIGHTS", str(tmp_path / "shared"))
    Taef2()


def test_downloaded_weights_are_found_without_a_path(folder, monkeypatch, tmp_path):
    monkeypatch.delenv("FALSEFLAW_WEIGHTS", raising=False)
    (tmp_path / "data/weights").mkdir(parents=True)
    folder.rename(tmp_path / "data/weights/taef2")
    monkeypatch.chdir(tmp_path)
    assert not Taef2().reserved
    assert Taef2(reserved=True).reserved
