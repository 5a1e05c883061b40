from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from safetensors.torch import load_file
from tests.inpainting.tiny import TINY_PIXELS
from tests.training.generators.killing import kill_midway
from tests.training.generators.pixels import PIXEL_RECIPE, with_steps
from tests.training.generators.runs import rows_of, stopping_at, train

from falseflaw.errors import ConfigurationError, InvalidDataError
from falseflaw.imaging import codec
from falseflaw.inpainting.pixel.networks import (
    CLASSES,
    CLEAN_CLASS,
    NULL_CLASS,
    build_pixel_pipeline,
    build_pixel_scheduler,
    build_pixel_unet,
)
from falseflaw.inpainting.pixel.window import MARGIN
from falseflaw.paths import config_dir
from falseflaw.training.callbacks import BestAndLast
from falseflaw.training.generators.pixel.task import draw_crop, make_batch, pixel_loss, time_weights
from falseflaw.training.generators.windows import Windows
from falseflaw.types import DamageKind


def weights(pipeline: Path) -> dict[str, torch.Tensor]:
    return load_file(pipeline / "unet/diffusion_pytorch_model.safetensors")


def assert_same_weights(one: Path, other: Path) -> None:
    left, right = weights(one), weights(other)
    assert left.keys() == right.keys()
    for name in left:
        assert torch.equal(left[name], right[name]), name


def windows(count: int = 9, size: int = 48, flaw: int = 10) -> Windows:
    rng = np.random.default_rng(0)
    clean = rng.integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    flaws = np.zeros((count, size, size), bool)
    start = size // 2 - flaw // 2
    flaws[:, start : start + flaw, start : start + flaw] = True
    damaged = np.where(flaws[..., None], clean // 4, clean)
    kinds = [str(list(DamageKind)[index % len(DamageKind)]) for index in range(count)]
    return Windows(clean, damaged, flaws, kinds, ["shirt"] * count)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("finished"), PIXEL_RECIPE).parent


def test_the_recipe_of_the_shipped_weights_fits_its_size_limit():
    recipe = instantiate(OmegaConf.load(config_dir() / "recipe/pixel.yaml"))
    unet = build_pixel_unet(recipe.sizes)
    assert sum(weight.numel() for weight in unet.parameters()) <= 4.5e6
    assert unet.config.sample_size == 64
    assert unet.config.num_class_embeds == len(DamageKind) + 2


def test_the_result_is_in_half_precision_and_says_what_it_learnt_from(finished):
    assert all(value.dtype == torch.float16 for value in weights(finished / "pipeline").values())
    facts = json.loads((finished / "pipeline/training.json").read_text())
    assert facts["photo_set"] == "standin"
    assert facts["contributors"]
    assert not set(facts["contributors"]) & set(facts["validation_contributors"])
    assert facts["denoiser"]["step"] == 10
    assert np.isfinite([facts["denoiser"]["loss"], facts["denoiser"]["validation_loss"]]).all()
    assert facts["recipe"]["sizes"]["channels"] == [8, 16]
    card = (finished / "pipeline/MODEL_CARD.md").read_text()
    assert "`standin`" in card
    assert "10 steps of 4" in card
    assert "Nobody has looked yet" in card


def test_pictures_and_curve_are_left_behind(finished):
    rows = rows_of(finished / "denoiser")
    assert [int(row["step"]) for row in rows if row.get("train/loss")] == list(range(10))
    assert all(np.isfinite(float(row["val/loss"])) for row in rows if row.get("val/loss"))
    assert (finished / "curve.png").stat().st_size > 0
    sheet = codec.decode(finished / "samples.png")
    assert sheet.shape == (3 * 20, 3 * 5 * 20 - 4, 3)  # one window a kind, three a row; gaps of 4
    assert not (finished / "windows").exists()


