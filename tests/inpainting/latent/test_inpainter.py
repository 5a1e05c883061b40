from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoPipelineForInpainting, StableDiffusionInpaintPipeline
from tests.helpers import textured_photo

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.imaging.crop import Box, splice
from falseflaw.inpainting.latent.inpainter import LatentInpainter
from falseflaw.inpainting.latent.sampling import decode_latents, encode_images


@pytest.fixture(scope="module")
def inpainter(saved_pipeline: Path) -> LatentInpainter:
    return LatentInpainter("tiny", str(saved_pipeline), steps=3)


def batch(count: int, side: int = 32) -> tuple[np.ndarray, np.ndarray, list[str], list[int]]:
    rng = np.random.default_rng(3)
    crops = np.stack([textured_photo(rng, side, side) for _ in range(count)])
    masks = np.zeros((count, side, side), bool)
    for index in range(count):
        masks[index, 8 : 16 + index, 6:20] = True
    return (
        crops,
        masks,
        ["a coffee stain on a shirt", "clean fabric", "a coffee stain"][:count],
        [11, 22, 33][:count],
    )


def test_a_batch_gives_what_one_by_one_gives(inpainter):
    crops, masks, prompts, seeds = batch(3)
    together = inpainter.sample(crops, masks, prompts, seeds)
    assert together.images.shape == crops.shape
    assert together.images.dtype == np.uint8
    assert together.latents.shape == (3, 4, 8, 8)
    for index in range(3):
        alone = inpainter.sample(
            crops[index : index + 1], masks[index : index + 1], [prompts[index]], [seeds[index]]
        )
        torch.testing.assert_close(alone.latents[0], together.latents[index], rtol=1e-3, atol=1e-3)
        assert np.abs(alone.images[0].astype(int) - together.images[index]).max() <= 1


def test_seed_prompt_mask_and_photo_all_matter(inpainter):
    crops, masks, prompts, seeds = batch(1)
    first = inpainter.sample(crops, masks, prompts, seeds).latents
    assert torch.equal(first, inpainter.sample(crops, masks, prompts, seeds).latents)
    for changed in (
        (crops, masks, prompts, [12]),
        (crops, masks, ["clean fabric"], seeds),
        (crops, ~masks, prompts, seeds),
        (255 - crops, masks, prompts, seeds),
    ):
        assert not torch.allclose(first, inpainter.sample(*changed).latents, atol=1e-4)


def test_what_lies_under_the_mask_does_not_matter(inpainter):
    crops, masks, prompts, seeds = batch(2)
    other = np.where(masks[..., None], 255 - crops, crops)
    a, b = (inpainter.sample(photos, masks, prompts, seeds).latents for photos in (crops, other))
    assert torch.equal(a, b)


def test_seeing_the_photo_what_lies_under_the_mask_matters(saved_pipeline, inpainter):
    seeing = LatentInpainter("tiny", str(saved_pipeline), steps=3, condition="photo")
    crops, masks, prompts, seeds = batch(2)
    other = np.where(masks[..., None], 255 - crops, crops)
    a, b = (seeing.sample(photos, masks, prompts, seeds).latents for photos in (crops, other))
    assert not torch.allclose(a, b, atol=1e-4)
    # With nothing to hide the two are the same task.
    nothing = np.zeros_like(masks)
    a, b = (which.sample(crops, nothing, prompts, seeds).latents for which in (seeing, inpainter))
    torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_another_decoder_writes_other_pixels_of_the_same_latents(saved_pipeline, inpainter, tmp_path):
    vae = type(inpainter.pipeline.vae).from_pretrained(saved_pipeline / "vae", torch_dtype=torch.float32)
    with torch.no_grad():
        vae.decoder.layers[-1].bias.add_(0.2)
    vae.save_pretrained(tmp_path / "vae")
    other = LatentInpainter("other", str(saved_pipeline), steps=3, vae_folder=str(tmp_path / "vae"))
    crops, masks, prompts, seeds = batch(1)
    one, two = (each.sample(crops, masks, prompts, seeds) for each in (inpainter, other))
    assert torch.equal(one.latents, two.latents)
    assert not np.array_equal(one.images, two.images)


