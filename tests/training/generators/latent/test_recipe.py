from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoPipelineForInpainting
from safetensors.torch import load_file
from tests.inpainting.tiny import TINY
from tests.stand_ins import StandInPhotos
from tests.training.generators.killing import kill_midway
from tests.training.generators.runs import RECIPE, longer, rows_of, stopping_at, train

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.training.callbacks import BestAndLast
from falseflaw.training.generators.latent import task as training
from falseflaw.training.generators.recipe import hold_out
from falseflaw.training.generators.windows import Windows


def weights(pipeline: Path) -> dict[str, torch.Tensor]:
    parts = {"unet": "diffusion_pytorch_model", "vae": "diffusion_pytorch_model", "text_encoder": "model"}
    return {
        f"{part}.{name}": value
        for part, stem in parts.items()
        for name, value in load_file(pipeline / part / f"{stem}.safetensors").items()
    }


def assert_same_weights(one: Path, other: Path) -> None:
    left, right = weights(one), weights(other)
    assert left.keys() == right.keys()
    for name in left:
        assert torch.equal(left[name], right[name]), name


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(tmp_path_factory.mktemp("finished")).parent


@pytest.mark.slow
def test_the_result_is_a_half_precision_pipeline_that_loads_like_any_other(finished):
    pipeline = AutoPipelineForInpainting.from_pretrained(
        finished / "pipeline", safety_checker=None, requires_safety_checker=False, torch_dtype=torch.float32
    )
    assert pipeline.unet.dtype == torch.float32
    assert pipeline.unet.config.in_channels == 9
    assert pipeline.scheduler.config.timestep_spacing == "trailing"
    assert pipeline.scheduler.config.prediction_type == "v_prediction"
    assert all(value.dtype == torch.float16 for name, value in weights(finished / "pipeline").items())
    assert pipeline.vae.config.scaling_factor != 1.0


def test_it_records_what_it_learnt_from(finished):
    facts = json.loads((finished / "pipeline/training.json").read_text())
    assert facts["photo_set"] == "standin"
    assert facts["fold"] == "inpainter"
    learnt, held_out = set(facts["contributors"]), set(facts["validation_contributors"])
    assert learnt
    assert held_out
    assert not learnt & held_out
    assert learnt | held_out == {f"person-{index:02d}" for index in range(5)}  # person-05 is in another fold
    assert facts["denoiser"]["step"] == facts["autoencoder"]["step"] == 12
    assert facts["autoencoder"]["settle_steps"] == 3
    assert np.isfinite([facts["denoiser"]["validation_loss"], facts["autoencoder"]["psnr"]]).all()
    card = (finished / "pipeline/MODEL_CARD.md").read_text()
    assert "`standin`" in card
    assert "12 steps of 4" in card


def test_pictures_and_curve_are_left_behind(finished):
    for name in ("samples.png", "curve.png"):
        assert (finished / name).stat().st_size > 0
    rows = rows_of(finished / "denoiser")
    assert [int(row["step"]) for row in rows if row.get("train/loss")] == list(range(12))
    assert any(row.get("val/psnr") for row in rows_of(finished / "autoencoder"))
    assert not (finished / "windows").exists()


def test_calling_a_finished_training_again_changes_nothing(finished, tmp_path):
    before, facts = weights(finished / "pipeline"), facts_of(finished)
    curve = rows_of(finished / "denoiser")
    train(finished)
    after = weights(finished / "pipeline")
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert facts_of(finished) == facts
    assert rows_of(finished / "denoiser") == curve


def facts_of(folder):
    """What the card is made from."""
    facts = json.loads((folder / "pipeline/training.json").read_text())
    assert np.isfinite([*facts["autoencoder"].values(), *facts["denoiser"].values()]).all()
    return facts


