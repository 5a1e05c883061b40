import csv
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from falseflaw.errors import ConfigurationError, InvalidDataError, MissingDataError
from falseflaw.models.checkpoint import load_detector, save_detector_checkpoint
from falseflaw.models.detector import Detector
from falseflaw.training.detector.run import TrainingResult

TrainTiny = Callable[..., TrainingResult]


class Killed(BaseException):
    """Ends a training as abruptly as a signal would, without any clean-up of ours."""


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load_detector(path).state_dict()


def rows(run_dir: Path) -> list[dict[str, str]]:
    with (run_dir / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def validated(run_dir: Path) -> dict[int, float]:
    return {int(row["step"]): float(row["val/score"]) for row in rows(run_dir) if row.get("val/score")}


def losses(run_dir: Path) -> list[float]:
    return [float(row["train/loss"]) for row in rows(run_dir) if row.get("train/loss")]


def assert_same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> None:
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name], atol=0, rtol=0)


def test_a_training_leaves_checkpoints_metrics_and_figures(train_tiny: TrainTiny, tmp_path: Path) -> None:
    result = train_tiny(tmp_path, trainer={"max_steps": 5})
    assert (result.best, result.last) == (
        tmp_path / "checkpoints/best.ckpt",
        tmp_path / "checkpoints/last.ckpt",
    )
    assert {path.name for path in result.best.parent.iterdir()} == {"best.ckpt", "last.ckpt"}
    assert result.steps == 5
    assert 0 <= result.figures["val/auroc"] <= 1
    # Steps 2 and 4 by the interval and step 5 because it is the last one.
    scores = validated(tmp_path)
    assert sorted(scores) == [1, 3, 4]
    assert result.figures["val/score"] == pytest.approx(max(scores.values()), abs=1e-6)
    assert len(losses(tmp_path)) == 5
    image, valid = torch.zeros(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    assert torch.isfinite(load_detector(result.best)(image, valid)[0]).all()


def test_the_same_seed_gives_the_same_weights(train_tiny: TrainTiny, tmp_path: Path) -> None:
    first = train_tiny(tmp_path / "a", trainer={"max_steps": 2})
    second = train_tiny(tmp_path / "b", trainer={"max_steps": 2}, data={"workers": 1})
    other = train_tiny(tmp_path / "c", trainer={"max_steps": 2}, seed=1)
    assert_same(weights(first.last), weights(second.last))
    assert any((weights(first.last)[name] != tensor).any() for name, tensor in weights(other.last).items())


@pytest.mark.slow
def test_resuming_gives_what_an_uninterrupted_training_gives(
    train_tiny: TrainTiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = train_tiny(tmp_path / "whole", trainer={"max_steps": 7})
    from falseflaw.training.callbacks import BestAndLast

    real = BestAndLast.on_train_batch_end

    def die(self: BestAndLast, trainer: Any, *arguments: Any) -> None:
        real(self, trainer, *arguments)
        if trainer.global_step == 5:
            raise Killed

    monkeypatch.setattr(BestAndLast, "on_train_batch_end", die)
    with pytest.raises(Killed):
        train_tiny(tmp_path / "cut", trainer={"max_steps": 7})
    monkeypatch.setattr(BestAndLast, "on_train_batch_end", real)
    resumed = train_tiny(tmp_path / "cut", trainer={"max_steps": 7}, resume="auto")
    assert resumed.steps == 7
    assert_same(weights(whole.last), weights(resumed.last))
    assert_same(weights(whole.best), weights(resumed.best))
    assert validated(tmp_path / "cut") == pytest.approx(validated(tmp_path / "whole"))
    losses = [
        [row["train/loss"] for row in rows(tmp_path / name) if row.get("train/loss")]
        for name in ("whole", "cut")
    ]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("validated_before", [True, False])
def test_a_stop_in_the_last_validation_loses_nothing(
    train_tiny: TrainTiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, validated_before: bool
) -> None:
    from falseflaw.training.callbacks import BestAndLast

    limit = {"max_steps": 4, "val_check_interval": 3 if validated_before else 100}
    whole = train_tiny(tmp_path / "whole", trainer=limit)

    def die(self: BestAndLast, trainer: Any, *arguments: Any) -> None:
        if trainer.global_step == 4:
            raise Killed

    monkeypatch.setattr(BestAndLast, "on_validation_batch_end", die)
    with pytest.raises(Killed):
        train_tiny(tmp_path / "cut", trainer=limit)
    monkeypatch.undo()
    assert (tmp_path / "cut/checkpoints/best.ckpt").is_file() is validated_before
    for _ in range(2):  # the second time there is nothing to do
        resumed = train_tiny(tmp_path / "cut", trainer=limit, resume="auto")
        assert resumed.steps == 4
        assert_same(weights(whole.best), weights(resumed.best))
        assert resumed.figures == whole.figures
        assert validated(tmp_path / "cut") == pytest.approx(validated(tmp_path / "whole"))
    longer = {**limit, "max_steps": 5}
    on = [train_tiny(tmp_path / name, trainer=longer, resume="auto") for name in ("whole", "cut")]
    assert_same(weights(on[0].last), weights(on[1].last))
    assert_same(weights(on[0].best), weights(on[1].best))


def test_ctrl_c_is_passed_on_and_what_was_learnt_stays(
    train_tiny: TrainTiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from falseflaw.training.callbacks import BestAndLast

    real = BestAndLast.on_train_batch_end

    def interrupt(self: BestAndLast, trainer: Any, *arguments: Any) -> None:
        real(self, trainer, *arguments)
        if trainer.global_step == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(BestAndLast, "on_train_batch_end", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train_tiny(tmp_path, trainer={"max_steps": 7})
    monkeypatch.undo()
    assert train_tiny(tmp_path, trainer={"max_steps": 4}, resume="auto").steps == 4


def test_resume_auto_begins_anew_where_there_is_nothing(train_tiny: TrainTiny, tmp_path: Path) -> None:
    assert train_tiny(tmp_path, trainer={"max_steps": 1}, resume="auto").steps == 1


def test_resume_from_another_run_with_more_steps(train_tiny: TrainTiny, tmp_path: Path) -> None:
    train_tiny(tmp_path / "a", trainer={"max_steps": 2})
    result = train_tiny(tmp_path / "b", trainer={"max_steps": 3}, resume=tmp_path / "a")
    assert result.steps == 3
    assert result.best.is_file()


def test_what_cannot_be_resumed_is_one_line(train_tiny: TrainTiny, tmp_path: Path) -> None:
    first = train_tiny(tmp_path / "a", trainer={"max_steps": 1})
    with pytest.raises(ConfigurationError, match="resume=auto or choose another run_dir"):
        train_tiny(tmp_path / "a")
    with pytest.raises(MissingDataError, match="correct resume"):
        train_tiny(tmp_path / "b", resume=tmp_path / "nothing")
    bigger = {
        "backbone": "test_efficientnet",
        "residual_filters": 6,
        "decoder_channels": 8,
        "head_channels": 8,
    }
    with pytest.raises(InvalidDataError, match="of another architecture"):
        train_tiny(tmp_path / "b", resume=first.last, detector=bigger)
    bare = save_detector_checkpoint(Detector(**bigger), tmp_path / "bare.ckpt", bigger)
    with pytest.raises(InvalidDataError, match="weights alone"):
        train_tiny(tmp_path / "b", resume=bare, detector=bigger)
    half = tmp_path / "half.ckpt"
    half.write_bytes(first.last.read_bytes()[:5000])
    with pytest.raises(InvalidDataError, match="cannot read"):
        train_tiny(tmp_path / "b", resume=half)
    assert not (tmp_path / "b").exists()


def test_a_tiny_detector_learns_a_batch_by_heart(train_tiny: TrainTiny, tmp_path: Path) -> None:
    train_tiny(
        tmp_path,
        data={"repeat_batches": 1, "augment": None, "batch_size": 8},
        pairs={"region_share": 1.0},
        trainer={"max_steps": 30, "limit_val_batches": 0},
        optimizer={"learning_rate": 5e-3, "warmup_steps": 2, "weight_decay": 0.0},
        checkpoint_every=1000,
        ema_decay=None,
    )
    curve = losses(tmp_path)
    assert len(curve) == 30
    assert curve[-1] < 0.5 * curve[0]
    assert (tmp_path / "checkpoints/best.ckpt").is_file()  # no validation ran, yet there is a best one


def test_without_average_the_weights_are_the_last_ones(train_tiny: TrainTiny, tmp_path: Path) -> None:
    plain = train_tiny(tmp_path / "a", trainer={"max_steps": 3}, ema_decay=None)
    averaged = train_tiny(tmp_path / "b", trainer={"max_steps": 3}, ema_decay=0.9)
    content = torch.load(averaged.last, weights_only=True)
    for name, tensor in torch.load(plain.last, weights_only=True)["state_dict"].items():
        torch.testing.assert_close(content["current_model_state"][name], tensor, atol=0, rtol=0)
    assert any(
        (content["state_dict"][name] != content["current_model_state"][name]).any()
        for name in content["state_dict"]
    )


@pytest.mark.slow
def test_time_schedule_follows_max_time_and_asks_for_it(train_tiny: TrainTiny, tmp_path: Path) -> None:
    settings = {"schedule": "time", "warmup_steps": 0, "learning_rate": 1e-3, "final_fraction": 0.0}
    limit = {"max_steps": -1, "max_time": {"seconds": 3}, "val_check_interval": 1000}
    result = train_tiny(tmp_path / "a", trainer=limit, optimizer=settings)
    assert result.steps > 1
    rates = [float(row["lr-AdamW/pg1"]) for row in rows(tmp_path / "a") if row.get("lr-AdamW/pg1")]
    assert all(first >= second for first, second in itertools.pairwise(rates))
    assert rates[-1] < 0.7e-3 < rates[0]
    assert len(validated(tmp_path / "a")) == 1  # the end of the time is validated
    with pytest.raises(ConfigurationError, match=r"trainer\.max_time"):
        train_tiny(tmp_path / "b", trainer={"max_steps": 1}, optimizer=settings)


def test_epochs_can_count_instead_of_steps(train_tiny: TrainTiny, tmp_path: Path) -> None:
    every = {"max_steps": -1, "max_epochs": 2, "check_val_every_n_epoch": 1, "val_check_interval": 1.0}
    result = train_tiny(tmp_path, trainer=every)
    assert result.steps == 4  # four sources are two batches of two pairs
    assert sorted(validated(tmp_path)) == [1, 3]


def test_unknown_arguments_are_one_line(train_tiny: TrainTiny, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="depth"):
        train_tiny(tmp_path, detector={"depth": 3})
    with pytest.raises(ConfigurationError, match="ema_decay"):
        train_tiny(tmp_path, ema_decay=1.5)
    with pytest.raises(ConfigurationError, match="checkpoint_every"):
        train_tiny(tmp_path, checkpoint_every=0)


def test_a_loss_that_is_not_finite_ends_the_training(train_tiny: TrainTiny, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"lower optimizer\.learning_rate"):
        train_tiny(tmp_path, trainer={"max_steps": 20}, optimizer={"learning_rate": 1e30, "warmup_steps": 0})