def test_an_autoencoder_of_other_latents_is_refused(saved_pipeline, inpainter, tmp_path):
    vae = type(inpainter.pipeline.vae).from_pretrained(saved_pipeline / "vae")
    vae.register_to_config(scaling_factor=9.0)
    vae.save_pretrained(tmp_path / "vae")
    with pytest.raises(InvalidDataError, match=r"scaling_factor .* got 9"):
        LatentInpainter("other", str(saved_pipeline), vae_folder=str(tmp_path / "vae"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidDataError, match="cannot load AutoencoderTiny"):
        LatentInpainter("other", str(saved_pipeline), vae_folder=str(tmp_path / "empty"))
    with pytest.raises(MissingDataError):
        LatentInpainter("other", str(saved_pipeline), vae_folder=str(tmp_path / "nothing"))


def test_an_unknown_condition_is_refused(saved_pipeline):
    with pytest.raises(ConfigurationError, match="hole or photo"):
        LatentInpainter("tiny", str(saved_pipeline), condition="crop")
    with pytest.raises(ConfigurationError, match="condition=hole"):
        LatentInpainter("tiny", str(saved_pipeline), "FluxFillPipeline", condition="photo")


def test_it_samples_what_the_plain_pipeline_samples(saved_pipeline, inpainter):
    plain = AutoPipelineForInpainting.from_pretrained(
        saved_pipeline, torch_dtype=torch.float32, safety_checker=None, requires_safety_checker=False
    )
    assert isinstance(plain, StableDiffusionInpaintPipeline)
    assert plain.vae_scale_factor == 4
    plain.set_progress_bar_config(disable=True)
    crops, masks, prompts, seeds = batch(1)
    expected = plain(
        prompt=prompts,
        image=torch.from_numpy(crops).permute(0, 3, 1, 2) / 255,
        mask_image=torch.from_numpy(masks)[:, None].float(),
        height=32,
        width=32,
        num_inference_steps=3,
        guidance_scale=2.0,
        generator=[torch.Generator().manual_seed(seeds[0])],
        output_type="np",
    ).images
    images = inpainter.sample(crops, masks, prompts, seeds).images
    assert np.abs(images / 255 - expected).max() < 2 / 255


def test_a_saved_and_loaded_pipeline_samples_the_same(inpainter, tmp_path):
    inpainter.pipeline.save_pretrained(tmp_path)
    again = LatentInpainter("again", str(tmp_path), steps=3)
    assert torch.equal(again.sample(*batch(2)).latents, inpainter.sample(*batch(2)).latents)


@pytest.mark.parametrize(("height", "width"), [(32, 48), (40, 24)])
def test_crops_need_not_be_square_nor_of_the_training_size(inpainter, height, width):
    crops = np.full((1, height, width, 3), 90, np.uint8)
    masks = np.zeros((1, height, width), bool)
    masks[0, 4:12, 4:12] = True
    assert inpainter.sample(crops, masks, ["clean fabric"], [1]).images.shape == crops.shape


def test_regenerating_touches_everything_a_little_and_the_mask_a_lot(inpainter):
    rng = np.random.default_rng(0)
    photo = textured_photo(rng, 75, 93)
    box = Box(16, 24, 32, 32)
    mask = np.zeros((75, 93), bool)
    mask[24:40, 34:46] = True
    samples = inpainter.sample(box.cut(photo)[None], box.cut(mask)[None], ["a coffee stain"], [5])
    result = inpainter.regenerate(photo, samples.latents[0], box, mask)
    assert result.shape == photo.shape
    assert result.dtype == np.uint8
    padded = np.pad(photo, ((0, 5), (0, 3), (0, 0)), mode="edge")
    round_trip = decode_latents(inpainter.pipeline, encode_images(inpainter.pipeline, padded[None]))[
        0, :75, :93
    ]
    change = np.abs(result.astype(int) - round_trip).max(axis=2)
    far = np.ones_like(mask)
    far[24 - 24 : 40 + 24, 34 - 24 : 46 + 24] = False
    assert change[far].max() <= 1  # float noise may tip a rounding
    assert change[mask].mean() > 2
    assert (np.abs(result.astype(int) - photo).max(axis=2) > 0).mean() > 0.9
    assert np.array_equal(splice(photo, samples.images[0], mask, box)[~mask], photo[~mask])


def test_regenerating_with_the_photos_own_latents_is_the_plain_round_trip(inpainter):
    photo = textured_photo(np.random.default_rng(1), 64, 64)
    latents = encode_images(inpainter.pipeline, photo[None])
    box = Box(8, 8, 32, 32)
    mask = np.zeros((64, 64), bool)
    mask[16:30, 16:30] = True
    result = inpainter.regenerate(photo, latents[0, :, 2:10, 2:10].clone(), box, mask)
    expected = decode_latents(inpainter.pipeline, latents)[0]
    assert np.abs(result.astype(int) - expected).max() <= 1
    assert np.array_equal(inpainter.round_trip(photo), expected)


def test_a_round_trip_keeps_the_size_of_any_photo(inpainter):
    photo = textured_photo(np.random.default_rng(2), 37, 50)
    assert inpainter.round_trip(photo).shape == photo.shape


@pytest.mark.parametrize(
    ("box", "latent", "words"),
    [(Box(2, 8, 32, 32), (4, 8, 8), "multiple of 4"), (Box(8, 8, 32, 32), (4, 7, 8), "a latent of the box")],
)
def test_regenerating_off_the_grid_is_refused(inpainter, box, latent, words):
    with pytest.raises(InvalidDataError, match=words):
        inpainter.regenerate(
            np.zeros((64, 64, 3), np.uint8), torch.zeros(latent), box, np.ones((64, 64), bool)
        )


def test_a_batch_that_does_not_fit_is_refused_in_one_line(inpainter):
    crops, masks, prompts, seeds = batch(2)
    for arguments, words in (
        ((crops.astype(np.float32), masks, prompts, seeds), "uint8"),
        ((crops[:, :30], masks[:, :30], prompts, seeds), "multiples of 8"),
        ((crops, masks[:1], prompts, seeds), "expected masks"),
        ((crops, masks, prompts[:1], seeds), "one prompt and one seed"),
    ):
        with pytest.raises(InvalidDataError, match=words) as caught:
            inpainter.sample(*arguments)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["NoSuchPipeline", "DDIMScheduleR", "__version__"])