@pytest.mark.slow
@pytest.mark.parametrize(("stage", "step"), [("autoencoder", 5), ("decoder", 2), ("denoiser", 5)])
def test_a_training_stopped_half_way_ends_as_if_it_had_not_been(finished, tmp_path, monkeypatch, stage, step):
    monkeypatch.setattr(BestAndLast, "on_train_batch_end", stopping_at(stage, step))
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path)
    monkeypatch.undo()
    saved = torch.load(tmp_path / stage / "checkpoints/last.ckpt", weights_only=True)
    assert saved["global_step"] == step
    torch.manual_seed(99)  # nothing may hang on torch's global generator
    assert_same_weights(train(tmp_path), finished / "pipeline")
    whole = losses(finished / stage)
    assert losses(tmp_path / stage) == [*whole[: step - 1], *whole[step:]]  # the hook came before the logging


def losses(folder):
    return [row["train/loss"] for row in rows_of(folder) if row.get("train/loss")]


@pytest.mark.slow
def test_a_training_killed_without_warning_goes_on_where_it_was(tmp_path):
    """Kills a training in the middle; the resumed one ends with the very weights of one left alone."""
    steps = 30
    kill_midway("tests.training.generators.runs", tmp_path / "killed", steps)
    recipe = longer(RECIPE, steps)
    resumed = train(tmp_path / "killed", recipe)
    assert json.loads((resumed / "training.json").read_text())["denoiser"]["step"] == steps
    assert_same_weights(resumed, train(tmp_path / "alone", recipe))


@pytest.mark.parametrize(
    "changed",
    [
        {"recipe": replace(RECIPE, denoiser=replace(RECIPE.denoiser, batch=3))},
        {"settings": {"camera": {"blur": 2.0}}},
    ],
)
def test_another_recipe_or_camera_does_not_resume_from_this_one(finished, changed):
    with pytest.raises(InvalidDataError, match="of this recipe") as caught:
        train(finished, **changed)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_finished_training_can_be_made_longer(tmp_path):
    first = weights(train(tmp_path, longer(RECIPE, 3)))
    pipeline = train(tmp_path, longer(RECIPE, 5))
    assert json.loads((pipeline / "training.json").read_text())["denoiser"]["step"] == 5
    second = weights(pipeline)
    assert torch.equal(first["vae.encoder.layers.0.weight"], second["vae.encoder.layers.0.weight"])
    assert not torch.equal(first["unet.conv_in.weight"], second["unet.conv_in.weight"])


@pytest.mark.slow
def test_what_is_compiled_learns_and_is_saved_under_its_own_names(finished, tmp_path, monkeypatch):
    compiled = functools.partial(torch.compile, backend="eager")  # as Dynamo wraps it, without a compiler
    monkeypatch.setattr(torch, "compile", compiled)
    recipe = replace(RECIPE, denoiser=replace(RECIPE.denoiser, compile=True))
    assert_same_weights(train(tmp_path, recipe), finished / "pipeline")


def test_a_broken_checkpoint_is_named(tmp_path):
    broken = tmp_path / "autoencoder/checkpoints/last.ckpt"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"half a file")
    with pytest.raises(InvalidDataError, match=r"cannot resume from .*last\.ckpt"):
        train(tmp_path)


def test_a_fold_of_one_contributor_is_not_enough(tmp_path):
    with pytest.raises(MissingDataError, match="two contributors"):
        train(tmp_path, source=StandInPhotos(contributors=1))


def test_held_out_contributors_depend_on_names_alone():
    photos = StandInPhotos(contributors=30).photos()
    learning, held_out = hold_out(photos, 0.1, 5)
    assert len({photo.contributor for photo in held_out}) == 3
    assert not {p.contributor for p in learning} & {p.contributor for p in held_out}
    assert sorted(learning + held_out, key=lambda p: p.photo_id) == photos
    fewer = [photo for photo in photos if photo.contributor != learning[0].contributor]
    assert hold_out(fewer, 0.1, 5)[1] == held_out


