from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file
from tests.inpainting.tiny import TINY_PIXELS
from tests.training.generators.members import recipe_of
from tests.training.generators.pixels import PIXEL_RECIPE, with_steps
from tests.training.generators.runs import rows_of, stopping_at, train, trainer

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.inpainting.pixel.networks import build_pixel_pipeline
from falseflaw.training.callbacks import BestAndLast
from falseflaw.training.generators.pixel.task import PixelDenoiserTask
from falseflaw.training.generators.stage_recipe import seconds_of


def unet(pipeline: Path) -> dict[str, torch.Tensor]:
    return load_file(pipeline / "unet/diffusion_pytorch_model.safetensors")


def assert_same(one: Path, other: Path) -> None:
    left, right = unet(one), unet(other)
    assert all(torch.equal(left[name], right[name]) for name in left)


def checkpoint(run: Path) -> dict:
    return torch.load(run / "denoiser/checkpoints/last.ckpt", weights_only=True)


def timed(limit: str, steps: int = 100_000):
    return replace(PIXEL_RECIPE, denoiser=replace(PIXEL_RECIPE.denoiser, max_time=limit, max_steps=steps))


def test_the_learning_rate_of_denoisers_is_constant_and_then_falls_to_a_tenth():
    settings = replace(PIXEL_RECIPE.denoiser, warmup=10).optimizer()
    rates = [settings.factor(step, step / 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9:60] == [1.0] * 51
    assert rates[80] == pytest.approx(0.55)
    assert rates[100] == pytest.approx(0.1)


def test_a_training_limited_in_time_stops_goes_on_and_counts_its_seconds(tmp_path, monkeypatch):
    ticks = itertools.count()  # a clock that goes on by a tenth of a second whenever it is read
    clock = SimpleNamespace(monotonic=lambda: next(ticks) / 10)
    monkeypatch.setattr("lightning.pytorch.callbacks.timer.time", clock)
    train(tmp_path, timed("00:00:00:04"), checkpoint_every=1000)
    first = checkpoint(tmp_path)
    assert first["callbacks"]["Timer"]["time_elapsed"]["train"] >= 4
    rates = [float(row["lr-AdamW"]) for row in rows_of(tmp_path / "denoiser") if row.get("lr-AdamW")]
    assert rates[-1] < 0.7 * max(rates)  # it fell with the time, 100,000 steps away from the other limit
    train(tmp_path, timed("00:00:00:04"))
    assert checkpoint(tmp_path)["global_step"] == first["global_step"]  # nothing was left to do
    train(tmp_path, timed("00:00:00:05"))
    longer = checkpoint(tmp_path)
    assert first["global_step"] < longer["global_step"] < 2 * first["global_step"]
    assert longer["callbacks"]["Timer"]["time_elapsed"]["train"] >= 5


@pytest.mark.parametrize("limit", ["30", "00:30:00", "00:00:00:00", 30, "soon"])
def test_times_of_another_form_are_refused(limit):
    with pytest.raises(ConfigurationError, match="days:hours:minutes:seconds"):
        timed(limit)


def test_seconds_of_a_limit():
    assert seconds_of("01:02:03:04") == ((24 + 2) * 60 + 3) * 60 + 4
    assert seconds_of(None) is None


def test_the_trainers_limits_shorten_every_stage(tmp_path):
    train(tmp_path, PIXEL_RECIPE, max_steps=3)
    assert checkpoint(tmp_path)["global_step"] == 3


def test_processes_that_draw_batches_change_nothing(tmp_path):
    one = train(tmp_path / "one", with_steps(5))
    assert_same(one, train(tmp_path / "two", with_steps(5), workers=2))


def test_mixed_precision_clips_gradients_too(tmp_path):
    mixed = partial(trainer, precision="bf16-mixed")
    pipeline = train(tmp_path, with_steps(2), make_trainer=mixed)
    assert all(torch.isfinite(weight).all() for weight in unet(pipeline).values())


def test_without_loggers_there_is_no_curve_but_a_result(tmp_path):
    pipeline = train(tmp_path, with_steps(1), make_loggers=lambda folder: ())
    assert (pipeline / "MODEL_CARD.md").is_file()
    assert not (tmp_path / "curve.png").exists()


def test_a_used_folder_is_not_begun_anew(tmp_path):
    train(tmp_path, with_steps(1))
    with pytest.raises(ConfigurationError, match="resume=auto or choose another run_dir"):
        train(tmp_path, with_steps(1), resume=None)


def test_another_runs_training_goes_on_in_a_new_folder(tmp_path, monkeypatch):
    whole = train(tmp_path / "whole", with_steps(6))
    monkeypatch.setattr(BestAndLast, "on_train_batch_end", stopping_at("denoiser", 4))
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", with_steps(6))
    monkeypatch.undo()
    before = (tmp_path / "cut/denoiser/checkpoints/last.ckpt").read_bytes()
    assert_same(whole, train(tmp_path / "new", with_steps(6), resume=tmp_path / "cut"))
    assert (tmp_path / "cut/denoiser/checkpoints/last.ckpt").read_bytes() == before
    with pytest.raises(ConfigurationError, match="unused run_dir"):
        train(tmp_path / "new", with_steps(6), resume=tmp_path / "cut")
    with pytest.raises(MissingDataError, match="correct resume"):
        train(tmp_path / "third", with_steps(6), resume=tmp_path / "nothing")
    with pytest.raises(InvalidDataError, match="of this recipe"):
        train(tmp_path / "third", recipe_of("shuffle"), resume=tmp_path / "cut")
    assert not (tmp_path / "third/denoiser").exists()


def test_what_a_module_only_uses_is_neither_saved_nor_copied(tmp_path):
    import copy

    pipeline = build_pixel_pipeline(TINY_PIXELS)
    task = PixelDenoiserTask(pipeline, PIXEL_RECIPE.denoiser, "x")
    assert copy.deepcopy(task)._scheduler.value is pipeline.scheduler
    assert all(name.startswith("unet.") for name in task.state_dict())


def test_a_loss_that_is_not_finite_ends_the_training(tmp_path):
    wild = replace(PIXEL_RECIPE, denoiser=replace(PIXEL_RECIPE.denoiser, learning_rate=1e30, warmup=0))
    with pytest.raises(ConfigurationError, match="lower learning_rate"):
        train(tmp_path, wild)