def test_an_unknown_pipeline_class_is_named(saved_pipeline, name):
    with pytest.raises(ConfigurationError, match=f"class of diffusers, got '{name}'"):
        LatentInpainter("x", str(saved_pipeline), name)


def test_missing_and_broken_weights_are_told_apart(saved_pipeline, tmp_path):
    with pytest.raises(MissingDataError, match="train-inpainter"):
        LatentInpainter("x", str(tmp_path / "nowhere"))
    with pytest.raises(InvalidDataError, match=r"model_index\.json"):
        LatentInpainter("x", str(tmp_path))
    broken = tmp_path / "broken"
    shutil.copytree(saved_pipeline, broken)
    weights = next((broken / "unet").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(InvalidDataError, match="cannot load StableDiffusionInpaintPipeline") as caught:
        LatentInpainter("x", str(broken))
    assert "\n" not in str(caught.value)
    (broken / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionInpaintPipeline"}))
    with pytest.raises(InvalidDataError, match="cannot load"):
        LatentInpainter("x", str(broken))


def test_an_unreachable_hub_is_said_in_one_line(monkeypatch):
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("We couldn't connect\nto the hub")

    monkeypatch.setattr(StableDiffusionInpaintPipeline, "from_pretrained", unreachable)
    with pytest.raises(MissingDataError, match="download some/model from its hub") as caught:
        LatentInpainter("x", "some/model", local=False)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"dtype": "int8"}, "dtype"),
        ({"steps": 0}, "steps"),
        ({"guidance": -1.0}, "guidance"),
        ({"device": "gpu"}, "device such as cpu or cuda, got 'gpu'"),
    ],
)
def test_values_out_of_range_are_refused(saved_pipeline, arguments, words):
    with pytest.raises(ConfigurationError, match=words):
        LatentInpainter("x", str(saved_pipeline), **arguments)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_asking_for_a_gpu_where_there_is_none_names_the_override(saved_pipeline):
    with pytest.raises(ConfigurationError, match=r"inpainter\.device=cpu"):
        LatentInpainter("x", str(saved_pipeline), device="cuda")