def test_training_lowers_the_loss(tmp_path):
    """On one batch that is always the same, so that few steps show it."""
    torch.manual_seed(0)
    unet, scheduler = build_pixel_unet(TINY_PIXELS), build_pixel_scheduler()
    recipe = replace(PIXEL_RECIPE.denoiser, batch=16)
    batch = make_batch(windows(), recipe, 16, np.random.default_rng(0))
    optimizer = torch.optim.AdamW(unet.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        loss = pixel_loss(unet, scheduler, batch, 1, recipe)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_a_training_stopped_half_way_ends_as_if_it_had_not_been(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(BestAndLast, "on_train_batch_end", stopping_at("denoiser", 5))
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, PIXEL_RECIPE)
    monkeypatch.undo()
    assert torch.load(tmp_path / "denoiser/checkpoints/last.ckpt", weights_only=True)["global_step"] == 5
    torch.manual_seed(99)  # nothing may hang on torch's global generator
    assert_same_weights(train(tmp_path, PIXEL_RECIPE), finished / "pipeline")


@pytest.mark.slow
def test_a_training_killed_without_warning_goes_on_where_it_was(tmp_path):
    steps = 40
    kill_midway("tests.training.generators.pixels", tmp_path / "killed", steps)
    resumed = train(tmp_path / "killed", with_steps(steps))
    assert json.loads((resumed / "training.json").read_text())["denoiser"]["step"] == steps
    assert_same_weights(resumed, train(tmp_path / "alone", with_steps(steps)))


def test_a_finished_training_can_be_made_longer_but_not_another(finished, tmp_path):
    changed = replace(PIXEL_RECIPE, denoiser=replace(PIXEL_RECIPE.denoiser, mask_weight=2.0))
    with pytest.raises(InvalidDataError, match="of this recipe"):
        train(finished, changed)
    train(tmp_path, with_steps(2))
    longer = train(tmp_path, replace(with_steps(3), sampling_steps=1))
    assert json.loads((longer / "training.json").read_text())["denoiser"]["step"] == 3


def test_a_batch_asks_for_what_it_shows():
    recipe = replace(PIXEL_RECIPE.denoiser, batch=300, clean=0.3, no_class=0.2)
    batch = make_batch(windows(), recipe, 32, np.random.default_rng(0))
    assert batch.target.shape == batch.intact.shape == (300, 32, 32, 3)
    shown_clean = (batch.target == batch.intact).all(axis=(1, 2, 3))
    free = batch.classes == CLASSES[NULL_CLASS]
    assert (shown_clean | free)[batch.classes == CLASSES[CLEAN_CLASS]].all()
    assert not shown_clean[~free & (batch.classes != CLASSES[CLEAN_CLASS])].any()
    assert 0.2 < shown_clean.mean() < 0.4
    assert 0.12 < free.mean() < 0.28
    assert set(batch.classes.tolist()) == set(CLASSES.values())
    changed = (batch.target != batch.intact).any(axis=3)
    assert batch.masks[changed].all()
    again = make_batch(windows(), recipe, 32, np.random.default_rng(0))
    assert np.array_equal(batch.target, again.target)


def test_small_flaws_are_seen_at_their_own_scale_and_large_ones_smaller():
    small, large = windows(flaw=6), windows(size=160, flaw=50)
    rng = np.random.default_rng(1)
    for index in range(9):
        intact, damaged, region = draw_crop(small, index, 48, rng)
        assert sorted(intact.ravel()) == sorted(small.clean[index].ravel())  # turned, not resized
        assert (damaged != intact).any(axis=2).sum() == 36
        assert region[(damaged != intact).any(axis=2)].all()
        _, _, region = draw_crop(large, index, 48, rng)  # no drawn outline of so large a flaw fills the photo
        rows = np.flatnonzero(region.any(axis=1))
        assert rows[0] >= MARGIN * 48 // 160  # context is left, also of what was made smaller
        assert rows[-1] < 48 - MARGIN * 48 // 160


def test_the_noisiest_step_counts_fully_and_the_cleanest_little():
    scheduler = build_pixel_scheduler()
    weight = time_weights(scheduler, torch.tensor([0, 500, 999]), 5.0)
    assert weight[2] == 1
    assert weight[1] == 1  # more noise than signal
    assert 0 < weight[0] < 0.1
    assert scheduler.alphas_cumprod[999] == 0  # sampling starts from what training ended with


def test_the_loss_counts_the_mask_more_and_repeats_itself():
    torch.manual_seed(0)
    pipeline, recipe = build_pixel_pipeline(TINY_PIXELS), PIXEL_RECIPE.denoiser
    batch = make_batch(windows(), recipe, 16, np.random.default_rng(0))
    with torch.no_grad():
        one, again, flat, inside = (
            float(
                pixel_loss(pipeline.unet, pipeline.scheduler, batch, 5, replace(recipe, mask_weight=weight))
            )
            for weight in (4.0, 4.0, 1.0, 1e6)
        )
    assert one == again
    assert abs(inside - flat) > 1e-4
    assert min(flat, inside) < one < max(flat, inside)


def test_only_samples_that_see_the_photo_learn_from_what_lies_under_the_mask():
    torch.manual_seed(0)
    pipeline, recipe = build_pixel_pipeline(TINY_PIXELS), replace(PIXEL_RECIPE.denoiser, seen=0.5)
    batch = make_batch(windows(), replace(recipe, batch=12), 16, np.random.default_rng(0))
    assert 0 < batch.seen.sum() < len(batch.seen)
    inverted = np.where(batch.masks[..., None], 255 - batch.intact, batch.intact)

    def loss(intact: np.ndarray, seen: bool) -> float:
        changed = replace(batch, intact=intact, seen=np.full(len(batch.seen), seen))
        with torch.no_grad():
            return float(pixel_loss(pipeline.unet, pipeline.scheduler, changed, 5, recipe))

    assert loss(batch.intact, False) == loss(inverted, False)
    assert loss(batch.intact, True) != loss(inverted, True)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: replace(PIXEL_RECIPE, window=8),
        lambda: replace(PIXEL_RECIPE, held_out=0.0),
        lambda: replace(PIXEL_RECIPE, windows=0),
        lambda: replace(PIXEL_RECIPE.denoiser, ema=1.0),
        lambda: replace(PIXEL_RECIPE.denoiser, snr_limit=0.0),
        lambda: replace(TINY_PIXELS, side=15),
        lambda: replace(TINY_PIXELS, channels=()),
        lambda: replace(TINY_PIXELS, channels=(9, 16)),
        lambda: replace(TINY_PIXELS, attention_levels=3),
        lambda: replace(TINY_PIXELS, heads=3),
    ],
)
def test_recipes_that_cannot_work_are_refused(wrong):
    with pytest.raises(ConfigurationError, match="expected"):
        wrong()
