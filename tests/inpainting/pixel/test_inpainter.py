from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.helpers import textured_photo

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.imaging.crop import Box
from falseflaw.inpainting.pixel.inpainter import PixelInpainter
from falseflaw.inpainting.pixel.networks import PixelInpaintPipeline
from falseflaw.inpainting.pixel.window import MARGIN, fit, plan_window

SIDE = 64


@pytest.fixture(scope="module")
def inpainter(saved_pixels: Path) -> PixelInpainter:
    return PixelInpainter("pixel", str(saved_pixels), steps=3)


def batch(height: int = 128, width: int = 128) -> tuple[np.ndarray, np.ndarray, list[str], list[int]]:
    """A small mask, one that touches two borders, and one that is larger than the model's square."""
    rng = np.random.default_rng(3)
    crops = np.stack([textured_photo(rng, height, width) for _ in range(3)])
    masks = np.zeros((3, height, width), bool)
    masks[0, 50:70, 40:66] = True
    masks[1, :20, -24:] = True
    masks[2, 20:110, 30:100] = True
    return crops, masks, ["a coffee stain on a shirt", "clean fabric", ""], [11, 22, 33]


def test_only_the_square_around_the_mask_is_written(inpainter):
    crops, masks, prompts, seeds = batch()
    samples = inpainter.sample(crops, masks, prompts, seeds)
    assert samples.images.shape == crops.shape
    assert samples.images.dtype == np.uint8
    assert samples.latents.shape == (3, 3, SIDE, SIDE)
    for crop, mask, image in zip(crops, masks, samples.images, strict=True):
        window = plan_window(mask, SIDE)
        written = np.zeros_like(mask)
        written[window.slices] = True
        assert written[mask].all()
        assert np.array_equal(image[~written], crop[~written])
        assert (image != crop).any(axis=2)[written].mean() > 0.9


@pytest.mark.slow
def test_a_batch_gives_what_one_by_one_gives(inpainter):
    crops, masks, prompts, seeds = batch()
    together = inpainter.sample(crops, masks, prompts, seeds)
    for index in range(3):
        part = slice(index, index + 1)
        alone = inpainter.sample(crops[part], masks[part], prompts[part], seeds[part])
        torch.testing.assert_close(alone.latents[0], together.latents[index], rtol=1e-3, atol=1e-3)
        assert np.abs(alone.images[0].astype(int) - together.images[index]).max() <= 1


