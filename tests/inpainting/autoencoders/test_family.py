from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.helpers import textured_photo
from tests.inpainting.members import TINY
from tests.training.generators.members import train_all

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.inpainting.autoencoders.autoencoder import Autoencoder
from falseflaw.inpainting.autoencoders.family import AutoencoderFamily
from falseflaw.inpainting.autoencoders.networks import build_member
from falseflaw.inpainting.autoencoders.perturbation import perturbed
from falseflaw.inpainting.tensors import decode_pixels, encode_pixels, reconstruct


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return train_all(tmp_path_factory)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", TINY)
def test_a_round_trip_keeps_the_size_of_any_photo(saved, architecture):
    member = Autoencoder("x", str(saved[architecture]))
    assert member.reserved == (architecture == "shuffle")
    photo = textured_photo(np.random.default_rng(0), 37, 51)
    output = member.round_trip(photo)
    assert output.shape == photo.shape
    assert output.dtype == np.uint8
    assert np.array_equal(output, member.round_trip(photo))
    assert not np.array_equal(output, photo)
    whole = photo[:32, :48]  # on the grid of all of them: nothing is padded
    assert np.array_equal(member.round_trip(whole), reconstruct(member._model, whole[None])[0])


def test_members_write_unlike_pixels(saved):
    photo = textured_photo(np.random.default_rng(0), 48, 48)
    outputs = [Autoencoder("x", str(path)).round_trip(photo).astype(int) for path in saved.values()]
    for one, other in itertools.combinations(outputs, 2):
        assert np.abs(one - other).mean() > 1


def test_the_mean_is_decoded_where_the_encoder_gives_a_distribution():
    model = build_member("kl", TINY["kl"]).eval()
    pixels = torch.rand(1, 3, 16, 16) * 2 - 1
    with torch.no_grad():
        one, other = (decode_pixels(model, encode_pixels(model, pixels)) for _ in range(2))
    assert torch.equal(one, other)


def test_broken_folders_are_named(saved, tmp_path):
    with pytest.raises(MissingDataError, match="train-inpainter"):
        Autoencoder("x", str(tmp_path / "nothing"))
    (tmp_path / "bare").mkdir()
    with pytest.raises(InvalidDataError, match=r"training\.json"):
        Autoencoder("x", str(tmp_path / "bare"))
    shutil.copytree(saved["tiny"], tmp_path / "torn")
    weights = tmp_path / "torn/diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(InvalidDataError, match="cannot load") as caught:
        Autoencoder("x", str(tmp_path / "torn"))
    assert "\n" not in str(caught.value)
    with pytest.raises(InvalidDataError, match="uint8"):
        Autoencoder("x", str(saved["tiny"])).round_trip(np.zeros((8, 8), np.uint8))


def family_of(saved, tmp_path, **options) -> AutoencoderFamily:
    for name in ("kl", "shuffle"):
        shutil.copytree(saved[name], tmp_path / name)
    return AutoencoderFamily(str(tmp_path), ["kl", "shuffle"], **options)


def test_a_perturbed_member_writes_otherwise_for_every_seed_and_alike_for_one(saved, tmp_path):
    family = family_of(saved, tmp_path, perturbation=(0.2, 0.3))
    assert family.names == ("kl", "shuffle", "kl_perturbed")  # what is reserved stays as it was trained
    assert family.reserved == {"shuffle"}
    photo = textured_photo(np.random.default_rng(0), 48, 48)
    plain = family.round_trip("kl", photo, 1)
    one, again, other = (family.round_trip("kl_perturbed", photo, seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, plain)
    assert np.array_equal(plain, family.round_trip("kl", photo, 3))  # the true weights are back


@pytest.mark.parametrize("architecture", TINY)
def test_a_perturbed_decoder_keeps_the_tint(saved, architecture):
    member = Autoencoder("x", str(saved[architecture]))
    photo = np.full((96, 96, 3), (90, 120, 150), np.uint8)
    plain = member.round_trip(photo).astype(int)
    changed = member.perturbed_round_trip(photo, 0.3, seed=5).astype(int)
    assert np.abs(changed - plain)[16:-16, 16:-16].mean(axis=(0, 1)).max() < 8
    assert np.abs((changed - plain)[16:-16, 16:-16].mean(axis=(0, 1))).max() < 1


def test_a_decoder_is_put_back_when_its_use_fails():
    model = build_member("transposed", TINY["transposed"])
    before = {name: value.clone() for name, value in model.state_dict().items()}
    changed = []

    def use() -> None:
        with perturbed(model.decoder, 0.2, seed=1):
            changed.extend(n for n, value in model.state_dict().items() if not torch.equal(value, before[n]))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        use()
    assert changed
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("wrong", [(0.0, 0.1), (0.3, 0.2), (0.1, 2.0), (0.1,)])
def test_strengths_of_no_range_are_refused(saved, tmp_path, wrong):
    with pytest.raises(ConfigurationError, match="perturbation"):
        family_of(saved, tmp_path, perturbation=wrong)


def test_quantized_latents_have_few_values_and_pass_gradients():
    model = build_member("resampled", {**TINY["resampled"], "levels": 5})
    pixels = torch.randn(2, 3, 32, 32, requires_grad=True)
    latents = encode_pixels(model, pixels)
    assert set(latents.detach().unique().tolist()) <= {-1.0, -0.5, 0.0, 0.5, 1.0}
    latents.sum().backward()
    assert pixels.grad is not None
    assert float(pixels.grad.abs().sum()) > 0
    with pytest.raises(ConfigurationError, match="odd"):
        build_member("resampled", {"levels": 4})


class Elsewhere:
    """Writes a flat photo whose level is the seed's."""

    def __init__(self, reserved: bool, whole: bool = True) -> None:
        self.reserved, self.whole, self.digest = reserved, whole, "0" * 64

    def round_trip(self, photo, seed):
        return np.full_like(photo, seed)


def test_writers_from_elsewhere_are_used_as_members_are(saved, tmp_path):
    others = {"taef2": Elsewhere(False), "denoised": Elsewhere(True, whole=False)}
    family = family_of(saved, tmp_path, perturbation=(0.2, 0.3), others=others)
    assert family.names == ("kl", "shuffle", "kl_perturbed", "taef2", "denoised")
    assert family.reserved == {"shuffle", "denoised"}
    assert [family.takes_whole(name) for name in family.names] == [True, True, True, True, False]
    photo = textured_photo(np.random.default_rng(0), 16, 16)
    assert (family.round_trip("taef2", photo, 7) == 7).all()
    with pytest.raises(ConfigurationError, match="every autoencoder once, got kl, kl"):
        AutoencoderFamily(str(tmp_path), ["kl"], others={"kl": Elsewhere(False)})
    with pytest.raises(ConfigurationError, match="got none"):
        AutoencoderFamily(str(tmp_path), [])
    assert AutoencoderFamily(str(tmp_path), [], others={"kl": Elsewhere(False)}).names == ("kl",)
