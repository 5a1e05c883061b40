from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.training.generators.runs import RECIPE, longer, train

from falseflaw.errors import InvalidDataError, MissingDataError
from falseflaw.training.generators.latent.warm_start import weight_digests


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("earlier"), longer(RECIPE, 4))


def unet(pipeline: Path) -> dict[str, torch.Tensor]:
    return load_file(pipeline / "unet/diffusion_pytorch_model.safetensors")


@pytest.mark.slow
def test_it_keeps_the_autoencoder_and_moves_on_from_the_weights(earlier, tmp_path):
    still = replace(
        RECIPE, start=str(earlier), denoiser=replace(RECIPE.denoiser, max_steps=1, learning_rate=1e-9)
    )
    pipeline = train(tmp_path / "still", still)
    vae = "vae/diffusion_pytorch_model.safetensors"
    assert (pipeline / vae).read_bytes() == (earlier / vae).read_bytes()
    before, after = unet(earlier), unet(pipeline)
    for name in before:  # float16 to float32 and back, and a step of almost nothing
        torch.testing.assert_close(after[name], before[name], atol=1e-3, rtol=1e-2)
    assert not (tmp_path / "still/autoencoder").exists()


def test_it_records_where_it_started(earlier, tmp_path):
    pipeline = train(tmp_path, replace(longer(RECIPE, 2), start=str(earlier)))
    facts, before = (json.loads((path / "training.json").read_text()) for path in (pipeline, earlier))
    assert facts["start"]["denoiser"]["step"] == 4
    assert facts["start"]["weights"] == weight_digests(earlier)
    assert facts["denoiser"]["step"] == 2
    assert facts["autoencoder"] == before["autoencoder"]
    assert "4 steps" in (pipeline / "MODEL_CARD.md").read_text()


@pytest.mark.slow
def test_it_resumes_from_its_own_checkpoint_and_not_from_that_of_another_start(earlier, tmp_path):
    recipe = replace(longer(RECIPE, 3), start=str(earlier))
    train(tmp_path, recipe)
    pipeline = train(tmp_path, longer(recipe, 5))
    assert json.loads((pipeline / "training.json").read_text())["denoiser"]["step"] == 5
    with pytest.raises(InvalidDataError, match="of this recipe"):
        train(tmp_path, replace(recipe, start=str(pipeline)))


@pytest.mark.parametrize(
    ("changed", "message"),
    [({"seed": 4}, "same photos"), ({"sizes": replace(RECIPE.sizes, text_layers=2)}, "sizes")],
)
def test_another_past_is_refused(earlier, tmp_path, changed, message):
    recipe = replace(RECIPE, start=str(earlier), **{k: v for k, v in changed.items() if k != "seed"})
    with pytest.raises(InvalidDataError, match=message) as caught:
        train(tmp_path, recipe, seed=changed.get("seed", 3))
    assert "\n" not in str(caught.value)


def test_a_missing_or_unrecorded_start_is_named(tmp_path):
    with pytest.raises(MissingDataError, match=r"recipe\.start=null"):
        train(tmp_path / "run", replace(RECIPE, start=str(tmp_path / "nothing")))
    (tmp_path / "bare").mkdir()
    with pytest.raises(InvalidDataError, match=r"training\.json"):
        train(tmp_path / "run", replace(RECIPE, start=str(tmp_path / "bare")))