@pytest.mark.slow
def test_seed_kind_mask_and_photo_all_matter(inpainter):
    crops, masks, _, seeds = (part[:1] for part in batch())
    moved = np.roll(masks, 2, axis=1)
    first = inpainter.sample(crops, masks, ["a hole"], seeds).latents
    assert torch.equal(first, inpainter.sample(crops, masks, ["one frayed hole, please"], seeds).latents)
    for changed in (
        (crops, masks, ["a hole"], [12]),
        (crops, masks, ["mould"], seeds),
        (crops, masks, [""], seeds),
        (crops, moved, ["a hole"], seeds),
        (255 - crops, masks, ["a hole"], seeds),
    ):
        assert not torch.allclose(first, inpainter.sample(*changed).latents, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_the_same_seeds_give_the_same_samples(saved_pixels, eta):
    inpainter = PixelInpainter("pixel", str(saved_pixels), steps=2, eta=eta)
    one, again = (inpainter.sample(*batch()).latents for _ in range(2))
    assert torch.equal(one, again)


def test_what_lies_under_the_mask_does_not_matter_at_the_photos_scale(inpainter):
    crops, masks, prompts, seeds = (part[:2] for part in batch())
    other = np.where(masks[..., None], 255 - crops, crops)
    a, b = (inpainter.sample(photos, masks, prompts, seeds).latents for photos in (crops, other))
    assert torch.equal(a, b)


def test_guidance_of_one_is_no_guidance(saved_pixels):
    crops, masks, prompts, seeds = batch()
    one, none = (
        PixelInpainter("pixel", str(saved_pixels), steps=2, guidance=guidance)
        .sample(crops, masks, prompts, seeds)
        .latents
        for guidance in (1.0, 0.0)
    )
    guided = PixelInpainter("pixel", str(saved_pixels), steps=2, guidance=1.0001)
    assert torch.equal(one, none)
    torch.testing.assert_close(one, guided.sample(crops, masks, prompts, seeds).latents, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize(("height", "width"), [(40, 40), (75, 93), (130, 64)])
def test_crops_may_have_any_size(inpainter, height, width):
    crop = textured_photo(np.random.default_rng(0), height, width)[None]
    mask = np.zeros((1, height, width), bool)
    mask[0, 5:25, 3:20] = True
    image = inpainter.sample(crop, mask, ["a tear"], [1]).images[0]
    assert image.shape == (height, width, 3)
    assert (image != crop[0]).any(axis=2)[mask[0]].mean() > 0.9


def test_regenerating_writes_the_square_up_to_its_borders(inpainter):
    photo = textured_photo(np.random.default_rng(0), 151, 203)
    mask = np.zeros((151, 203), bool)
    mask[60:80, 90:120] = True
    box = Box(21, 37, 128, 128)
    samples = inpainter.sample(box.cut(photo)[None], box.cut(mask)[None], ["a burn mark"], [5])
    result = inpainter.regenerate(photo, samples.latents[0], box, mask)
    assert result.shape == photo.shape
    assert result.dtype == np.uint8
    assert np.array_equal(box.cut(result), samples.images[0])
    outside = np.ones_like(mask)
    outside[box.slices] = False
    assert np.array_equal(result[outside], photo[outside])
    changed = (result != photo).any(axis=2)
    assert changed.sum() > 0.9 * SIDE * SIDE  # the whole square, not the mask alone
    assert changed.sum() <= SIDE * SIDE


def test_a_round_trip_is_the_photo_itself(inpainter):
    photo = textured_photo(np.random.default_rng(2), 37, 50)
    back = inpainter.round_trip(photo)
    assert np.array_equal(back, photo)
    assert back is not photo


@pytest.mark.slow
def test_a_saved_and_loaded_generator_samples_the_same(inpainter, tmp_path):
    inpainter.pipeline.save_pretrained(tmp_path)
    again = PixelInpainter("again", str(tmp_path), steps=3)
    assert torch.equal(again.sample(*batch()).latents, inpainter.sample(*batch()).latents)
    assert PixelInpaintPipeline.from_pretrained(tmp_path).classes == inpainter.pipeline.classes


def test_a_batch_that_does_not_fit_is_refused_in_one_line(inpainter):
    crops, masks, prompts, seeds = batch()
    for arguments, words in (
        ((crops.astype(np.float32), masks, prompts, seeds), "uint8"),
        ((crops, masks[:1], prompts, seeds), "expected masks"),
        ((crops, masks, prompts[:1], seeds), "one prompt and one seed"),
        ((crops, np.zeros_like(masks), prompts, seeds), "at least one pixel"),
        ((crops, masks, ["a cat", *prompts[1:]], seeds), "names coffee, ink, .* or clean, got 'a cat'"),
    ):
        with pytest.raises(InvalidDataError, match=words) as caught:
            inpainter.sample(*arguments)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("box", "mask", "latent"),
    [
        (Box(0, 0, 64, 64), (80, 79), (3, SIDE, SIDE)),
        (Box(0, 0, 64, 64), (80, 80), (3, 8, 8)),
        (Box(40, 0, 64, 64), (80, 80), (3, SIDE, SIDE)),
    ],
)
def test_regenerating_with_sizes_that_do_not_agree_is_refused(inpainter, box, mask, latent):
    with pytest.raises(InvalidDataError, match="expected a"):
        inpainter.regenerate(np.zeros((80, 80, 3), np.uint8), torch.zeros(latent), box, np.ones(mask, bool))


def test_missing_foreign_and_broken_weights_are_told_apart(saved_pixels, saved_pipeline, tmp_path):
    with pytest.raises(MissingDataError, match="train-inpainter"):
        PixelInpainter("x", str(tmp_path / "nowhere"))
    with pytest.raises(InvalidDataError, match=r"model_index\.json"):
        PixelInpainter("x", str(tmp_path))
    with pytest.raises(InvalidDataError, match="of another kind") as caught:
        PixelInpainter("x", str(saved_pipeline))
    assert "\n" not in str(caught.value)
    broken = tmp_path / "broken"
    shutil.copytree(saved_pixels, broken)
    weights = next((broken / "unet").glob("*.safetensors"))
    whole = weights.read_bytes()
    weights.write_bytes(whole[:100])
    with pytest.raises(InvalidDataError, match="cannot load PixelInpaintPipeline") as caught:
        PixelInpainter("x", str(broken))
    assert "\n" not in str(caught.value)
    weights.write_bytes(whole)
    index = json.loads((broken / "model_index.json").read_text())
    for classes, words in (
        (None, "expected the classes"),
        ({"hole": 0}, "expected the classes"),
        ({**index["classes"], "ink": 99}, "indices"),
    ):
        (broken / "model_index.json").write_text(json.dumps({**index, "classes": classes}))
        with pytest.raises(InvalidDataError, match=words):
            PixelInpainter("x", str(broken))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"dtype": "int8"}, "dtype"),
        ({"steps": 0}, "steps"),
        ({"guidance": -1.0}, "guidance"),
        ({"eta": 2.0}, "eta"),
        ({"device": "gpu"}, "device such as cpu or cuda, got 'gpu'"),
    ],
)
def test_values_out_of_range_are_refused(saved_pixels, arguments, words):
    with pytest.raises(ConfigurationError, match=words):
        PixelInpainter("x", str(saved_pixels), **arguments)