def windows(count: int = 6) -> Windows:
    rng = np.random.default_rng(0)
    clean = np.repeat(rng.integers(0, 256, (count, 12, 12, 3), dtype=np.uint8), 4, axis=1).repeat(4, axis=2)
    flaws = np.zeros((count, 48, 48), bool)
    flaws[:, 20:30, 18:28] = True
    damaged = np.where(flaws[..., None], clean // 4, clean)
    return Windows(clean, damaged, flaws, ["hole"] * count, ["shirt"] * count)


def test_a_batch_asks_for_what_it_shows():
    recipe = replace(RECIPE.denoiser, batch=200, clean=0.3, empty_prompts=0.2)
    batch = training.make_batch(windows(), recipe, np.random.default_rng(0))
    clean = np.array([(target == hole).all() for target, hole in zip(batch.target, batch.hole, strict=True)])
    texts = np.array(batch.prompts)
    assert set(texts[clean]) == {"clean fabric", ""}
    assert all("hole" in text for text in texts[~clean] if text)
    assert 0.2 < clean.mean() < 0.4
    assert 0.12 < (texts == "").mean() < 0.28
    changed = (batch.target != batch.hole).any(axis=3)
    assert batch.masks[changed].all()


def test_steps_take_turns_with_sizes_of_crops_and_cost_the_same():
    recipe = replace(RECIPE.denoiser, batch=4, crop=32, smaller_crops=(16,))
    shapes = [
        training.make_batch(windows(), recipe, np.random.default_rng(step), step).target.shape
        for step in range(3)
    ]
    assert shapes == [(4, 32, 32, 3), (16, 16, 16, 3), (4, 32, 32, 3)]


def test_the_loss_counts_the_mask_more_and_repeats_itself():
    from falseflaw.inpainting.latent.networks import build_pipeline

    torch.manual_seed(0)
    pipeline = build_pipeline(TINY, ["a hole"])
    modules = {"unet": pipeline.unet.eval(), "text_encoder": pipeline.text_encoder.eval()}
    batch = training.make_batch(windows(), RECIPE.denoiser, np.random.default_rng(0))
    with torch.no_grad():
        one, again = (float(training.denoising_loss(pipeline, modules, batch, 5, 4.0)) for _ in range(2))
        flat = float(training.denoising_loss(pipeline, modules, batch, 5, 1.0))
        inside = float(training.denoising_loss(pipeline, modules, batch, 5, 1e6))
    assert one == again
    assert abs(inside - flat) > 1e-4
    assert 0 < (one - flat) / (inside - flat) < 1


def test_only_samples_that_see_the_photo_learn_from_what_lies_under_the_mask():
    from falseflaw.inpainting.latent.networks import build_pipeline

    torch.manual_seed(0)
    pipeline = build_pipeline(TINY, ["a hole"])
    modules = {"unet": pipeline.unet.eval(), "text_encoder": pipeline.text_encoder.eval()}
    batch = training.make_batch(windows(), replace(RECIPE.denoiser, seen=0.5), np.random.default_rng(0))
    assert 0 < batch.seen.sum() < len(batch.seen)
    inverted = np.where(batch.masks[..., None], 255 - batch.hole, batch.hole)

    def loss(hole: np.ndarray, seen: bool) -> float:
        changed = replace(batch, hole=hole, seen=np.full(len(batch.seen), seen))
        with torch.no_grad():
            return float(training.denoising_loss(pipeline, modules, changed, 5, 4.0))

    assert loss(batch.hole, False) == loss(inverted, False)
    assert loss(batch.hole, True) != loss(inverted, True)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: replace(RECIPE, window=16),
        lambda: replace(RECIPE, held_out=0.0),
        lambda: replace(RECIPE, denoiser=replace(RECIPE.denoiser, crop=36)),
        lambda: replace(RECIPE, denoiser=replace(RECIPE.denoiser, smaller_crops=(12,))),
        lambda: replace(RECIPE.denoiser, smaller_crops=(32,)),
        lambda: replace(RECIPE.denoiser, ema=1.0),
        lambda: replace(RECIPE.autoencoder, max_steps=0),
        lambda: replace(TINY, decoder_blocks=(1, 0)),
        lambda: replace(TINY, unet_channels=(12, 32)),
        lambda: replace(TINY, crop=30),
    ],
)
def test_recipes_that_cannot_work_are_refused(wrong):
    with pytest.raises(ConfigurationError, match="expected"):
        wrong()