def test_a_window_is_as_small_as_mask_and_context_allow():
    mask = np.zeros((200, 300), bool)
    mask[100:110, 140:150] = True
    assert plan_window(mask, SIDE) == Box(73, 113, SIDE, SIDE)
    mask[60:140] = mask[100]
    assert plan_window(mask, SIDE) == Box(60 - MARGIN, 97, 80 + 2 * MARGIN, 80 + 2 * MARGIN)
    small = np.zeros((30, 50), bool)
    small[3:9, 40:50] = True
    assert plan_window(small, SIDE) == Box(0, 20, 30, 30)


def test_windows_that_are_drawn_hold_the_mask_and_its_context():
    mask, rng = np.zeros((160, 160), bool), np.random.default_rng(0)
    mask[70:90, 60:85] = True
    drawn = [plan_window(mask, SIDE, rng) for _ in range(50)]
    assert len({(box.top, box.left) for box in drawn}) > 25
    for box in drawn:
        assert box.top <= 70 - MARGIN
        assert box.left <= 60 - MARGIN
        assert box.top + SIDE >= 90 + MARGIN
        assert box.left + SIDE >= 85 + MARGIN


def test_fitting_keeps_flat_colors_and_leaves_the_right_size_alone():
    flat = np.full((96, 96, 3), 117, np.uint8)
    assert np.array_equal(fit(flat, 64), flat[:64, :64])
    assert np.array_equal(fit(flat, 128), np.full((128, 128, 3), 117, np.uint8))
    photo = textured_photo(np.random.default_rng(0), 64, 64)
    same = fit(photo, 64)
    assert np.array_equal(same, photo)
    assert same is not photo


def test_seeing_the_photo_what_lies_under_the_mask_matters(saved_pixels, inpainter):
    seeing = PixelInpainter("pixel", str(saved_pixels), steps=3, condition="photo")
    crops, masks, prompts, seeds = (part[:1] for part in batch())
    other = np.where(masks[..., None], 255 - crops, crops)
    a, b = (seeing.sample(photos, masks, prompts, seeds).latents for photos in (crops, other))
    assert not torch.allclose(a, b, atol=1e-4)
    blank = np.where(masks[..., None], np.uint8(128), crops)  # nearly what a hole looks like: 0 in [-1, 1]
    a, b = (which.sample(blank, masks, prompts, seeds).latents for which in (seeing, inpainter))
    torch.testing.assert_close(a, b, rtol=0.05, atol=0.05)
    with pytest.raises(ConfigurationError, match="hole or photo"):
        PixelInpainter("pixel", str(saved_pixels), condition="crop")
